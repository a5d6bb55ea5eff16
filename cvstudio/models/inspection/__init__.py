"""What a network is made of: its layers, what each puts out and costs, and how much of the picture each sees."""
