"""The window. It imports `cvstudio`; nothing there imports it."""
