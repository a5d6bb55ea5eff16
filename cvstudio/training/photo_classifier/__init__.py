"""Calibration of the default classifier, whose weights are published ones."""
