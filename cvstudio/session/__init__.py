"""State of the program: open media, analyses in use, undo, projects."""
