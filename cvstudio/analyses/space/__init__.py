"""Things in space: forms of one object, surfaces of points and depth, fused frames, points of several pictures."""
