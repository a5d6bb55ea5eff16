"""Networks that the user brings along: an ONNX or TorchScript file, and a declaration of what goes in and comes out.

The declaration is a YAML file beside the weights (`declaration` says what is in it); from it and the file comes an
ordinary `ModelSpec`, so that menus, command line, cache and exports know the network like any other.
"""
