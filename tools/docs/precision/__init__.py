"""Differences between our functions and reference implementations, computed for docs/precision.md."""
