"""Renderer of the `studio` benchmark: people in procedural clothes, with exact ground truth."""
