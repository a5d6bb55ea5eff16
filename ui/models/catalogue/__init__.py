"""The catalogue of models: table, summary chart, and the card of a model with its layers."""
