"""The main window: commands, palette, dock layout, workspace."""
