"""Commands that measure running times."""
