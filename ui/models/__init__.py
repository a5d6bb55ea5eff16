"""Choosing, getting and declaring networks."""
