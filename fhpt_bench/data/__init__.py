"""Data of benchmarks: file names, pair lists, poses and images."""
