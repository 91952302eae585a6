"""What is measured: one file a metric, pure functions on arrays above, a small Protocol class below."""
