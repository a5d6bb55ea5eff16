"""Readers of the files of meshes and point clouds, one format or part each; `formats/geometry.py` registers them."""
