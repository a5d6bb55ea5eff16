"""Analyses that show labels, so that ground truth is a layer like any other."""
