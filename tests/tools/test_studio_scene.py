"""Rendering of one image: runs only if the renderer's packages are installed and STUDIO_ASSETS is set to a folder."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ASSETS = os.environ.get("STUDIO_ASSETS", "")


def test_an_image_matches_its_truth_and_is_reproducible(tmp_path: Path) -> None:
    pytest.importorskip("bpy")
    pytest.importorskip("anny")
    if not ASSETS:
        pytest.skip("STUDIO_ASSETS is not set")
    from tools.studio import casting, shooting
    from tools.studio.labels import CLASSES
    from tools.studio.landmarks import COCO
    from tools.studio.truth import Truth

    roles = casting.cast(0, "test", 1)
    takes = [shooting.shots(roles, tmp_path / take, 1)[:1] for take in "ab"]
    for take in takes:
        shooting.take(Path(ASSETS), take, lambda: None)
    (first,), (again,) = takes
    assert first.is_done()
    assert first.image.read_bytes() == again.image.read_bytes()
    assert first.truth.read_bytes() == again.truth.read_bytes()

    truth = Truth.load(first.truth)
    pixels = np.asarray(Image.open(first.image).convert("RGB")).astype(float)
    assert pixels.shape == (256, 176, 3)
    shown = truth.labels > 0
    assert 0.15 < shown.mean() < 0.7
    assert pixels[~shown].std() < 30  # paper: uniform grey with a soft shadow
    x, y, seen = truth.body[COCO.index("nose")]
    assert seen
    assert CLASSES[truth.labels[int(y), int(x)]] == "face"
    for side in ("left", "right"):
        x, y, seen = truth.body[COCO.index(f"{side}_shoulder")]
        assert CLASSES[truth.labels[int(y), int(x)]] == "upper"
    assert truth.frontal
    assert truth.face[:, 2].mean() > 0.9
