"""Forms of things in space beside meshes and point clouds: voxels, distance fields, cameras and lines."""
