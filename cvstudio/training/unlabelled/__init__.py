"""Learning from pictures without labels: pseudo-labels and self-training."""
