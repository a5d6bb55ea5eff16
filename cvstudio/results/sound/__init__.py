"""Results of analyses of sound."""
