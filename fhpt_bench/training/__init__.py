"""Training: the recipe interface, the held-out people, the training loop and the training folder."""
