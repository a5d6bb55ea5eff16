"""Where checkpoints come from and how they are read without running what they hold."""
