"""JSON keypoint files of other tools: recognised by their keys, brought to pixels and our order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.keypoints import BODY_FROM_OPENPOSE_25, KEYPOINTS, SLICES
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained
from fhpt_bench.progress import print_note, progress_bar
from fhpt_bench.reading import SIDE, read_json

# Points of these tools count from this score on, as in their own drawings; OpenPose's at any confidence above 0.
THRESHOLD = 0.3
_OPENPOSE = {
    "body": "pose_keypoints_2d",
    "face": "face_keypoints_2d",
    "hand_left": "hand_left_keypoints_2d",
    "hand_right": "hand_right_keypoints_2d",
}
_WHOLE_BODY = {"face": "face_kpts", "hand_left": "lefthand_kpts", "hand_right": "righthand_kpts"}
# OpenPose's 18 body joints from COCO's 17; -1 is the neck, the middle of the shoulders.
_COCO = (0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
# Number of points -> (joints of the body, start of face, left hand and right hand, or nothing).
_ORDERS: Mapping[int, tuple[Sequence[int], tuple[int, ...]]] = {
    17: (_COCO, ()),
    18: (tuple(range(18)), ()),
    25: (BODY_FROM_OPENPOSE_25, ()),
    26: (tuple(18 if at < 0 else at for at in _COCO), ()),  # Halpe's body has a neck
    133: (_COCO, (23, 91, 112)),  # COCO-WholeBody
    134: (tuple(range(18)), (24, 92, 113)),  # the same with a neck, in OpenPose's order
    136: (tuple(18 if at < 0 else at for at in _COCO), (26, 94, 115)),  # Halpe
}
_FAR, _SEVERAL = 1e6, 5  # largest coordinate, and points from which shares of a canvas are recognised
FORMATS = "OpenPose, DWPose, MMPose, rtmlib, AlphaPose or COCO-WholeBody"


@dataclass(frozen=True)
class KeypointFile:
    """The keypoints of one image.

    Args:
        keypoints: (128, 3) float32: x and y in pixels of the image, and found; NaN where not found.
        format: the tool whose format was recognised, in lower case letters; "" for a list of nobody.
    """

    keypoints: NDArray[np.float32]
    format: str


def read_keypoint_file(path: Path, size: tuple[int, int]) -> KeypointFile:
    """Read the keypoints of one image from a JSON file of another tool; see `read_keypoint_images`.

    Args:
        path: the file.
        size: (height, width) of the image.

    Raises:
        UserError: if it has none of the known formats, holds several images, or has another number of points.
    """
    found = read_keypoint_images(path, size)
    if len(found) > 1:
        raise UserError(f"The keypoint file {path} holds {len(found)} images: write one file for each image.")
    return next(iter(found.values()))


def read_keypoint_images(path: Path, size: tuple[int, int]) -> dict[str, KeypointFile]:
    """Read a JSON file of another tool, for one image or, in AlphaPose's and COCO's formats, for many.

    Coordinates are scaled from the canvas that the file states. If at least half of five or more found coordinates are
    up to 1 and none is above 2, they are shares of the canvas (or of the image): a joint may lie a little outside.
    Of several people, the one whose body has the most confidence is used.

    Args:
        path: the file.
        size: (height, width) of the images.

    Returns:
        Image name -> keypoints; the name is "" if the file does not name its only image.

    Raises:
        UserError: if it has none of the known formats, numbers its images, or has another number of points.
    """
    content = read_json(path)
    try:
        name, images, canvas = _images(content)
        found = {image: [_person(person, name) for person in people] for image, people in images.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"The keypoint file {path} has none of the formats of {FORMATS} ({reason}).") from error
    return {image: _best(people, canvas, size, path, name) for image, people in found.items()}


def _best(
    people: list[NDArray[np.float32]],
    canvas: tuple[float, float] | None,
    size: tuple[int, int],
    path: Path,
    name: str,
) -> KeypointFile:
    if not people:
        return KeypointFile(_nothing(), name)
    best = max(people, key=lambda points: float(np.nansum(points[SLICES["body"], 2])))
    return KeypointFile(_in_pixels(best, canvas, size, path, name), name)


def find_keypoint_files(folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Find the keypoint files of images: `<name>_keypoints.json` as OpenPose writes them, or `<name>.json`.

    Args:
        folder: the folder of the files.
        names: names of the images without suffix.

    Returns:
        Name -> file; names without a file are left out. If both files exist, OpenPose's own name is used.

    Raises:
        UserError: if the folder cannot be read.
    """
    with explained(folder, "read"):
        present = {path.name for path in folder.iterdir()}
    return {
        name: folder / file for name in names for file in (f"{name}.json", f"{name}_keypoints.json") if file in present
    }


def read_keypoint_files(
    folder: Path, files: Mapping[str, Path], size: tuple[int, int], progress: bool = False
) -> tuple[dict[str, NDArray[np.float32]], str]:
    """Read the keypoint files of several images, all by one tool.

    Args:
        folder: the folder of the files, for messages.
        files: from `find_keypoint_files`.
        size: (height, width) of the images.
        progress: show a progress bar.

    Returns:
        Name -> (128, 3) keypoints, see `KeypointFile`; and the tool, in lower case letters.

    Raises:
        UserError: if a file cannot be read or belongs to an image of another size, files of several tools are mixed, or
            no file has a keypoint.
    """
    height, width = size
    keypoints: dict[str, NDArray[np.float32]] = {}
    formats: dict[str, Path] = {}
    with progress_bar("keypoint files", len(files), progress) as done:
        for name, path in files.items():
            found = read_keypoint_file(path, size)
            if found.format:
                formats.setdefault(found.format, path)
            keypoints[name] = found.keypoints
            if (found.keypoints[SLICES["body"], :2] > (width + 1, height + 1)).any():  # not found: NaN, never larger
                raise UserError(
                    f"The file {path} ({found.format}) has a joint outside of the {width}x{height} images: run the "
                    "estimator on the images themselves, without resizing or padding them."
                )
            done(1)
    if len(formats) > 1:
        files_of = ", ".join(f"{path.name} ({name})" for name, path in formats.items())
        raise UserError(f"The folder {folder} mixes keypoint files of several tools: {files_of}. Give those of one.")
    if not any((points[:, 2] > 0).any() for points in keypoints.values()):
        raise UserError(f"The files in {folder} have no keypoint at all: run the estimator again.")
    (tool,) = formats
    print_note(f"Keypoints: {len(files)} files, recognised as {tool}.", progress)
    return keypoints, tool


def _images(content: Any) -> tuple[str, dict[str, list[Any]], tuple[float, float] | None]:
    """The format, image name -> people, and the (height, width) of the canvas if it is stated."""
    if isinstance(content, list) and len(content) == 1 and isinstance(content[0], dict) and "people" in content[0]:
        content = content[0]  # ComfyUI writes a list of frames
    if isinstance(content, dict) and "people" in content:
        canvas = None
        if content.get("canvas_width") is not None or content.get("canvas_height") is not None:
            canvas = (float(content["canvas_height"]), float(content["canvas_width"]))
            if not all(1 <= side <= SIDE for side in canvas):
                raise ValueError(f"its canvas is {canvas[1]:g} x {canvas[0]:g}")
        tool = "alphapose" if _of_alphapose(content) else "openpose" if canvas is None else "dwpose"
        return tool, {"": list(content["people"])}, canvas
    if isinstance(content, dict) and content and all(_of_alphapose(part) for part in content.values()):
        return "alphapose", {str(image): list(part["people"]) for image, part in content.items()}, None
    if isinstance(content, dict) and "instance_info" in content:
        return "mmpose", {"": list(content["instance_info"])}, None
    if isinstance(content, dict) and "keypoints" in content:
        scores = content["scores" if "scores" in content else "keypoint_scores"]
        instances = [{"keypoints": k, "keypoint_scores": s} for k, s in zip(content["keypoints"], scores, strict=True)]
        return "rtmlib", {"": instances}, None
    if isinstance(content, list) and all(isinstance(person, dict) for person in content):
        if not content:
            return "", {"": []}, None  # several tools write an empty list if they find nobody
        if any("lefthand_kpts" in person for person in content):
            return "coco-wholebody", _by_image(content), None
        if any("keypoint_scores" in person for person in content):
            return "mmpose", _by_image(content), None
        if any("keypoints" in person for person in content):
            return "alphapose", _by_image(content), None
    kind = ", ".join(sorted(map(str, content))[:5]) if isinstance(content, dict) else type(content).__name__
    raise ValueError(f"it holds {kind or 'nothing'}")


def _of_alphapose(content: Any) -> bool:
    """Whether a part is in AlphaPose's form `open`, which has OpenPose's keys and scores of its own."""
    return isinstance(content, dict) and "people" in content and "alphapose" in str(content.get("version", "")).lower()


def _by_image(people: list[Any]) -> dict[str, list[Any]]:
    """The people of a list by the name of their image; "" if there is only one image without a name."""
    images: dict[str, list[Any]] = {}
    for person in people:
        image = person.get("image_id")
        images.setdefault(image if isinstance(image, str) else f"\0{image}", []).append(person)
    numbered = [image for image in images if image.startswith("\0")]
    if numbered and len(images) > 1:
        raise ValueError(f"it numbers its {len(images)} images (image_id), whose names it does not hold")
    return {"": images[numbered[0]]} if numbered else images


def _person(person: Any, name: str) -> NDArray[np.float32]:
    """(128, 3) x, y and confidence of one person; 0 where a point is missing."""
    result = np.zeros((KEYPOINTS, 3), np.float32)
    if "pose_keypoints_2d" in person or name in ("openpose", "dwpose"):
        if not set(_OPENPOSE.values()) & set(person):
            raise ValueError(f"a person has none of {', '.join(_OPENPOSE.values())}")
        for part, field in _OPENPOSE.items():
            points = _triples(person.get(field) or [])
            if part == "face" and len(points) == 70:  # the last two are the pupils
                points = points[:68]
            if part == "body" and len(points) == 25:
                points = points[list(BODY_FROM_OPENPOSE_25)]
            if len(points):
                result[SLICES[part]] = _of_length(points, part, field)
        if name == "alphapose":
            result[result[:, 2] < THRESHOLD] = 0
        if name == "dwpose":  # ComfyUI marks missing points with a negative coordinate and full confidence
            result[(result[:, :2] < 0).any(1)] = 0
        return result
    if "keypoint_scores" in person:
        xy, scores = (np.asarray(person[key], np.float32) for key in ("keypoints", "keypoint_scores"))
        if xy.ndim != 2 or xy.shape[1] != 2 or scores.shape != (len(xy),):
            raise ValueError("keypoints are not (x, y) with one score each")
        points = _triples(np.column_stack([xy, scores]))
    else:
        points = _triples(person["keypoints"])
    if len(points) not in _ORDERS:
        raise ValueError(f"a person has {len(points)} points; known are {', '.join(map(str, _ORDERS))}")
    points[points[:, 2] < THRESHOLD] = 0
    body, starts = _ORDERS[len(points)]
    neck = points[[5, 6]].mean(0) if len(points) > 6 and (points[[5, 6], 2] > 0).all() else np.zeros(3, np.float32)
    result[SLICES["body"]] = [neck if at < 0 else points[at] for at in body]
    for part, start in zip(("face", "hand_left", "hand_right"), starts, strict=False):
        place = SLICES[part]
        result[place] = points[start : start + place.stop - place.start]
    for part, field in _WHOLE_BODY.items():
        if field in person:
            more = _of_length(_triples(person[field]), part, field)
            more[more[:, 2] < THRESHOLD] = 0
            result[SLICES[part]] = more
    return result


def _triples(values: Any) -> NDArray[np.float32]:
    points = np.asarray(values, np.float64).reshape(-1, 3)
    if not (np.abs(points) <= _FAR).all():
        raise ValueError("a number is not finite, or too large")
    return points.astype(np.float32)


def _of_length(points: NDArray[np.float32], part: str, field: str) -> NDArray[np.float32]:
    place = SLICES[part]
    if len(points) != place.stop - place.start:
        raise ValueError(f"{field} has {len(points)} points")
    return points


def _in_pixels(
    points: NDArray[np.float32], canvas: tuple[float, float] | None, size: tuple[int, int], path: Path, tool: str
) -> NDArray[np.float32]:
    """x, y in pixels of the image and found, NaN where missing."""
    # Some writers keep the confidence of a missing point; no estimator finds one at exactly (0, 0).
    found = (points[:, 2] > 0) & (points[:, :2] != 0).any(1)
    xy = points[:, :2].astype(np.float64)
    if found.any():
        if (xy[found] < 0).any() and tool == "openpose":
            raise UserError(f"The keypoint file {path} has negative coordinates: write pixels (--keypoint_scale 0).")
        image, theirs = np.array(size[::-1], float), np.array((canvas or size)[::-1], float)
        # Shares of the canvas: a joint outside of it may be a little above 1.
        shares = found.sum() >= _SEVERAL and float(np.median(xy[found])) <= 1 and xy[found].max() <= 2
        xy = xy * (image if shares else image / theirs)
    result = _nothing()
    result[found, :2], result[found, 2] = xy[found], 1
    return result


def _nothing() -> NDArray[np.float32]:
    return np.tile(np.array([np.nan, np.nan, 0], np.float32), (KEYPOINTS, 1))
