"""Counts and digests of the lists published with PATN, and the sources of missing files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.pose import keypoint_frame
from fhpt_bench.data.prepare.search import WIDTH
from fhpt_bench.files import sha256_json


@dataclass(frozen=True)
class Published:
    """A list as published.

    Args:
        count: number of its entries.
        sha256: digest of its content, independent of the file's format; see `digest` and `pose_digest`.
    """

    count: int
    sha256: str


TEST_PAIRS = Published(8570, "d928b46d8e6ae49230def0a3f8267333ab9d9106531b1af0462381c205fe2ad7")
TEST_KEYPOINTS = Published(4038, "c92f66af106938baace408566d874bad3928ff38cf94f5a7888ccb9fdceffdb9")
TRAIN_IMAGES = Published(48674, "382a888243f9170bfbbfbf1f51129f2081f938280ecb8fd270df065f33aad809")
MARKET_PAIRS = Published(12_000, "684dda44ab8db614f5161f598369e8533be7e44343033052625c067de11bc074")
MARKET_KEYPOINTS = Published(19_732, "70e7851c314f6a4096657ef2efd46db820158bfeb364f73dc307c2d15aa1a39e")

IMAGES_FROM = (
    "DeepFashion's authors provide them (In-shop Clothes Retrieval Benchmark, Img/img.zip, whose password they send "
    "for a signed agreement): https://mmlab.ie.cuhk.edu.hk/projects/DeepFashion/InShopRetrieval.html"
)
MARKET_IMAGES_FROM = (
    "Market-1501's authors provide them (Zheng et al., Scalable Person Re-identification: A Benchmark, ICCV 2015)"
)
LISTS_FROM = "PATN's authors provide it (fashion_data): https://github.com/tengteng95/Pose-Transfer"
MARKET_LISTS_FROM = LISTS_FROM.replace("fashion_data", "market_data")


def digest(entries: Sequence[str] | Sequence[tuple[str, str]]) -> str:
    """The digest of sorted stems, or of sorted pairs of stems."""
    return sha256_json(entries)


def pose_digest(poses: Mapping[str, NDArray[np.float32]]) -> str:
    """The digest of poses by stem, in pixels of the crop, rounded to 0.1."""
    shift = (keypoint_frame(poses, WIDTH) - WIDTH) / 2
    return sha256_json(
        [[name, np.nan_to_num(poses[name] - (shift, 0), nan=-999).round(1).tolist()] for name in sorted(poses)]
    )
