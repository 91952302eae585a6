"""Each kind of damage changes what it says, nothing else, and more with every strength."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fhpt_bench.benchmark import load_benchmark
from protocols.audit.damage import Damage, Subject
from protocols.audit.damages import DAMAGES, lacking, subjects
from protocols.audit.people import CLASSES, mask_of

BY_NAME = {damage.name: damage for damage in DAMAGES}
PARTS = ("limb", "hand", "face-blur", "hair-colour", "garment-colour", "pattern", "background")
WHOLE = ("blur", "jpeg", "noise", "brightness", "hue", "shift", "scale", "jitter")


@pytest.fixture(scope="module")
def shown() -> list[Subject]:
    return list(subjects(load_benchmark("studio", limit=12)))


def errors(subject: Subject, damage: Damage) -> list[float]:
    """Mean absolute difference at each strength."""
    changed = [damage.apply(subject, strength) for strength in damage.strengths]
    assert all(image.shape == subject.image.shape and image.dtype == np.uint8 for image in changed)
    return [float(np.abs(image.astype(int) - subject.image).mean()) for image in changed]


def test_names_are_unique_and_strengths_are_five_in_one_direction() -> None:
    assert len(BY_NAME) == len(DAMAGES)
    for damage in DAMAGES:
        steps = np.sign(np.diff(damage.strengths))
        assert len(damage.strengths) == 5
        assert abs(steps.sum()) == 4


@pytest.mark.parametrize("name", WHOLE)
def test_whole_images_change_more_with_every_strength(name: str, shown: list[Subject]) -> None:
    means = np.mean([errors(subject, BY_NAME[name]) for subject in shown], axis=0)
    assert means[0] > 0
    assert (np.diff(means) > 0).all()


@pytest.mark.parametrize(
    "name", ["limb", "hand", "face-blur", "hair-colour", "garment-colour", "pattern", "background"]
)
def test_parts_change_more_with_every_strength_where_they_are_seen(name: str, shown: list[Subject]) -> None:
    found = np.array([errors(subject, BY_NAME[name]) for subject in shown])
    seen = found[found[:, -1] > 0]
    assert len(seen) >= 3
    assert (np.diff(seen.mean(0)) > 0).all()


def place_of(name: str) -> str:
    return {"face-blur": "face", "hair-colour": "hair", "garment-colour": "upper", "pattern": "upper"}.get(name, name)


@pytest.mark.parametrize("name", ["face-blur", "hair-colour", "garment-colour", "pattern", "background"])
def test_nothing_changes_outside_the_region(name: str, shown: list[Subject]) -> None:
    damage = BY_NAME[name]
    for subject in shown:
        image = damage.apply(subject, damage.strengths[-1])
        outside = ~mask_of(subject, place_of(name))
        assert (image[outside] == subject.image[outside]).all()


def test_an_arm_disappears_and_the_head_stays(shown: list[Subject]) -> None:
    damage = BY_NAME["limb"]
    for subject in shown:
        image = damage.apply(subject, 1.0)
        changed = (image != subject.image).any(2)
        if changed.any():
            assert (changed & mask_of(subject, "hair")).sum() < 0.1 * changed.sum()
            assert mask_of(subject, "arms")[changed].mean() > 0.5


def synthetic(**more: object) -> Subject:
    """A grey image with a lighter square, one joint in its middle."""
    image = np.full((64, 48, 3), 100, np.uint8)
    image[20:40, 10:30] = 180
    body = np.full((18, 2), np.nan, np.float32)
    parsing = np.zeros((64, 48), np.uint8)
    parsing[20:40, 10:30] = CLASSES.index("upper")
    black = np.zeros_like(image)
    fields = {
        "key": "x",
        "target": "x",
        "body": body,
        "hands": (),
        "parsing": parsing,
        "source": black,
        "stranger": black + 9,
        "place": 0.3,
    }
    return Subject(image=image, **{**fields, **more})  # type: ignore[arg-type]


def test_a_shift_moves_every_column() -> None:
    subject = synthetic()
    assert (BY_NAME["shift"].apply(subject, 4)[:, 4:] == subject.image[:, :-4]).all()


def test_a_scale_of_two_doubles_the_square() -> None:
    image = BY_NAME["scale"].apply(synthetic(), 2.0).astype(int)
    light = (image[..., 0] > 140).sum()
    assert light == pytest.approx(4 * 400, rel=0.12)


def test_colours_move_by_the_share() -> None:
    subject = synthetic()
    image = BY_NAME["garment-colour"].apply(subject, 0.4)
    assert image[30, 20].tolist() == [round(180 + 0.4 * (c - 180)) for c in (40, 70, 200)]
    assert image[5, 5].tolist() == [100, 100, 100]


def test_a_pattern_becomes_its_mean() -> None:
    subject = synthetic()
    subject.image[20:40, 10:20] = 80
    image = BY_NAME["pattern"].apply(subject, 1.0)
    assert (image[20:40, 10:30] == 130).all()
    assert BY_NAME["pattern"].apply(subject, 0.5)[30, 15].tolist() == [105] * 3


@pytest.mark.parametrize(("name", "other"), [("other-pose", 0), ("other-person", 9)])
def test_a_share_of_the_pairs_has_another_image(name: str, other: int) -> None:
    images = [BY_NAME[name].apply(synthetic(place=place), 0.3) for place in np.arange(10) / 10]
    assert [bool((image == other).all()) for image in images] == [True] * 3 + [False] * 7


def test_random_damage_depends_on_the_target_image_only(shown: list[Subject]) -> None:
    noise = BY_NAME["noise"].apply
    assert (noise(shown[0], 5) == noise(shown[0], 5)).all()
    first, second = synthetic(), synthetic(target="y")
    assert (noise(first, 5) != noise(second, 5)).any()


def test_parts_that_are_missing_leave_the_image(shown: list[Subject]) -> None:
    subject = synthetic(parsing=np.zeros((64, 48), np.uint8))
    for name in ("limb", "hand", "face-blur", "hair-colour", "garment-colour", "pattern", "jitter"):
        assert (BY_NAME[name].apply(subject, 1.0) == subject.image).all(), name


def test_what_a_benchmark_lacks() -> None:
    from dataclasses import replace

    from fhpt_bench.data.truth import Truth

    benchmark = load_benchmark("studio", limit=12)
    assert [damage.name for damage in DAMAGES if lacking(damage, benchmark)] == []
    bare = replace(benchmark, truth=Truth())
    assert tuple(damage.name for damage in DAMAGES if lacking(damage, bare)) == PARTS


def test_strangers_are_other_people() -> None:
    benchmark = load_benchmark("studio", limit=12)
    own: dict[str, NDArray[np.uint8]] = {}
    for pair, subject in zip(benchmark.pairs, subjects(benchmark), strict=True):
        own[pair.person] = subject.image
        assert (subject.stranger != subject.image).any()
    places = [subject.place for subject in subjects(benchmark)]
    assert sorted(places) == pytest.approx(np.arange(12) / 12)
