"""Weights in the window: what is missing is offered, got on a worker, or taken from a file of the user's."""
