"""Open files and folders: what is in them, how one leafs through them, and how files come into the window."""
