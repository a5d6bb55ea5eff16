"""Training of the embedded network of depth."""
