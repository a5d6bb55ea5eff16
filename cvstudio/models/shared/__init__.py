"""Code shared by several families of networks: preprocessing, candidates, labels, trunks."""
