"""Pictures of samples: depth maps, meshes and point clouds."""
