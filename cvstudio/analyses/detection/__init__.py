"""Analyses that find objects, and what is done with them."""
