"""Building blocks of progressive pose attention transfer (PATN), which other networks use as well."""
