"""How networks are loaded, run and made fast."""
