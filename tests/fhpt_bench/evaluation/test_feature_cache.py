"""The feature cache returns the stored value, or nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.feature import FeatureSpec
from fhpt_bench.files import sha256_json

SPEC = FeatureSpec("f", 1, ("w",), "none")


@pytest.mark.parametrize(
    "other",
    [
        FeatureSpec("f", 2, ("w",), "none").identity({"w": "1"}),
        FeatureSpec("f", 1, ("w",), "resized").identity({"w": "1"}),
        FeatureSpec("f", 1, ("w",), "none", backend="jax").identity({"w": "1"}),
        FeatureSpec("f", 1, ("w",), "none", dtype="bfloat16").identity({"w": "1"}),
        SPEC.identity({"w": "2"}),
    ],
)
def test_anything_that_can_change_a_value_is_part_of_the_key(tmp_path: Path, other: dict[str, object]) -> None:
    cache = FeatureCache(SPEC.identity({"w": "1"}), tmp_path)
    cache.put("image", np.ones(3, np.float32))
    assert FeatureCache(SPEC.identity({"w": "1"}), tmp_path).get("image") is not None
    assert FeatureCache(other, tmp_path).get("image") is None
    assert cache.get("another image") is None


def test_the_key_of_a_cpu_stays(tmp_path: Path) -> None:
    """Otherwise every user's cache would be empty."""
    identity = SPEC.identity({"w": "1"})
    FeatureCache(identity, tmp_path, "cpu").put("image", np.ones(3, np.float32))
    assert [file.stem for file in tmp_path.rglob("*.npy")] == [sha256_json(["image", identity])]


@pytest.mark.parametrize("cut", [-1, 40, 10, 0])
def test_damaged_entry_counts_as_absent(tmp_path: Path, cut: int) -> None:
    cache = FeatureCache(SPEC.identity({"w": "1"}), tmp_path)
    cache.put("image", np.arange(8, dtype=np.float32))
    [entry] = tmp_path.rglob("*.npy")
    entry.write_bytes(entry.read_bytes()[:cut])
    assert cache.get("image") is None
    cache.put("image", np.arange(8, dtype=np.float32))
    assert (cache.get("image") == np.arange(8)).all()
