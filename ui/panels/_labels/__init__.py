"""Parts of the labels panel."""
