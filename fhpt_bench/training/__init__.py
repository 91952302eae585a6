"""What everything that is trained shares: the recipe interface, the held-out people, the loop, the folder."""
