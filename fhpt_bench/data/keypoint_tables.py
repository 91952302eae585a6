"""Keypoint files of other tools as the tables of a benchmark: which file belongs to which image, and the tables."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoint_files import read_keypoint_images
from fhpt_bench.data.keypoints import PARTS, SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError, count_and_name, name_some
from fhpt_bench.files import explained

# Ends of file names that tools append to the image's name.
_ENDS = ("_keypoints", "_pose")
HEADER = "name:keypoints_y:keypoints_x"


@dataclass(frozen=True)
class Keypoints:
    """The keypoints of some images.

    Args:
        points: image name -> (128, 3) as in `KeypointFile`, sorted by name.
        tool: the format that was recognised.
        unknown: files, or names in files, that belong to none of the images.
    """

    points: dict[str, NDArray[np.float32]]
    tool: str
    unknown: tuple[str, ...]

    @property
    def poses(self) -> dict[str, NDArray[np.float32]]:
        """Image name -> (18, 2) x and y, NaN if missing."""
        return {name: points[SLICES["body"], :2] for name, points in self.points.items()}

    def found(self, part: str) -> int:
        """The number of images with a keypoint of a part."""
        return sum(bool(points[SLICES[part], 2].any()) for points in self.points.values())


def read_keypoint_folder(
    files: Iterable[Path], images: Sequence[str], size: tuple[int, int], done: Callable[[int], None] = lambda _: None
) -> Keypoints:
    """Read the keypoint files of many images, all of one tool.

    A file belongs to the image whose name it has, with or without the image's folder and with `_keypoints` or `_pose`
    at its end. AlphaPose's results name their images themselves.

    Args:
        files: JSON files, and folders that are searched for them.
        images: the names of the images.
        size: (height, width) of the images.
        done: called with the number of files read since its last call.

    Raises:
        UserError: if there is no file, a file cannot be read, two files belong to one image, the files are of several
            tools, or none belongs to an image.
    """
    named = _lookup(images)
    points: dict[str, NDArray[np.float32]] = {}
    origins: dict[str, Path] = {}
    tools: dict[str, Path] = {}
    unknown: list[str] = []
    for path, inside in json_files(files):
        for given, found in read_keypoint_images(path, size).items():
            candidates = [given] if given else [inside, path.name]
            image = next((named[key] for key in map(_key, candidates) if key in named), None)
            if image is None:
                unknown.append(given or path.name)
                continue
            if image in origins:
                raise UserError(f"{origins[image]} and {path} both have keypoints of {image}: remove one.")
            points[image], origins[image] = found.keypoints, path
            if found.format:
                tools.setdefault(found.format, path)
        done(1)
    if len(tools) > 1:
        kinds = ", ".join(f"{path.name} ({tool})" for tool, path in tools.items())
        raise UserError(f"The keypoint files are of several tools: {kinds}. Give those of one.")
    if not points:
        raise UserError(
            f"None of {count_and_name(unknown, 'keypoint file')} is named after an image, such as "
            f"{PurePosixPath(images[0]).stem}_keypoints.json: rename them."
        )
    if not tools:
        raise UserError(f"The {len(points)} keypoint files have no person at all: run the estimator again.")
    return Keypoints(dict(sorted(points.items())), next(iter(tools)), tuple(unknown))


def json_files(files: Iterable[Path]) -> list[tuple[Path, str]]:
    """The JSON files among paths, and in folders at any depth; each with its path below the folder.

    Raises:
        UserError: if a path does not exist, or there is no such file.
    """
    found: list[tuple[Path, str]] = []
    given = list(files)
    for path in given:
        if path.is_dir():
            with explained(path, "read"):
                below = sorted(file for file in path.rglob("*.json") if not file.name.startswith("."))
            found += [(file, file.relative_to(path).as_posix()) for file in below]
        elif path.is_file():
            found.append((path, path.name))
        else:
            raise UserError(f"There is no keypoint file or folder {path}: give an existing one.")
    if not found:
        raise UserError(f"There is no JSON file in {name_some([str(path) for path in given])}: give keypoint files.")
    return found


def _lookup(images: Sequence[str]) -> dict[str, str]:
    """Key -> image: its path, its flat name, and its name without folders if no other image has it."""
    bare = Counter(PurePosixPath(image).stem for image in images)
    named = {PurePosixPath(image).stem: image for image in images if bare[PurePosixPath(image).stem] == 1}
    named |= {stem(image): image for image in images}
    return named | {PurePosixPath(image).with_suffix("").as_posix(): image for image in images}


def _key(name: str) -> str:
    bare = PurePosixPath(name).with_suffix("").as_posix()
    for end in _ENDS:
        bare = bare.removesuffix(end)
    return bare


def pose_table(poses: Mapping[str, NDArray[np.float32]]) -> str:
    """The text of a keypoint file in PATN's format, -1 for a missing joint.

    Args:
        poses: image name -> (18, 2) x and y in pixels, NaN if missing. A joint with a negative coordinate becomes a
            missing one: the format cannot hold it.

    Examples:
        >>> print(pose_table({"a.png": np.float32([[1.5, 2], [np.nan, np.nan]])}), end="")
        name:keypoints_y:keypoints_x
        a.png: [2, -1]: [1.5, -1]
    """

    def numbers(values: NDArray[np.float32]) -> str:
        # The shortest number that is this float32.
        return json.dumps([-1 if np.isnan(v) else int(v) if float(v).is_integer() else float(str(v)) for v in values])

    lines = [f"{name}: {numbers(pose[:, 1])}: {numbers(pose[:, 0])}" for name, pose in poses.items()]
    return "\n".join([HEADER, *lines]) + "\n"


def truth_table(points: Mapping[str, NDArray[np.float32]]) -> tuple[bytes, tuple[str, ...]]:
    """Keypoints of face and hands as the table `truth` of a benchmark, for the parts that any image has.

    The body is left out: it is in the keypoint file.

    Args:
        points: image name -> (128, 3) as in `KeypointFile`.

    Returns:
        The bytes of the file (.npz), and the names of its parts; no bytes if there are none.
    """
    stacked = np.stack(list(points.values()))
    parts = tuple(part for part in PARTS if part != "body" and stacked[:, SLICES[part], 2].any())
    if not parts:
        return b"", ()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(list(points)), **{part: stacked[:, SLICES[part]] for part in parts})
    return buffer.getvalue(), parts
