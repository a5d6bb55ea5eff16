"""One way to run an analysis, for the window, the command line and Python."""
