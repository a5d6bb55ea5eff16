"""Views of the results panel: one file for each type of result whose table is not enough."""
