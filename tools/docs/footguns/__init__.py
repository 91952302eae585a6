"""The traps of docs/footguns.md, measured: each function of these modules makes one table."""
