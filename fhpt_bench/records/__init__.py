"""Records: what one model got on one benchmark, how they are read, compared and validated."""
