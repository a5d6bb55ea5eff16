"""Scenes drawn by OpenGL 3.3 into memory, on a graphics card or in software."""
