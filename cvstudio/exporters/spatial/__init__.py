"""Files of scenes."""
