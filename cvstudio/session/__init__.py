"""What is open and chosen, and what follows from it."""
