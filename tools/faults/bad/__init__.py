"""Kinds of bad input, each a function that spoils something in a `Place` and returns the command."""
