"""Search of folders for a data set's files: folders of images, and lists by their roles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fhpt_bench.data.images import read_header
from fhpt_bench.data.prepare.spelling import DEEPFASHION, Spelling
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained

HEIGHT, WIDTH, PADDED = 256, 176, 256  # size of the benchmark's images, and width of those in img.zip
SIZES = ((HEIGHT, WIDTH), (512, 352))  # of `deepfashion` and of `deepfashion-512`
SOURCE = "prepared.json"  # describes the input of a preparation

Archive = Literal["side-padded", "cropped", "high-resolution", "whole"]  # "whole": the size of the benchmark
# In order of preference: the pixels that papers use come first; the last ones need a rescaling by this project.
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
    """Images whose names are relative to one folder.

    Args:
        folder: the folder that contains WOMEN/ and MEN/, or the images themselves, or their train/ and test/.
        files: stem -> file; the first one if two files have the same stem.
        twice: stem -> the second file.
    """

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    twice: dict[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Findings:
    """The files that were found.

    Args:
        folders: folders of images, sorted by path.
        lists: role ("pairs-test", "images-train", PARTITION and so on) -> files, sorted by path.
        poses: keypoint files of one image each, as NTED uses them; the names end with .txt.
    """

    folders: list[ImageFolder]
    lists: dict[str, list[Path]]
    poses: ImageFolder | None = None


def search(roots: Sequence[Path], left_out: Path, spelling: Spelling = DEEPFASHION) -> Findings:
    """Search folders recursively, links included, for files with a data set's names; no file is opened.

    Folders that an earlier preparation wrote are not searched.

    Args:
        roots: folders to search.
        left_out: a folder that is not searched, since it holds the prepared files.
        spelling: the data set's names.

    Raises:
        UserError: if a folder is missing or cannot be read.
    """
    folders: dict[str, ImageFolder] = {}
    poses: ImageFolder | None = None
    lists: dict[str, list[Path]] = {}
    for path in _files(roots, left_out, spelling):
        base, name = spelling.split(path.as_posix())
        if name is not None:
            if path.parent.name in _SPLITS and base.rstrip("/") == path.parent.as_posix():
                base = path.parent.parent.as_posix()
            folder = folders.setdefault(base.rstrip("/"), ImageFolder(Path(base or ".")))
            if folder.files.setdefault(name, path) != path:
                folder.twice.setdefault(name, path)
        elif role := _role(path.name.lower()):
            lists.setdefault(role, []).append(path)
        elif path.suffix == ".txt" and (said := spelling.split(path.with_suffix(".jpg").as_posix()))[1] is not None:
            poses = poses or ImageFolder(Path(said[0] or "."))
            if poses.files.setdefault(said[1], path) != path:
                poses.twice.setdefault(said[1], path)
    listed = {role: sorted(lists[role]) for role in lists}
    return Findings([folders[base] for base in sorted(folders)], listed, poses)


def _files(roots: Sequence[Path], left_out: Path, spelling: Spelling) -> Iterator[Path]:
    seen: set[str] = {os.path.realpath(left_out)}
    for root in roots:
        if not root.is_dir():
            raise UserError(f"There is no folder {root}: give the folder of {spelling.data_set} with --root.")
        with explained(root, "search"):
            for parent, inner, names in os.walk(root, onerror=_fail, followlinks=True):
                if os.path.realpath(parent) in seen or (SOURCE in names and Path(parent) != root):
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


def archive_of(path: Path, size: tuple[int, int]) -> Archive | str:
    """The archive of DeepFashion that an image comes from, judged by its size; otherwise a description of the image.

    Args:
        path: the image.
        size: the (height, width) of the benchmark; larger ones than those of img.zip need the high-resolution archive.

    Raises:
        UserError: if it is not an image.
    """
    (height, width), mode = read_header(path)
    if mode != "RGB":
        return "no photographs"  # label maps have the images' names too
    if size == SIZES[0] and (width, height) == (PADDED, HEIGHT):
        return "side-padded"
    if size == SIZES[0] and (width, height) == (WIDTH, HEIGHT):
        return "cropped"
    return "high-resolution" if height > size[0] else f"images {width} wide and {height} high"
