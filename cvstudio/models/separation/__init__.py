"""Networks that part a sound into its sources, or speech from noise."""
