"""Sound that is heard and shown."""
