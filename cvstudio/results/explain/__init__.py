"""What visualisations of a network give."""
