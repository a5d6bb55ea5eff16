"""Loading, running and speeding up networks."""
