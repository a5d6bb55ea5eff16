"""Infrastructure without any image processing: errors, parameters, registries, files, threads."""
