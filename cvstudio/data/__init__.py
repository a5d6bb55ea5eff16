"""Samples and the arithmetic on them: geometry, boxes, colour, meshes."""
