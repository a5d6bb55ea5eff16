"""Classifiers of whole pictures."""
