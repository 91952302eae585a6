"""Preparing DeepFashion: from what a researcher has on disk to the folder that the benchmark reads."""
