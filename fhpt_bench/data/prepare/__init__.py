"""Preparation of DeepFashion: from the downloaded files to the folder that the benchmark reads."""
