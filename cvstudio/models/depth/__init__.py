"""Networks that tell depth from one picture."""
