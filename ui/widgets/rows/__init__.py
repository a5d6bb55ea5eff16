"""Rows of a generated form: one for each kind of parameter or input."""
