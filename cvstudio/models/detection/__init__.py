"""Networks and classical methods that find objects."""
