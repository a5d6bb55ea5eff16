"""The recipes of the embedded models, one file each."""
