"""FID, KID and IS as protocols: the sets that they compare, and what changes their values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence, Protocol, Score, protocols
from protocols.perceptual import frechet_distance, inception_score, kernel_distance, kernel_distance_of_subsets
from protocols.perceptual.embedding import Embedding
from protocols.perceptual.frechet import FID, FDEffNetLite0
from protocols.perceptual.inception_score import InceptionScore, ISEffNetLite0
from protocols.perceptual.kernel import KID, KDEffNetLite0

KINDS = [FID, KID, InceptionScore, FDEffNetLite0, KDEffNetLite0, ISEffNetLite0]
ALL = [(kind, variant) for kind in KINDS for variant in kind.variants]
POOLED, CLASSES, TRAIN = 6, 5, 150


@pytest.fixture(autouse=True)
def few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six pooled features and five classes, so that the tests are fast."""
    monkeypatch.setattr(Embedding, "pooled", property(lambda _: POOLED, lambda *_: None), raising=False)


def vector(name: str) -> NDArray[np.float32]:
    """Replaces the network: features that depend only on the image's name; "again" marks a copy."""
    name = name.replace("again", "")
    rng = np.random.default_rng(list(name.encode()))
    return rng.normal(len(name), 1 + name.count("g"), POOLED + CLASSES).astype(np.float32)


def pairs_of(people: int, each: int = 3) -> list[Pair]:
    """Pairs in which the last target of each person belongs to two pairs, the others to one."""
    made = []
    for person in range(people):
        targets = [f"p{person:02}t{min(i, each - 2)}.png" for i in range(each)]
        made += [Pair(f"p{person:02}s{i}.png", target, f"p{person:02}") for i, target in enumerate(targets)]
    return made


def evidence(pairs: Sequence[Pair], swapped: bool = False) -> Evidence:
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(pairs))
    names = {
        "generated": [f"g-{pair.id}" for pair in pairs],
        "target": [pair.target for pair in pairs],
        "train": [f"train{i}" for i in range(TRAIN)],
    }
    if swapped:
        names["generated"], names["target"] = names["target"], names["generated"]
    return Evidence(benchmark, {}, lambda _, role: np.stack([vector(name) for name in names[role]]))


def measured(kind: type[Protocol], variant: str, pairs: Sequence[Pair], swapped: bool = False) -> tuple[Score, ...]:
    return kind(variant).score(evidence(pairs, swapped))


def stack(names: Sequence[str], part: slice) -> NDArray[np.float32]:
    return np.stack([vector(name)[part] for name in names])


PAIRS = pairs_of(40)
GENERATED = stack([f"g-{pair.id}" for pair in PAIRS], slice(POOLED))
PAIRED = stack([pair.target for pair in PAIRS], slice(POOLED))
UNIQUE = stack(sorted({pair.target for pair in PAIRS}), slice(POOLED))
TRAINING = stack([f"train{i}" for i in range(TRAIN)], slice(POOLED))
BY_ID = np.argsort([pair.id for pair in PAIRS])


@pytest.mark.parametrize(
    ("kind", "variant", "expected", "n", "n_reference"),
    [
        (FID, "canonical", frechet_distance(GENERATED, UNIQUE), 120, 80),
        (FID, "clean", frechet_distance(GENERATED, UNIQUE), 120, 80),
        (FID, "drn", frechet_distance(GENERATED, PAIRED), 120, 120),
        (FID, "train", frechet_distance(GENERATED, TRAINING), 120, 150),
        (FID, "gfla", frechet_distance(GENERATED[BY_ID][:64], TRAINING[:128]), 64, 128),
        (FID, "cfld", frechet_distance(GENERATED, TRAINING), 120, 150),
        (FDEffNetLite0, "canonical", frechet_distance(GENERATED, UNIQUE), 120, 80),
        (KID, "canonical", kernel_distance(GENERATED, UNIQUE), 120, 80),
        (KID, "vton", 1000 * kernel_distance_of_subsets(GENERATED[BY_ID], UNIQUE)[0], 120, 80),
        (KDEffNetLite0, "canonical", kernel_distance(GENERATED, UNIQUE), 120, 80),
    ],
)
def test_compared_sets(kind: type[Protocol], variant: str, expected: float, n: int, n_reference: int) -> None:
    (score,) = measured(kind, variant, PAIRS)
    assert score.value == pytest.approx(expected, rel=1e-9)
    assert score.n == score.details["n_generated"] == n
    assert score.details["n_reference"] == n_reference
    assert score.interval is not None
    assert score.interval.low < expected < score.interval.high
    assert score.interval.method == "delete-block jackknife over people, 20 blocks"


def test_details_of_the_subsets_and_the_interval_of_the_full_sets() -> None:
    (full,), (mean,) = (measured(KID, variant, PAIRS) for variant in KID.variants)
    error = mean.details["draw_error"]
    assert {name: mean.details[name] for name in ("subsets", "subset_size", "seed")} == {
        "subsets": 100, "subset_size": 80, "seed": 0,
    }  # fmt: skip
    assert error == pytest.approx(1000 * kernel_distance_of_subsets(GENERATED[BY_ID], UNIQUE)[1])
    assert 0 < abs(mean.value / 1000 - full.value) < 4 * error / 1000
    assert mean.interval.high - mean.interval.low == pytest.approx(1000 * (full.interval.high - full.interval.low))
    assert (mean.interval.high + mean.interval.low) / 2 == pytest.approx(mean.value)
    assert [KID(variant).metrics[0].label for variant in KID.variants] == ["KID", "KID x1000"]
    assert measured(KID, "vton", pairs_of(3))[0].interval is None


def test_few_images_give_a_note() -> None:
    assert "fewer than 2048 images" in measured(FID, "canonical", PAIRS)[0].details["note"]
    many = pairs_of(700, 4)
    assert "note" not in measured(FID, "drn", many)[0].details
    assert "note" not in measured(KID, "canonical", PAIRS)[0].details  # unbiased for any number of images


@pytest.mark.parametrize("kind", [InceptionScore, ISEffNetLite0])
def test_inception_score_is_of_the_logits_sorted_by_pair_id(kind: type[Protocol]) -> None:
    logits = stack([f"g-{pair.id}" for pair in PAIRS], slice(POOLED, None))[BY_ID]
    headline, one = measured(kind, next(iter(kind.variants)), PAIRS)
    mean, deviation = inception_score(logits)
    assert (headline.value, headline.details["sd"]) == (pytest.approx(mean), pytest.approx(deviation))
    assert one.value == pytest.approx(inception_score(logits, 1)[0])
    assert (headline.n, one.n, one.metric) == (120, 120, "one-split")
    assert headline.interval is not None
    assert "jackknife" in headline.interval.method


def test_hr_vitons_score_is_in_one_split() -> None:
    headline, one = measured(InceptionScore, "hr-viton", PAIRS)
    logits = stack([f"g-{pair.id}" for pair in PAIRS], slice(POOLED, None))
    assert headline.value == one.value == pytest.approx(inception_score(logits, 1)[0])
    assert headline.interval == one.interval
    assert headline.details == {"sd": 0.0, "splits": 1}


@pytest.mark.parametrize(("kind", "variant"), ALL)
def test_order_of_pairs_does_not_matter(kind: type[Protocol], variant: str) -> None:
    mixed = [PAIRS[i] for i in np.random.default_rng(1).permutation(len(PAIRS))]
    for a, b in zip(measured(kind, variant, PAIRS), measured(kind, variant, mixed), strict=True):
        assert a.value == pytest.approx(b.value, rel=1e-9)
        assert a.interval is not None
        assert b.interval is not None
        assert (a.interval.low, a.interval.high) == pytest.approx((b.interval.low, b.interval.high), rel=1e-6)


@pytest.mark.parametrize(("kind", "variant"), ALL)
def test_swapping_generated_and_real_changes_the_value(kind: type[Protocol], variant: str) -> None:
    """Only a paired Fréchet distance is symmetric."""
    a, b = (measured(kind, variant, PAIRS, swapped)[0].value for swapped in (False, True))
    assert (a == pytest.approx(b, rel=1e-6)) == (variant == "drn" and kind is FID)


@pytest.mark.parametrize(("kind", "variant"), ALL)
def test_removing_one_persons_pairs_reduces_n_exactly(kind: type[Protocol], variant: str) -> None:
    without = [pair for pair in PAIRS if pair.person != "p07"]
    for before, after in zip(measured(kind, variant, PAIRS), measured(kind, variant, without), strict=True):
        assert before.n - after.n == (0 if variant == "gfla" else 3)
        assert before.value != after.value
    if kind in (FID, KID) and variant in ("canonical", "drn"):
        lost = before.details["n_reference"] - after.details["n_reference"]
        assert lost == (3 if variant == "drn" else 2)


@pytest.mark.parametrize(("kind", "variant"), ALL)
def test_repeated_generated_images_count_twice(kind: type[Protocol], variant: str) -> None:
    doubled = [*PAIRS, *(dataclasses.replace(pair, source="again" + pair.source) for pair in PAIRS[:30])]
    assert measured(kind, variant, doubled)[0].value != pytest.approx(measured(kind, variant, PAIRS)[0].value, rel=1e-6)


@pytest.mark.parametrize(("kind", "variant"), ALL)
def test_too_few_images_give_a_reason_and_no_failure(kind: type[Protocol], variant: str) -> None:
    for score in measured(kind, variant, PAIRS[:1]):
        assert score.value is None
        assert list(score.skipped.values()) == [1]
    scores = measured(kind, variant, pairs_of(10, 1))
    assert all(score.value is not None and score.interval is not None for score in scores)


@pytest.mark.parametrize("kind", KINDS)
def test_cards(kind: type[Protocol]) -> None:
    assert protocols.load(kind.id) is kind
    for variant in kind.variants:
        card = kind(variant).card
        assert card.metrics[0].name == card.id
        assert len(card.features) == 1
        assert card.training_images == (variant in ("train", "gfla", "cfld"))
    if "effnet" in kind.id:
        assert card.metrics[0].label.endswith("(EffNet-lite0)")
        assert card.features == ("efficientnet-lite0",)


def test_formulas_equal_torch_fidelity() -> None:
    from torch_fidelity.metric_isc import isc_features_to_metric
    from torch_fidelity.metric_kid import kid_features_to_metric

    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (205, 31))
    found = isc_features_to_metric(torch.tensor(logits), splits=10, shuffle=False)
    assert inception_score(logits) == pytest.approx(tuple(found.values()), rel=1e-9)
    a, b = rng.normal(size=(70, 12)), rng.normal(0.2, 1.1, (70, 12))
    whole = {"kid_subsets": 1, "kid_subset_size": 70, "verbose": False}
    reference = kid_features_to_metric(torch.tensor(a), torch.tensor(b), **whole)["kernel_inception_distance_mean"]
    assert kernel_distance(a, b) == pytest.approx(reference, rel=1e-6)
