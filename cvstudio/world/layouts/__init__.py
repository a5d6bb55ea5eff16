"""How scenes of each kind are laid out."""
