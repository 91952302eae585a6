"""How near each number is to its reference, computed for docs/precision.md."""
