"""Semantic parsing transformation (SPT): first the target's parsing map, then the image that it describes."""
