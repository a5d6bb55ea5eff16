"""Commands of the main window by subject, beside those of `ui.window.commands`."""
