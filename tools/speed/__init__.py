"""How long things take, measured by command."""
