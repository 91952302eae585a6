"""A tiny benchmark with training pairs and face landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

VIEWS = ("1front", "2side")


@pytest.fixture
def paired(tiny: Path) -> Path:
    """The tiny benchmark with twelve training people, each with two views and two pairs, and with face landmarks."""
    root, rng, names = tiny.parent, np.random.default_rng(1), []
    files = sorted((root / "test").iterdir())
    pairs, keypoints = ["from,to"], ["name:keypoints_y:keypoints_x"]
    for person in range(12):
        gender = "WOMEN" if person % 3 else "MEN"
        own = [f"fashion{gender}Denimid{900 + person:08d}01_{view}.jpg" for view in VIEWS]
        for name in own:
            (root / "train" / name).write_bytes(files[len(names)].read_bytes())
            x, y = rng.uniform([[0], [0]], [[47], [63]], (2, 18)).round(1).tolist()
            x[4] = y[4] = -1
            keypoints.append(f"{name}: {y}: {x}")
            names.append(name)
        pairs += [f"{own[0]},{own[1]}", f"{own[1]},{own[0]}"]
    face = np.concatenate([rng.uniform(0, 48, (24, 68, 2)), rng.integers(0, 2, (24, 68, 1))], 2)
    np.savez(root / "truth-train.npz", names=np.array(names), face=face.astype(np.float32))
    for file, lines in (("train.lst", names), ("train-pairs.csv", pairs), ("train-keypoints.csv", keypoints)):
        (root / file).write_text("\n".join(lines) + "\n")
    lines = 'train_pairs = "train-pairs.csv"\ntrain_keypoints = "train-keypoints.csv"\n'
    tiny.write_text(tiny.read_text() + lines + 'train_truth = "truth-train.npz"\n')
    return tiny
