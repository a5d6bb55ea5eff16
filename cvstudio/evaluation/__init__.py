"""Evaluation: what a model predicts for a labelled set of pictures, measured against the labels."""
