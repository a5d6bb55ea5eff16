"""Result types of analyses, one file for each."""
