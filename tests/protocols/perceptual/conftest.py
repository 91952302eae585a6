"""Pairs of images of any size: smooth shapes with noise, so that no metric is at a limit of its range."""

import numpy as np
import pytest


def make_pairs(n, height, width, seed=0):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    phase = rng.uniform(0, 6, (n, 1, 1, 3))
    waves = 128 + 90 * np.sin(x[None, :, :, None] / 7 + phase) * np.cos(y[None, :, :, None] / 11 + phase)
    target = np.clip(waves + rng.normal(0, 8, waves.shape), 0, 255).astype(np.uint8)
    generated = np.clip(waves + rng.normal(0, 25, waves.shape), 0, 255).astype(np.uint8)
    return generated, target


@pytest.fixture
def pairs():
    return make_pairs
