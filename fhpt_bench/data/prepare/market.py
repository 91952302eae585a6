"""The input of a preparation of Market-1501, and the rule by which its pairs were drawn."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import read_header
from fhpt_bench.data.names import MarketName, parse_market_name
from fhpt_bench.data.prepare import published
from fhpt_bench.data.prepare.lists import read_any_images, read_any_keypoints, read_any_pairs
from fhpt_bench.data.prepare.search import Findings, ImageFolder
from fhpt_bench.data.prepare.spelling import MARKET
from fhpt_bench.data.prepare.survey import Pairs, Survey, against, agreed, find_files, same_poses, take
from fhpt_bench.errors import UserError

SIZE = (128, 64)
DRAWN = 12_000
_TORSO = (2, 5, 8, 11)  # shoulders and hips
_read_keypoints = functools.partial(read_any_keypoints, spelling=MARKET)
_read_pairs = functools.partial(read_any_pairs, spelling=MARKET)
_read_images = functools.partial(read_any_images, spelling=MARKET)


def pairs_by_rule(poses: Mapping[str, NDArray[np.float32]], drawn: int | None = DRAWN) -> Pairs:
    """The pairs that PATN and Siarohin et al. draw from the annotations of a split.

    An image takes part if both shoulders and both hips are annotated and its name names a person. Every ordered pair of
    two images of a person is possible, people in the order of the file.

    Args:
        poses: name -> (18, 2) pixels, NaN if missing, in the order of the annotation file.
        drawn: number of pairs drawn at random (numpy's `RandomState(0)`); all if there are fewer, or if it is None.

    Returns:
        (source, target) names, in the order in which they are drawn; for the published test annotations, that of
        market-pairs-test.csv.

    Examples:
        >>> poses = {f"000{person}_c1s1_00000{i}_01.jpg": np.ones((18, 2)) for person in (1, 0, 2) for i in (1, 2)}
        >>> [source[:4] for source, _ in pairs_by_rule(poses)]
        ['0001', '0001', '0002', '0002']
    """
    of_person: dict[str, list[str]] = {}
    for name, pose in poses.items():
        if np.isfinite(pose[list(_TORSO)]).all() and (said := _said(name)).named:
            of_person.setdefault(said.person, []).append(name)
    pairs = [pair for names in of_person.values() for pair in itertools.permutations(names, 2)]
    if drawn is None or len(pairs) <= drawn:
        return pairs
    # The draw of pandas' sample(drawn, random_state=0); numpy keeps the results of this generator fixed.
    return [pairs[i] for i in np.random.RandomState(0).choice(len(pairs), drawn, replace=False)]


def survey_market(roots: Sequence[Path], out: Path) -> Survey:
    """Find Market-1501's images and lists, read the lists, and compare them with each other.

    Args:
        roots: folders to search.
        out: the output folder of the preparation, which is not searched.

    Returns:
        The files found; `missing` is empty if they are sufficient. Without a list of test pairs, they are drawn
        (`pairs_by_rule`).

    Raises:
        UserError: if a folder or list cannot be read, two lists contradict each other, or a pair shows two people.
    """
    found = find_files(roots, out, MARKET)
    result = Survey(SIZE, "whole", "market1501")
    _lists(result, found)
    _test_images(result, found)
    _train_images(result, found)
    return result


def _said(name: str) -> MarketName:
    said = parse_market_name(name)
    if said is None:
        raise ValueError(f"{name!r} is not a name of Market-1501")
    return said


def _lists(result: Survey, found: Findings) -> None:
    for split, known in (("test", published.MARKET_KEYPOINTS), ("train", None)):
        if poses := agreed(found, f"keypoints-{split}", _read_keypoints, same_poses):
            result.poses[split], file = poses
            said = against(known, len(poses[0]), published.pose_digest(poses[0]), "scores that use poses")
            result.say(f"{split} keypoints", f"{len(poses[0])} in {file}{said}")
    if "test" not in result.poses:
        result.say("test keypoint file", "missing")
        result.missing.append(f"the test keypoint file (market-annotation-test.csv); {published.MARKET_LISTS_FROM}")
    else:
        people = [_said(name) for name in result.poses["test"]]
        unnamed = {code: sum(said.person == code for said in people) for code in ("0000", "-1")}
        count = len({said.person for said in people if said.named})
        named = ", ".join(f"{images} of {code}" for code, images in unnamed.items() if images)
        result.say("people", f"{count} by name" + (f"; {named}, which name no person" if named else ""))
    if pairs := agreed(found, "pairs-test", _read_pairs, lambda a, b: a == b):
        result.pairs["test"], file = pairs
        origin = f"in {file}"
    elif "test" in result.poses:
        result.pairs["test"] = sorted(pairs_by_rule(result.poses["test"]))
        origin = "drawn from the keypoint file by PATN's rule, since there is no pair list"
    if listed := result.pairs.get("test"):
        _check_people(listed)
        said = against(published.MARKET_PAIRS, len(listed), published.digest(listed))
        result.say("test pairs", f"{len(listed)} {origin}{said}")
    elif "test" in result.poses:
        result.missing.append("two images of one person in the test keypoint file")


def _check_people(pairs: Pairs) -> None:
    for source, target in pairs:
        one, other = _said(source), _said(target)
        if not one.named or one.person != other.person:
            raise UserError(
                f"The pair {source}, {target} does not show one person by its names: remove it from the pair list."
            )


def _test_images(result: Survey, found: Findings) -> None:
    """Choose the folder that contains every image of the test pairs."""
    needed = sorted({name for pair in result.pairs.get("test", []) for name in pair})
    poses = result.poses.get("test", {})
    if poses and (lost := [name for name in needed if name not in poses]):
        result.missing.append(
            f"the keypoints of {len(lost)} of {len(needed)} test images, first {lost[0]}; {published.MARKET_LISTS_FROM}"
        )
    chosen = _folder(result, found, needed, "test") if needed else None
    if chosen is None:
        most = max((sum(name in folder.files for name in needed) for folder in found.folders), default=0)
        which = f"{len(needed) - most} of {len(needed)} test images" if 0 < most < len(needed) else "the test images"
        result.missing.append(f"{which} (bounding_box_test/); {published.MARKET_IMAGES_FROM}")
        return
    result.images["test"] = take(chosen, needed)


def _train_images(result: Survey, found: Findings) -> None:
    """The training images, which `fid:train` and the like compare with; left out if some are missing."""
    if names := agreed(found, "images-train", _read_images, lambda a, b: a == b):
        result.train_list, file = names
        result.say("training list", f"{len(result.train_list)} in {file}")
    elif poses := result.poses.get("train"):
        result.train_list = sorted(poses)
        result.say("training list", f"{len(poses)}, the images of the training keypoints")
    else:
        result.say("training list", "neither train.lst nor market-annotation-train.csv: only fid:train needs one")
        return
    chosen = _folder(result, found, result.train_list, "training")
    if chosen is None:
        result.say("training images", f"left out: no folder has all {len(result.train_list)} of them")
        return
    result.images["train"] = take(chosen, result.train_list)


def _folder(result: Survey, found: Findings, needed: Collection[str], which: str) -> ImageFolder | None:
    """The folder with all images of a split; the report names those with some of them."""
    whole = []
    for folder in found.folders:
        held = [name for name in needed if name in folder.files]
        if held:
            kind = _kind(folder.files[held[0]])
            result.say("images", f"{len(held)} of the {len(needed)} {which} images in {folder.folder}{kind}")
            if len(held) == len(needed) and not kind:
                whole.append(folder)
    if len(whole) > 1:
        raise UserError(
            f"{whole[0].folder} and {whole[1].folder} both contain all {which} images: remove one of them from --root."
        )
    return whole[0] if whole else None


def _kind(path: Path) -> str:
    """ "" for a photograph of the benchmark's size, else what it is."""
    (height, width), mode = read_header(path)
    if mode != "RGB":
        return ", no photographs"  # label maps have the images' names too
    return "" if (height, width) == SIZE else f", {width} wide and {height} high, not {SIZE[1]} wide and {SIZE[0]} high"
