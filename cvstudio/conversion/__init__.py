"""Conversions between the forms of things in space: meshes, point clouds, voxels, distance fields, pictures and parts.

Each is a pure function of samples of `cvstudio.data`; the same input gives the same output. What computes in single
precision or prints is kept within: coordinates are moved to the middle of the object first, and back afterwards.
"""
