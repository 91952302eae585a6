"""Every separate tool against one pass of `evaluate --protocols all`, on the same images: see `__main__`."""
