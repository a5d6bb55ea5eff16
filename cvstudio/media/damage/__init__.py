"""Damaged files that open nevertheless: what is lost of them."""
