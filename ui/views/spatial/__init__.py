"""The view of things in space: meshes, clouds, voxels, cameras and lines."""
