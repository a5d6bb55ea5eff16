"""How far two results of the same kind agree."""
