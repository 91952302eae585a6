"""Preparation of a data set: from the downloaded files to the folder that the benchmark reads."""
