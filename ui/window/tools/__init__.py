"""Tools that edit on the canvas: drawn parameters and labels."""
