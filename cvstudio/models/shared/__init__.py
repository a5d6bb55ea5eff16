"""What several families of networks share."""
