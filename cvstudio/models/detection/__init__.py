"""Object detectors: networks and classical methods."""
