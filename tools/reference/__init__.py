"""Train the reference models: `python -m tools.reference --only patn,pg2 --seconds 520`."""
