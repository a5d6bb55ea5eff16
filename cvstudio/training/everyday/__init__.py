"""Training of the default detector: everyday things on photographs, by distillation."""
