"""Progressive pose attention transfer: so far its building blocks, of which other networks are made as well."""
