"""Anchors: images with a known defect, which give every score a scale."""
