"""The content of the measure panel."""
