"""Adding a network of the user: the form, and what it finds on the open picture."""
