"""One pass over the pairs of a benchmark: generate, measure, write the record."""
