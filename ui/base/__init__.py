"""What every part of the window stands on: theme, icons, translation, settings, keys."""
