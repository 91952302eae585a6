"""One file a command; each imports its work only when it is called."""
