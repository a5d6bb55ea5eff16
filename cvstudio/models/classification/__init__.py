"""Networks that name a whole picture."""
