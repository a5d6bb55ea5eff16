"""Catalogue: all models in one table, with task, size, published scores, licence and place of the weights."""
