"""A substitute for Market-1501 in tests: people of `studio`, 64 wide and 128 high, with its names and lists."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.deepfashion_standin import stand_in

SIDE = 24  # columns of a studio image that are cut off on each side before it is halved


@dataclass(frozen=True)
class MarketStandIn:
    """Some people of `studio` as Market-1501 has them.

    Args:
        images: split -> file name -> (128, 64, 3) uint8; the first test image's name ends with .jpg twice.
        poses: split -> file name -> (18, 2) whole pixels, NaN if missing; with one distractor and one junk image of the
            test split, which have no joint.
    """

    images: dict[str, dict[str, NDArray[np.uint8]]] = field(default_factory=dict)
    poses: dict[str, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    def write_images(self, root: Path, folders: str = "bounding_box_") -> None:
        """Write the images as bounding_box_test/ and bounding_box_train/, or as test/ and train/."""
        for split, images in self.images.items():
            (root / f"{folders}{split}").mkdir(parents=True, exist_ok=True)
            for name, pixels in images.items():
                Image.fromarray(pixels).save(root / f"{folders}{split}" / name, quality=95)

    def write_keypoints(self, file: Path, split: str) -> None:
        """Write an annotation file."""
        lines = ["name:keypoints_y:keypoints_x"]
        for name, pose in self.poses[split].items():
            x, y = np.where(np.isnan(pose), -1, pose).T.astype(int).tolist()
            lines.append(f"{name}: {json.dumps(y)}: {json.dumps(x)}")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")


def market_stand_in(test_people: int = 3, train_people: int = 2) -> MarketStandIn:
    """People of studio's splits, five images each.

    Args:
        test_people: number of people of the test split.
        train_people: number of people of the training split.
    """
    people, made = stand_in(test_people, train_people), MarketStandIn()
    for split, first in (("test", 11), ("train", 2)):
        made.images[split], made.poses[split] = {}, {}
        for i, (name, pixels) in enumerate(people.images[split].items()):
            twice = split == "test" and i == 0
            code = f"{first + i // 5:04d}_c{1 + i % 5}s1_{i:06d}_01.jpg{'.jpg' if twice else ''}"
            cut = Image.fromarray(pixels[:, SIDE:-SIDE])
            made.images[split][code] = np.asarray(cut.resize((64, 128), Image.Resampling.BICUBIC))
            pose = ((people.poses[split][name] - (SIDE, 0)) / 2).round()
            there = np.isfinite(pose).all(1) & (pose >= 0).all(1) & (pose < (64, 128)).all(1)
            made.poses[split][code] = np.where(there[:, None], pose, np.nan).astype(np.float32)
    for nobody in ("0000_c1s1_000000_01.jpg", "-1_c1s1_000000_01.jpg"):
        made.poses["test"][nobody] = np.full((18, 2), np.nan, np.float32)
    return made
