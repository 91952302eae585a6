"""The input of a preparation: all lists are read and compared before anything is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import read_header, read_image
from fhpt_bench.data.layouts import has_plain_sides
from fhpt_bench.data.names import parse_name
from fhpt_bench.data.pose import keypoint_frame
from fhpt_bench.data.prepare import published
from fhpt_bench.data.prepare.lists import (
    read_any_images,
    read_any_keypoints,
    read_any_pairs,
    read_items,
    read_partition,
    read_pose_files,
)
from fhpt_bench.data.prepare.published import IMAGES_FROM, LISTS_FROM, Published
from fhpt_bench.data.prepare.search import (
    ARCHIVES,
    HEIGHT,
    ITEMS,
    PARTITION,
    WIDTH,
    Archive,
    Findings,
    ImageFolder,
    archive_of,
    search,
)
from fhpt_bench.data.prepare.spelling import DEEPFASHION, Spelling
from fhpt_bench.errors import UserError

Pairs = list[tuple[str, str]]
Poses = dict[str, NDArray[np.float32]]
_SAMPLE = 100  # images whose sides or shapes are looked at
_ORIGINAL, _SHAPE = 750 / 1101, 0.02  # width / height of the originals, and its largest relative difference
Content = TypeVar("Content")


@dataclass
class Survey:
    """The files found in the given folders; all names are stems in one form.

    Args:
        size: (height, width) of the benchmark's images.
        archive: the archive that the images come from.
        benchmark: id of the benchmark.
        images: split -> stem -> file; the training images only if all of them were found.
        pairs: split -> (source, target); always with the test split if nothing is missing.
        poses: split -> stem -> (18, 2) pixels in the frame of their file; always with the test split if nothing is
            missing.
        train_list: names of the training images, found or not.
        lines: report of what was found: (label, text) each.
        missing: required files that are missing, each with its source.
    """

    size: tuple[int, int] = (HEIGHT, WIDTH)
    archive: Archive = "side-padded"
    benchmark: str = "deepfashion"
    images: dict[str, dict[str, Path]] = field(default_factory=dict)
    pairs: dict[str, Pairs] = field(default_factory=dict)
    poses: dict[str, Poses] = field(default_factory=dict)
    train_list: list[str] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def say(self, label: str, text: str) -> None:
        """Add a line to the report."""
        self.lines.append((label, text))


def survey(roots: Sequence[Path], out: Path, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Survey:
    """Find DeepFashion's images and lists, read the lists, and compare them with each other.

    Args:
        roots: folders to search.
        out: the output folder of the preparation, which is not searched.
        size: (height, width) of the benchmark's images, one of `SIZES`.

    Returns:
        The files found; `missing` is empty if they are sufficient.

    Raises:
        UserError: if a folder or list cannot be read, or two lists contradict each other.
    """
    found = find_files(roots, out, DEEPFASHION)
    result = Survey(size)
    _lists(result, found)
    _images(result, found)
    _training(result)
    _official(result, found)
    return result


def find_files(roots: Sequence[Path], out: Path, spelling: Spelling) -> Findings:
    """Search the folders of a preparation.

    Args:
        roots: folders to search.
        out: the output folder, which is not searched.
        spelling: the data set's names.

    Raises:
        UserError: if a folder cannot be read, or the output would contain it.
    """
    place = Path(os.path.realpath(out))
    for root in roots:
        if Path(os.path.realpath(root)).is_relative_to(place):
            raise UserError(f"The output folder {out} would contain {root}, which is only read: give another --out.")
    return search([Path(os.path.abspath(root)) for root in roots], Path(os.path.abspath(out)), spelling)


def _lists(result: Survey, found: Findings) -> None:
    for split in ("test", "train"):
        if pairs := agreed(found, f"pairs-{split}", read_any_pairs, lambda a, b: a == b):
            result.pairs[split], file = pairs
            known = published.TEST_PAIRS if split == "test" else None
            said = against(known, len(pairs[0]), published.digest(pairs[0]))
            result.say(f"{split} pairs", f"{len(pairs[0])} in {file}{said}")
        if poses := agreed(found, f"keypoints-{split}", read_any_keypoints, same_poses):
            result.poses[split], file = poses
            known = published.TEST_KEYPOINTS if split == "test" else None
            said = against(known, len(poses[0]), published.pose_digest(poses[0]), "scores that use poses")
            frame = keypoint_frame(poses[0], WIDTH)
            result.say(f"{split} keypoints", f"{len(poses[0])} in {file}, frame {frame} wide{said}")
        elif found.poses and (files := _pose_files(result, found.poses, split)):
            result.poses[split] = read_pose_files(files)
            result.say(f"{split} keypoints", f"{len(files)} files in {found.poses.folder}")
        for kind, held in (("pair list", result.pairs), ("keypoint file", result.poses)):
            if split == "test" and split not in held:
                result.say(f"{split} {kind}", "missing")
                name = "pairs" if kind == "pair list" else "annotation"
                result.missing.append(f"the test {kind} (fasion-resize-{name}-test.csv); {LISTS_FROM}")
    if images := agreed(found, "images-train", read_any_images, lambda a, b: a == b):
        result.train_list, file = images
        said = against(published.TRAIN_IMAGES, len(images[0]), published.digest(images[0]))
        result.say("training list", f"{len(images[0])} in {file}{said}")
    else:
        result.say("training list", f"train.lst is missing: --subset leak-free and training need it; {LISTS_FROM}")


def _pose_files(result: Survey, poses: ImageFolder, split: str) -> dict[str, Path]:
    """The keypoint files of the images of a split's pairs."""
    names = sorted({name for pair in result.pairs.get(split, []) for name in pair})
    return take(poses, [name for name in names if name in poses.files], "keypoint files")


def agreed(
    found: Findings, role: str, read: Callable[[Path], Content], same: Callable[[Content, Content], bool]
) -> tuple[Content, Path] | None:
    """The common content of all lists of one role, and the first of them; None if there is none."""
    files = found.lists.get(role, [])
    contents = [read(file) for file in files]
    for file, content in zip(files, contents, strict=True):
        if not same(content, contents[0]):
            raise UserError(f"{files[0]} and {file} have different contents: keep one of them below --root.")
    return (contents[0], files[0]) if files else None


def same_poses(one: Poses, other: Poses) -> bool:
    """Whether two keypoint files have the same content, in either frame."""
    return published.pose_digest(one) == published.pose_digest(other)


def against(known: Published | None, count: int, sha256: str, affected: str = "scores") -> str:
    """What the report says of a list, compared with the published one; "" if none is known."""
    if known is None:
        return ""
    if sha256 == known.sha256:
        return ": as published with PATN"
    entries = f"{known.count} entries" if count != known.count else "the same number of entries"
    return f": differs from PATN's published list ({entries}), so {affected} may differ from the papers'"


def _images(result: Survey, found: Findings) -> None:
    """Choose the folder that contains every image of the test pairs."""
    needed = sorted({name for pair in result.pairs.get("test", []) for name in pair})
    if "test" in result.poses and (lost := [name for name in needed if name not in result.poses["test"]]):
        result.missing.append(
            f"the keypoints of {len(lost)} of {len(needed)} test images, first {lost[0]}; {LISTS_FROM}"
        )
    if not needed:
        counts = ", ".join(f"{len(folder.files)} in {folder.folder}" for folder in found.folders) or "none"
        result.say("images", f"{counts}; the test pair list is needed to choose")
        return
    whole: dict[Archive, list[ImageFolder]] = {}
    for folder in found.folders:
        held = [name for name in needed if name in folder.files]
        said = f"{len(held)} of the {len(needed)} test images in {folder.folder}"
        if held:
            archive = archive_of(folder.files[held[0]], result.size)
            said += f", {archive}"
            if archive in ARCHIVES and len(held) == len(needed):
                whole.setdefault(archive, []).append(folder)
        result.say("images", said)
    if not whole:
        most = max(found.folders, key=lambda folder: sum(name in folder.files for name in needed), default=None)
        lost = [name for name in needed if most is None or name not in most.files]
        missing = f"{len(lost)} of {len(needed)} test images, first {lost[0]}" if lost else "photographs of them"
        large = "" if result.size == (HEIGHT, WIDTH) else " in high resolution, 750 wide and 1101 high"
        result.missing.append(f"{missing}{large}; {IMAGES_FROM}")
        return
    result.archive = next(archive for archive in ARCHIVES if archive in whole)
    chosen, *others = whole[result.archive]
    if others:
        raise UserError(
            f"{chosen.folder} and {others[0].folder} both contain all test images: remove one of them from --root."
        )
    result.images["test"] = take(chosen, needed)
    if result.size != (HEIGHT, WIDTH):
        _check_shape(chosen, list(result.images["test"].values()))
    elif squeezed := _squeezed(list(result.images["test"].values())):
        raise UserError(
            f"The images in {chosen.folder} are too wide, and the sides of {squeezed} are no padding: they were "
            "squeezed into squares, and cropping them would cut people off. Give the padded, the cropped or the "
            f"high-resolution images; {IMAGES_FROM}."
        )
    result.say("chosen", f"{chosen.folder}, {result.archive}")
    lost = [name for name in result.train_list if name not in chosen.files]
    if result.train_list and not lost:
        result.images["train"] = take(chosen, result.train_list)
    elif result.train_list:
        result.say("training images", f"left out: {len(lost)} of {len(result.train_list)} missing, first {lost[0]}")


def _check_shape(chosen: ImageFolder, files: Sequence[Path]) -> None:
    """Refuse to squeeze images that were padded, cropped or squeezed before."""
    some = _sample(files)
    shapes = [read_header(file)[0] for file in some]
    other = [shape for shape in shapes if abs(shape[1] / shape[0] / _ORIGINAL - 1) > _SHAPE]
    if len(other) > len(some) / 2:
        raise UserError(
            f"{len(other)} of {len(some)} images in {chosen.folder} do not have the shape of the originals, 750 wide "
            f"and 1101 high; the first is {other[0][1]} wide and {other[0][0]} high: give the high-resolution images."
        )


def _sample(files: Sequence[Path]) -> Sequence[Path]:
    return files[:: max(1, len(files) // _SAMPLE)][:_SAMPLE]


def _squeezed(files: Sequence[Path]) -> str:
    """ "N of M" if the crop would remove more than padding from most of some images, else ""."""
    some = _sample(files)
    cut = sum(has_plain_sides(read_image(file), (HEIGHT, WIDTH)) is False for file in some)
    return f"{cut} of {len(some)}" if cut > len(some) / 2 else ""


def take(folder: ImageFolder, names: Sequence[str], what: str = "images") -> dict[str, Path]:
    """The files of some images; an error if one of them has two files."""
    for name in names:
        if name in folder.twice:
            raise UserError(
                f"{folder.files[name]} and {folder.twice[name]} are two {what} with the same name: remove one."
            )
    return {name: folder.files[name] for name in names}


def _training(result: Survey) -> None:
    """Leave out the training pairs if training images or keypoints are missing; only training needs them."""
    pairs, poses = result.pairs.get("train"), result.poses.get("train", {})
    if pairs is None:
        return
    names = {name for pair in pairs for name in pair}
    for what, held in (("the training list", set(result.train_list)), ("the training keypoints", set(poses))):
        if lost := sorted(names - held):
            result.say("train pairs", f"left out: {len(lost)} of their images are missing in {what}, first {lost[0]}")
            result.pairs.pop("train", None)


def _official(result: Survey, found: Findings) -> None:
    """Compare the item ids in the names with the official files, if there are any."""
    shown = {name: parse_name(f"{name}.jpg") for images in result.images.values() for name in images}
    items: Mapping[str, str] = {name: said.item for name, said in shown.items() if said}
    for file in found.lists.get(PARTITION, []):
        official = read_partition(file)
        known = [name for name in items if name in official]
        for name in known:
            if items[name] != official[name]:
                raise UserError(
                    f"{file} gives {name} the item {official[name]}, but its name has {items[name]}: get it again."
                )
        result.say("items", f"{len(known)} of {len(items)} images in {file}, all with the item of their name")
    for file in found.lists.get(ITEMS, []):
        lost = sorted(set(items.values()) - read_items(file))
        if lost:
            raise UserError(
                f"In {file}, {len(lost)} of the images' items are missing, first id_{lost[0]}: get that file again."
            )
        result.say("items", f"all {len(set(items.values()))} of the images in {file}")
