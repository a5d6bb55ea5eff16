"""Formats of what explains a network: heat maps and feature maps."""
