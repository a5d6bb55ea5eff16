"""Scripted tours of the window that take screenshots."""
