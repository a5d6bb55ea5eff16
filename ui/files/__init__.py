"""Opening, saving, exporting and recording."""
