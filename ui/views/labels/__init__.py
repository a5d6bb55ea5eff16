"""Labels corrected on the canvas: the tool, what paints it, and the chooser of classes."""
