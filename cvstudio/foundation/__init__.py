"""Plumbing that knows no picture: errors, parameters, registries, files, threads."""
