"""Measurements for docs/footguns.md: each function of these modules makes one table."""
