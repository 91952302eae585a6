"""A tiny benchmark of coloured noise, with the layout of DeepFashion, so that the host is tested without a renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PEOPLE, TRAIN, SIZE = 12, 7, (64, 48)
VIEWS = ("1front", "2side")


def save_noise(path: Path, rng: np.random.Generator) -> None:
    """Write an image of smooth coloured noise."""
    blocks = rng.integers(0, 256, (SIZE[0] // 8, SIZE[1] // 8, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((SIZE[1], SIZE[0]), Image.Resampling.BICUBIC).save(path)


def build_benchmark(root: Path) -> Path:
    """Write images, pair list, keypoints and the benchmark file; returns the TOML file."""
    rng = np.random.default_rng(0)
    (root / "test").mkdir(parents=True)
    pairs, keypoints = ["from,to"], ["name:keypoints_y:keypoints_x"]
    for person in range(PEOPLE):
        names = [f"fashion{'WOMEN' if person % 2 else 'MEN'}Tees_Tanksid{person:08d}01_{view}.jpg" for view in VIEWS]
        for name in names:
            save_noise(root / "test" / name, rng)
            joints = rng.uniform([0, 0], [SIZE[1], SIZE[0]], (18, 2)).round(1)
            keypoints.append(f"{name}: {joints[:, 1].tolist()}: {joints[:, 0].tolist()}")
        pairs += [f"{a},{b}" for a in names for b in names if a != b]
    (root / "train").mkdir()
    train = [f"fashionMENTees_Tanksid{person:08d}01_1front.jpg" for person in range(100, 100 + TRAIN)]
    for name in train:
        save_noise(root / "train" / name, rng)
    (root / "train.lst").write_text("\n".join([*train, train[0]]) + "\n")
    (root / "pairs.csv").write_text("\n".join(pairs) + "\n")
    (root / "keypoints.csv").write_text("\n".join(keypoints) + "\n")
    settings = root / "tiny.toml"
    settings.write_text(
        'id = "tiny"\nversion = "1"\ntitle = "coloured noise"\nroot = "."\n'
        f"image_size = [{SIZE[0]}, {SIZE[1]}]\n"
        'train_images = "train"\ntrain_list = "train.lst"\n'
        'images = "test"\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\n'
        'protocols = ["ssim", "psnr", "lpips:alex-0.1"]\n'
    )
    return settings


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """The file of a benchmark: 24 pairs of 12 people and 7 training images, 48 wide and 64 high."""
    return build_benchmark(tmp_path / "data")


@pytest.fixture(autouse=True)
def own_feature_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests do not share cached features; the weights that `make test` fetched are still found."""
    from fhpt_bench.files import cache_folder

    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(cache_folder() / "weights"))
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
