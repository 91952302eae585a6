"""Tables over records; scores that are not comparable never share a column."""
