"""Custom models: a user's ONNX or TorchScript file, with a declaration of its input and outputs.

The declaration is a YAML file beside the weights (format: `declaration`). The two make an ordinary `ModelSpec`, so that
menus, command line, cache and exports treat the network like any other.
"""
