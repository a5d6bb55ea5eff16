"""Foundation of the window: theme, icons, translation, settings, keys."""
