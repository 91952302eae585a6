"""What of DeepFashion lies below some folders: folders of images, and lists by their roles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import Image

from fhpt_bench.data.prepare.spelling import split_path
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

HEIGHT, WIDTH, PADDED = 256, 176, 256  # of the benchmark's images, and the width of img.zip's

Archive = Literal["side-padded", "cropped", "high-resolution"]
# The pixels that papers use come first; the last ones are made by a rescaling of our own.
ARCHIVES: tuple[Archive, ...] = ("side-padded", "cropped", "high-resolution")
_SPLITS = ("train", "test")
_ROLES = {
    "pairs": re.compile(r".*pairs.*\.(csv|txt)"),
    "keypoints": re.compile(r".*(annotation|keypoints).*\.(csv|txt)"),
    "images": re.compile(r"(train|test)\.(lst|txt)"),
}
PARTITION, ITEMS = "list_eval_partition.txt", "list_item_inshop.txt"


@dataclass
class ImageFolder:
    """Images whose names count from one folder.

    Args:
        folder: in which WOMEN/ and MEN/ lie, or the images themselves, or their train/ and test/.
        files: stem -> file; the first of two files of one name.
        twice: stem -> the second file.
    """

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    twice: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """What was found.

    Args:
        folders: of images, by path.
        lists: role ("pairs-test", "images-train", PARTITION and so on) -> files, by path.
    """

    folders: list[ImageFolder]
    lists: dict[str, list[Path]]


def search(roots: Sequence[Path], left_out: Path) -> Findings:
    """Look through folders and all below them, links included, for what has DeepFashion's names; nothing is opened.

    Args:
        roots: folders.
        left_out: not looked into, since it holds what was prepared.

    Raises:
        UserError: where a folder is not there or cannot be read.
    """
    folders: dict[str, ImageFolder] = {}
    lists: dict[str, list[Path]] = {}
    for path in _files(roots, left_out):
        base, name = split_path(path.as_posix())
        if name is not None:
            if path.parent.name in _SPLITS and base.rstrip("/") == path.parent.as_posix():
                base = path.parent.parent.as_posix()
            folder = folders.setdefault(base.rstrip("/"), ImageFolder(Path(base or ".")))
            if folder.files.setdefault(name, path) != path:
                folder.twice.setdefault(name, path)
        elif role := _role(path.name.lower()):
            lists.setdefault(role, []).append(path)
    return Findings([folders[base] for base in sorted(folders)], {role: sorted(lists[role]) for role in lists})


def _files(roots: Sequence[Path], left_out: Path) -> Iterator[Path]:
    seen: set[str] = {os.path.realpath(left_out)}
    for root in roots:
        if not root.is_dir():
            raise UserError(f"There is no folder {root}: say with --root where DeepFashion lies.")
        with explained(root, "search"):
            for parent, inner, names in os.walk(root, onerror=_fail, followlinks=True):
                if os.path.realpath(parent) in seen:
                    inner.clear()
                    continue
                seen.add(os.path.realpath(parent))
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _fail(error: OSError) -> None:
    raise error


def _role(name: str) -> str | None:
    if name in (PARTITION, ITEMS):
        return name
    splits = [split for split in _SPLITS if split in name]
    for role, pattern in _ROLES.items():
        if len(splits) == 1 and pattern.fullmatch(name):
            return f"{role}-{splits[0]}"
    return None


def archive_of(path: Path) -> Archive | str:
    """Which of DeepFashion's archives an image comes from, by its size alone; a phrase where it is none.

    Raises:
        UserError: where it is no image.
    """
    with explained(path, "read"):
        try:
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                width, height = image.size
                photo = image.mode == "RGB"
        except (OSError, SyntaxError) as error:
            raise UserError(f"The image {path} cannot be decoded: it is damaged, get it again.") from error
    if not photo:
        return "no photographs"  # label maps bear the images' names too
    if (width, height) == (PADDED, HEIGHT):
        return "side-padded"
    if (width, height) == (WIDTH, HEIGHT):
        return "cropped"
    return "high-resolution" if height > HEIGHT else f"images {width} wide and {height} high"
