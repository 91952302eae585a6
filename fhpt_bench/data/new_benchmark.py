"""A new benchmark from a folder of images: the tables and the TOML file, and what was assumed."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import SUFFIXES, digest_named, read_header, read_image
from fhpt_bench.data.keypoint_tables import Keypoints, json_files, pose_table, read_keypoint_folder, truth_table
from fhpt_bench.data.keypoints import KEYPOINTS, PARTS, SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.data.pairs import check_name, pair_table, read_pairs
from fhpt_bench.data.people import Shown, check_people, people_of, people_table, read_people
from fhpt_bench.data.pose import parse_frame, read_keypoints
from fhpt_bench.errors import UserError, count_and_name, plain
from fhpt_bench.files import explained
from fhpt_bench.progress import progress_bar
from fhpt_bench.reading import LINES


class Estimator(Protocol):
    """A keypoint estimator."""

    def extract(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 -> (N, 128, 3) as in `KeypointFile`."""


MakeEstimator = Callable[[], tuple[str, Estimator]]


@dataclass
class NewBenchmark:
    """What is to be written.

    Args:
        files: file name -> content; the TOML file comes last.
        lines: (label, text) of a report: what was found, and what was assumed.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)

    def say(self, label: str, text: str) -> None:
        """Add a line to the report."""
        self.lines.append((label, text))


@dataclass(frozen=True)
class Given:
    """What the user gives.

    Args:
        folder: where the benchmark is written.
        images: folder of the images, searched at any depth.
        pairs: pair list, or None: every two images of a person, both ways.
        keypoints: JSON files of other tools and folders of them, or one keypoint file in PATN's format; empty: the
            poses are estimated.
        people: table of people, or None.
        id: id of the benchmark, or None for the folder's name.
        frame: the images to which a keypoint file in PATN's format refers, as "HEIGHTxWIDTH" or "HEIGHTxWIDTH:FIT", or
            None for the images themselves.
    """

    folder: Path
    images: Path
    pairs: Path | None = None
    keypoints: Sequence[Path] = ()
    people: Path | None = None
    id: str | None = None
    frame: str | None = None


def plan_benchmark(
    given: Given, protocols: Sequence[str], make_estimator: MakeEstimator, progress: bool = False
) -> NewBenchmark:
    """Read and check everything that is given; nothing is written.

    Args:
        given: what the user gives.
        protocols: what `--protocols all` selects.
        make_estimator: makes a keypoint estimator, with its name; called only if no keypoint files are given.
        progress: show progress bars.

    Raises:
        UserError: if there is no image, the images have several sizes, a file cannot be read, an image of the pair list
            is missing or has no pose, or no pairs can be made.
    """
    new = NewBenchmark()
    name = given.id or re.sub("[^a-z0-9]+", "-", given.folder.resolve().name.lower()).strip("-") or "mine"
    if not re.fullmatch("[a-z0-9][a-z0-9-]{0,99}", name):
        raise UserError(f"The id {name!r} cannot be used: give --id with lower case letters, digits and `-`.")
    names, size = find_images(given.images, progress)
    new.say("images", f"{len(names)} below {given.images}, each {size[1]} wide and {size[0]} high")
    people = _people(given, names, new)
    keypoints = _keypoints(given, names, size, make_estimator, progress)
    posed = {image for image, points in keypoints.points.items() if points[SLICES["body"], 2].any()}
    pairs = _pairs(given, names, people, posed, new)
    used = sorted({image for pair in pairs for image in pair})
    _say_keypoints(given, keypoints, used, [name for name in names if name not in posed], new)

    points = {image: keypoints.points[image] for image in used}
    new.files = {
        "pairs.csv": pair_table(pairs).encode(),
        "keypoints.csv": pose_table({image: row[SLICES["body"], :2] for image, row in points.items()}).encode(),
    }
    # An estimate of ours is made anew where it is needed, and is no ground truth.
    truth = truth_table(points)[0] if given.keypoints else b""
    if truth:
        new.files["truth.npz"] = truth
    if people:
        new.files["people.csv"] = people_table({image: people[image] for image in used}).encode()
    new.files[f"{name}.toml"] = _toml(given, name, size, bool(truth), bool(people), protocols).encode()
    return new


def find_images(folder: Path, progress: bool = False) -> tuple[list[str], tuple[int, int]]:
    """Find the images of a folder; every image is decoded.

    Args:
        folder: the folder, searched at any depth; hidden files are left out.
        progress: show a progress bar.

    Returns:
        Their names (paths below the folder), sorted, and their (height, width).

    Raises:
        UserError: if there is none, two have the same name in pair ids, one cannot be decoded, or they have several
            sizes.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: put the images there, or give their folder with --images.")
    with explained(folder, "read"):
        names = sorted(_image_names(folder))
    if not names:
        raise UserError(f"The folder {folder} holds no image: give a folder with PNG, JPEG, WebP or BMP files.")
    if len(names) > LINES:
        raise UserError(f"The folder {folder} holds {len(names):,} images, more than {LINES:,}: give a part of them.")
    spelled: dict[str, str] = {}
    for name in names:
        check_name(name, f"The folder {folder}")
        if spelled.setdefault(stem(name), name) != name:
            raise UserError(f"{spelled[stem(name)]} and {name} in {folder} are both named {stem(name)}: rename one.")
    sizes: dict[tuple[int, int], list[str]] = {}
    for name in names:
        sizes.setdefault(read_header(folder / name)[0], []).append(name)
    if len(sizes) > 1:
        counted = ", ".join(f"{len(of)} of {w}x{h} ({of[0]})" for (h, w), of in sorted(sizes.items())[:3])
        raise UserError(f"The images in {folder} have {len(sizes)} sizes, {counted}: bring them to one size.")
    (size,) = sizes
    digest_named(folder, names, size, progress)
    return names, size


def _image_names(folder: Path) -> Iterator[str]:
    """The paths of the images below a folder, also in linked folders, without what is hidden."""
    seen = {folder.resolve()}
    for here, folders, files in os.walk(folder, followlinks=True):
        places = {name: (Path(here) / name).resolve() for name in folders if not name.startswith(".")}
        folders[:] = [name for name, place in places.items() if place not in seen]
        seen |= set(places.values())
        below = Path(here).relative_to(folder)
        for file in files:
            if not file.startswith(".") and Path(file).suffix.lower() in SUFFIXES:
                yield (below / file).as_posix()


def _people(given: Given, names: Sequence[str], new: NewBenchmark) -> dict[str, Shown] | None:
    """Image -> what it shows if it must be written down: from the table, or from sub-folders."""
    if given.people is not None:
        people = read_people(given.people)
        if missing := [name for name in names if name not in people]:
            raise UserError(
                f"The table of people {given.people} has no line for {count_and_name(missing, 'image')}: add them."
            )
        new.say("people", f"{len({people[name].person for name in names})} in {given.people}")
        return people
    by_name = people_of(names, None)
    if len(by_name) == len(names):
        count = len({shown.person for shown in by_name.values()})
        new.say("people", f"{count} by the images' names, which have the form of DeepFashion or Market-1501")
        return None
    folders = {name: str(PurePosixPath(name).parent) for name in names}
    if "." not in folders.values() and len(set(folders.values())) > 1:
        count = len(set(folders.values()))
        new.say(
            "people", f"{count}, one for each sub-folder, such as {folders[names[0]]} (assumed; give --people if that "
            "is wrong)"
        )  # fmt: skip
        return {name: Shown(folder) for name, folder in folders.items()}
    new.say("people", "not named, so that no score gets an interval: give --people to name them")
    return None


def _keypoints(
    given: Given,
    names: Sequence[str],
    size: tuple[int, int],
    make_estimator: MakeEstimator,
    progress: bool,
) -> Keypoints:
    table = len(given.keypoints) == 1 and given.keypoints[0].suffix.lower() in (".csv", ".txt")
    if given.frame is not None and not table:
        raise UserError("--keypoint-frame is for one keypoint file in PATN's format: leave it out, or give that file.")
    if not given.keypoints:
        return _estimated(given.images, names, size, make_estimator, progress)
    if table:
        poses = read_keypoints(given.keypoints[0], size, parse_frame(given.frame, size) if given.frame else None)
        points = {}
        for name in names:
            if name in poses:
                points[name] = np.full((KEYPOINTS, 3), (np.nan, np.nan, 0), np.float32)
                points[name][SLICES["body"], :2] = poses[name]
                points[name][SLICES["body"], 2] = np.isfinite(poses[name]).all(1)
        if not points:
            raise UserError(f"The keypoint file {given.keypoints[0]} has a line for none of the {len(names)} images.")
        return Keypoints(points, str(given.keypoints[0]), tuple(sorted(set(poses) - set(names))))
    with progress_bar("keypoint files", len(json_files(given.keypoints)), progress) as done:
        return read_keypoint_folder(given.keypoints, names, size, done)


def _estimated(
    folder: Path,
    names: Sequence[str],
    size: tuple[int, int],
    make_estimator: MakeEstimator,
    progress: bool,
) -> Keypoints:
    (name, estimator), points = make_estimator(), {}
    with progress_bar("poses", len(names), progress) as done:
        for image in names:
            points[image] = estimator.extract(read_image(folder / image, size)[None])[0]
            done(1)
    return Keypoints(points, name, ())


def _pairs(
    given: Given, names: Sequence[str], people: Mapping[str, Shown] | None, posed: set[str], new: NewBenchmark
) -> list[tuple[str, str]]:
    if given.pairs is not None:
        pairs = read_pairs(given.pairs)
        used = sorted({image for pair in pairs for image in pair})
        if missing := [image for image in used if image not in set(names)]:
            raise UserError(
                f"{count_and_name(missing, 'image')} of the pair list {given.pairs} are not below {given.images}: "
                "add them, or write their names as paths below that folder."
            )
        if missing := [image for image in used if image not in posed]:
            raise UserError(
                f"{count_and_name(missing, 'image')} of the pair list {given.pairs} have no pose: remove their pairs, "
                "or give keypoint files of them."
            )
        if people:
            check_people(pairs, people, str(given.people or given.images))
        new.say("pairs", f"{len(pairs)} in {given.pairs}")
        return pairs
    shown = people or people_of(names, None)
    if not shown:
        raise UserError(
            f"No pairs can be made, because the people in {given.images} are not named: give --pairs or --people, or "
            "put the images of each person into a folder of its own."
        )
    of_person: dict[str, list[str]] = {}
    for name in names:
        if name in posed:
            of_person.setdefault(shown[name].person, []).append(name)
    pairs = [pair for images in of_person.values() for pair in itertools.permutations(images, 2)]
    if not 0 < len(pairs) <= LINES:
        raise UserError(
            f"The images with a pose give {len(pairs):,} pairs within people, not 1 to {LINES:,}: give --pairs."
        )
    new.say("pairs", f"{len(pairs)}: every two images of a person, both ways (assumed; give --pairs for others)")
    return pairs


def _say_keypoints(
    given: Given, keypoints: Keypoints, used: Sequence[str], without: Sequence[str], new: NewBenchmark
) -> None:
    rows = np.stack([keypoints.points[image] for image in used])
    joints = float(rows[:, SLICES["body"], 2].sum(1).mean())
    assumed = "" if given.keypoints else " (assumed; give --keypoints for others)"
    text = f"{joints:.1f} of 18 joints on average, from {keypoints.tool}{assumed}"
    others = {part: int(rows[:, SLICES[part], 2].any(1).sum()) for part in PARTS if part != "body"}
    if given.keypoints and any(others.values()):
        text += "; " + ", ".join(f"{part.replace('_', ' ')} of {count} images" for part, count in others.items())
    if without:
        text += f"; left out: {count_and_name(without, 'image')} without a pose"
    new.say("keypoints", text)
    if keypoints.unknown:
        new.say("", f"{count_and_name(keypoints.unknown, 'result')} of no image")


def _toml(given: Given, name: str, size: tuple[int, int], truth: bool, people: bool, protocols: Sequence[str]) -> str:
    images = os.path.relpath(given.images.resolve(), given.folder.resolve())
    if images != plain(images):
        raise UserError(f"The path of {given.images} has characters that cannot be printed: rename the folder.")
    values: dict[str, object] = {
        "id": name, "version": "1.0", "title": name, "root": ".", "image_size": list(size),
        "images": Path(images).as_posix(), "pairs": "pairs.csv", "keypoints": "keypoints.csv",
        **({"truth": "truth.npz"} if truth else {}), **({"people": "people.csv"} if people else {}),
        "protocols": list(protocols),
    }  # fmt: skip
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["# Made by `fhpt-bench data new`; see docs/benchmark.md.", *lines]) + "\n"
