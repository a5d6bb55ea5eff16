"""The catalogue of models: a table, the summary chart, and the card of one with its layers."""
