"""Entries of the anchors in the weights store: both were made from the training images of studio 1.0."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped

AUTOENCODER = shipped(
    "baselines/anchors/autoencoder.safetensors",
    "an autoencoder with 16 numbers for 8x8 pixels, trained on studio 1.0",
    469_768,
    "fd5217ebfbfb81e62c29b347e7baa45f2f5c17cd154faa2c4290b3b27da0459d",
    "d4744e07a14ca7e18f720da2a6f1e43ad7cba5e42885bb9986a9effcd1383ec0",
)

MEAN_IMAGE = shipped(
    "baselines/anchors/mean-image.safetensors",
    "the mean of the training images of studio 1.0",
    270_976,
    "d2d7ead62d37da8d12523b3b17795ed7b2d5b0414590a145b9a7cad0d5c5150c",
    "7999d655016bde454f967cf4e5fa664d0dfaf4196c2b5f74c89e89da30104e1d",
)
