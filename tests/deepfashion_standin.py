"""A substitute for DeepFashion in tests: people of `studio` in its exact formats.

`stand_in()` returns images, pairs and poses; its methods write them in the layouts of DeepFashion, PATN and others.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.benchmark import data_folder
from fhpt_bench.data.images import read_image
from fhpt_bench.data.names import parse_name, stem
from fhpt_bench.data.pose import read_keypoints

MARGIN, WIDTH, HEIGHT = 40, 176, 256  # columns that PATN's crop removes on each side, and the size that remains


def tree_name(name: str) -> str:
    """`fashionWOMENDressesid0000000101_1front` -> `img/WOMEN/Dresses/id_00000001/01_1_front.jpg`.

    Examples:
        >>> tree_name("fashionMENDenimid0000008001_7additional")
        'img/MEN/Denim/id_00000080/01_7_additional.jpg'
    """
    said = parse_name(f"{name}.jpg")
    assert said is not None
    shot = name.removesuffix(said.view)[-1]
    return f"img/{said.gender}/{said.category}/id_{said.item}/{said.variant}_{shot}_{said.view}.jpg"


@dataclass(frozen=True)
class StandIn:
    """Some people of `studio` with names and formats of DeepFashion; all names are stems.

    Args:
        images: split -> stem -> (256, 176, 3) uint8.
        pairs: split -> (source, target), all ordered pairs of a person's images.
        poses: split -> stem -> (18, 2) pixels of the crop, NaN if missing.
    """

    images: dict[str, dict[str, NDArray[np.uint8]]] = field(default_factory=dict)
    pairs: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    poses: dict[str, dict[str, NDArray[np.float32]]] = field(default_factory=dict)

    @property
    def everything(self) -> dict[str, NDArray[np.uint8]]:
        """The images of both splits."""
        return {name: pixels for images in self.images.values() for name, pixels in images.items()}

    def padded(self, name: str) -> NDArray[np.uint8]:
        """(256, 256, 3): an image as in img.zip, with white sides."""
        return np.pad(self.everything[name], ((0, 0), (MARGIN, MARGIN), (0, 0)), constant_values=255)

    def write_tree(
        self,
        root: Path,
        folder: str = "img",
        scale: int = 1,
        names: Sequence[str] = (),
        size: tuple[int, int] | None = None,
    ) -> None:
        """Write the folder tree of img.zip; or, enlarged and without sides, of the high-resolution archive.

        Args:
            root: folder in which the tree begins.
            folder: name of the first folder of the tree.
            scale: factor of the size; without sides if it is not 1.
            names: the images, default: all.
            size: (width, height) in place of a scale, without sides.
        """
        for name in names or self.everything:
            pixels = self.padded(name) if scale == 1 and size is None else self.everything[name]
            pixel_size = size or (pixels.shape[1] * scale, pixels.shape[0] * scale)
            file = root / tree_name(name).replace("img/", f"{folder}/", 1)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).resize(pixel_size).save(file, quality=95)

    def write_flat(
        self, folder: Path, padded: bool, prefix: str = "fashion", suffix: str = "jpg", names: Sequence[str] = ()
    ) -> None:
        """Write the images with joined folder names, as PATN's scripts do: 256 or 176 wide."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in names or self.everything:
            pixels = self.padded(name) if padded else self.everything[name]
            Image.fromarray(pixels).save(folder / f"{name.replace('fashion', prefix, 1)}.{suffix}", quality=95)

    def write_lists(self, root: Path, splits: Sequence[str] = ("test", "train")) -> None:
        """Write the lists that PATN provides: fasion-resize-*, 176 wide, and the lists of images."""
        root.mkdir(parents=True, exist_ok=True)
        for split in splits:
            rows = [f"{source}.jpg,{target}.jpg" for source, target in self.pairs[split]]
            (root / f"fasion-resize-pairs-{split}.csv").write_text("\n".join(["from,to", *rows]) + "\n")
            self.write_keypoints(root / f"fasion-resize-annotation-{split}.csv", split, wide=False)
            (root / f"{split}.lst").write_text("".join(f"{name}.jpg\n" for name in self.images[split]))

    def write_keypoints(self, file: Path, split: str, wide: bool, tree: bool = False) -> None:
        """Write a keypoint file in the frame of 256 or of 176."""
        lines = ["name:keypoints_y:keypoints_x"]
        for name, pose in self.poses[split].items():
            moved = pose + np.array([MARGIN if wide else 0, 0])
            x, y = np.where(np.isnan(moved), -1, moved).T.round(1).tolist()
            lines.append(f"{tree_name(name) if tree else f'{name}.jpg'}: {json.dumps(y)}: {json.dumps(x)}")
        file.write_text("\n".join(lines) + "\n")

    def write_pose_files(self, root: Path) -> None:
        """Write NTED's tree of keypoint files, one for each image, in the frame of 256."""
        for name, pose in {name: pose for poses in self.poses.values() for name, pose in poses.items()}.items():
            file = (root / tree_name(name).replace("img/", "pose/", 1)).with_suffix(".txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            rows = np.where(np.isnan(pose), -1, pose + np.array([MARGIN, 0]))
            file.write_text("".join(f"{x:.1f} {y:.1f}\n" for x, y in rows))

    def write_official(self, root: Path) -> None:
        """Write the official partition and item files to Eval/ and Anno/, as in the archive."""
        names = {name: split for split, images in self.images.items() for name in images}
        items = {name: f"id_{parse_name(f'{name}.jpg').item}" for name in names}
        status = {"train": "train", "test": "query"}
        rows = [f"{tree_name(name):<68} {items[name]}   {status[split]}" for name, split in names.items()]
        for folder in ("Eval", "Anno"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        header = f"{len(rows)}\nimage_name item_id evaluation_status\n"
        (root / "Eval" / "list_eval_partition.txt").write_text(header + "\n".join(rows) + "\n")
        listed = sorted(set(items.values()))
        (root / "Anno" / "list_item_inshop.txt").write_text(f"{len(listed)}\n" + "\n".join(listed) + "\n")


def stand_in(test_people: int = 3, train_people: int = 2, train_women: int = 0) -> StandIn:
    """The first people of `studio`'s splits, five images each; one item is in both splits, as in DeepFashion.

    Args:
        test_people: number of people of the test split.
        train_people: number of people of the training split; the first ones are men.
        train_women: number of women, the last people of the split, in addition to them.
    """
    folder, made = data_folder("studio"), StandIn()
    for split, people in (("test", test_people), ("train", train_people)):
        listed = [stem(line) for line in (folder / f"{split}.lst").read_text().split()]
        women = train_women if split == "train" else 0
        names = listed[: 5 * people] + listed[len(listed) - 5 * women :]
        poses = read_keypoints(folder / f"fasion-resize-annotation-{split}.csv", (HEIGHT, WIDTH))
        spelled = {name: name for name in names}
        if split == "train":
            first = parse_name(f"{next(iter(made.images['test']))}.jpg")
            assert first is not None
            old = f"id{parse_name(f'{names[0]}.jpg').item}01"
            spelled = {name: name.replace(old, f"id{first.item}09") for name in names}
        made.images[split] = {spelled[name]: read_image(folder / split / f"{name}.jpg") for name in names}
        made.poses[split] = {spelled[name]: poses[f"{name}.jpg"] for name in names}
        groups = [list(made.images[split])[i : i + 5] for i in range(0, len(names), 5)]
        made.pairs[split] = [(a, b) for group in groups for a in group for b in group if a != b]
    return made
