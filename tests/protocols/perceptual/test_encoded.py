"""Metrics on the vectors of encoders: formulas against definitions and the reference package, and the protocols."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence, Score, protocols
from fhpt_bench.statistics import block_jackknife
from protocols.perceptual import cmmd, embedding_distance, frechet_distance, kernel_distance, prdc, similarity

RNG = np.random.default_rng(5)
NAMES = ("fd", "kd", "cmmd", "similarity", "prdc")
ENCODER = "arcface-r50"  # of faces, so that images can be without a vector


def sets(n: int, m: int, d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return RNG.normal(size=(n, d)), RNG.normal(0.3, 1.2, size=(m, d))


# --- CMMD


def cmmd_by_definition(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """The three means of the kernel, one pair of rows at a time."""

    def mean(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
        rows = [
            np.exp(-(np.linalg.norm(p / np.linalg.norm(p) - q / np.linalg.norm(q)) ** 2) / 200) for p in x for q in y
        ]
        return float(np.mean(rows))

    return 1000 * (mean(a, a) + mean(b, b) - 2 * mean(a, b))


@pytest.mark.parametrize(("n", "m", "d"), [(1, 1, 1), (1, 7, 3), (23, 17, 5), (4, 40, 300)])
def test_cmmd_equals_the_definition(n: int, m: int, d: int) -> None:
    a, b = sets(n, m, d)
    assert cmmd(a, b) == pytest.approx(cmmd_by_definition(a, b), abs=1e-9)
    assert cmmd(b, a) == pytest.approx(cmmd(a, b), abs=1e-9)
    assert cmmd(a * RNG.uniform(0.1, 9, (n, 1)), b) == pytest.approx(cmmd(a, b), abs=1e-9)
    assert cmmd(torch.from_numpy(a), torch.from_numpy(b)) == cmmd(a, b)


def test_cmmd_of_two_embeddings_by_hand() -> None:
    # At right angles the squared distance is 2: 1000 · (1 + 1 - 2 · exp(-2 / 200)).
    assert cmmd(np.array([[3.0, 0.0]]), np.array([[0.0, 5.0]])) == pytest.approx(2000 * (1 - np.exp(-0.01)), abs=1e-9)
    a = RNG.normal(size=(30, 4))
    assert cmmd(a, a) == pytest.approx(0, abs=1e-9)
    # The estimate is biased: copies of all images change nothing.
    b = RNG.normal(1, size=(20, 4))
    assert cmmd(np.concatenate([a, a]), b) == pytest.approx(cmmd(a, b), abs=1e-9)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3)), np.full((2, 3), np.nan), np.ones((2, 4)), np.ones((0, 3)), np.ones(3)]
)
def test_cmmd_refuses_what_is_no_set_of_embeddings(wrong: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cmmd(wrong, np.ones((2, 3)))


# --- precision, recall, density, coverage


def prdc_by_definition(generated: NDArray[np.float64], real: NDArray[np.float64], k: int) -> dict[str, float]:
    """Word by word, one image at a time."""

    def radius(rows: NDArray[np.float64], i: int) -> float:
        return float(sorted(np.linalg.norm(rows[i] - other) for j, other in enumerate(rows) if j != i)[k - 1])

    real_radii, fake_radii = ([radius(rows, i) for i in range(len(rows))] for rows in (real, generated))
    balls = [
        [bool(np.linalg.norm(g - r) < radius) for r, radius in zip(real, real_radii, strict=True)] for g in generated
    ]
    back = [
        [bool(np.linalg.norm(g - r) < radius) for g, radius in zip(generated, fake_radii, strict=True)] for r in real
    ]
    return {
        "precision": float(np.mean([any(row) for row in balls])),
        "recall": float(np.mean([any(row) for row in back])),
        "density": float(np.mean([sum(row) / k for row in balls])),
        "coverage": float(np.mean([any(row[j] for row in balls) for j in range(len(real))])),
    }


@pytest.mark.parametrize(("n", "m", "d", "k"), [(6, 6, 1, 5), (2, 3, 2, 1), (40, 25, 3, 5), (25, 40, 64, 3)])
def test_prdc_equals_the_definition(n: int, m: int, d: int, k: int) -> None:
    a, b = sets(n, m, d)
    assert prdc(a, b, k) == pytest.approx(prdc_by_definition(a, b, k), abs=1e-12)
    assert prdc(torch.from_numpy(a), torch.from_numpy(b), k) == prdc(a, b, k)
    mixed = prdc(a[RNG.permutation(n)], b[RNG.permutation(m)], k)
    assert mixed == pytest.approx(prdc(a, b, k), abs=1e-12)


@pytest.mark.skipif(importlib.util.find_spec("prdc") is None, reason="the package prdc is not installed")
@pytest.mark.parametrize(("n", "m", "d"), [(7, 7, 2), (300, 200, 16), (150, 400, 3), (200, 200, 512)])
def test_prdc_equals_the_reference_package(n: int, m: int, d: int) -> None:
    from prdc import compute_prdc

    for shift in (0.0, 0.2, 1.0):
        a, b = RNG.normal(shift, size=(n, d)), RNG.normal(size=(m, d))
        assert prdc(a, b) == pytest.approx(compute_prdc(b, a, nearest_k=5), abs=1e-12)


def test_prdc_of_a_few_points_by_hand() -> None:
    real, generated = np.array([[0.0], [1.0], [3.0]]), np.array([[0.5], [2.5], [9.0]])
    # Radii of the real points 1, 1, 2, of the generated ones 2, 2, 6.5; balls are open.
    found = prdc(generated, real, nearest=1)
    assert found == {"precision": 2 / 3, "recall": 1.0, "density": (2 + 1 + 0) / 3, "coverage": 1.0}
    # Copies in the generated set shrink their balls to nothing: only recall is theirs.
    twice = prdc(np.concatenate([generated, generated]), real, nearest=1)
    assert twice == {**found, "recall": 0.0}


@pytest.mark.parametrize(("n", "m", "k"), [(5, 9, 5), (9, 5, 5), (9, 9, 0)])
def test_prdc_refuses_too_few_images(n: int, m: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"6 or more|nearest must be 1 or more"):
        prdc(*sets(n, m, 3), k)


# --- similarity


def test_similarity_equals_the_definition() -> None:
    a, b = sets(9, 9, 7)
    expected = [p @ q / np.sqrt((p @ p) * (q @ q)) for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(similarity(a, b), expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(similarity(a, b), similarity(b, a))
    np.testing.assert_allclose(similarity(3 * a, 0.1 * b), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(similarity(a, -a), -np.ones(9), rtol=0, atol=1e-15)
    assert (similarity(a, a) <= 1).all()
    assert np.isnan(similarity(a * 0, b)).all()
    assert similarity(torch.from_numpy(a), torch.from_numpy(b)).tolist() == similarity(a, b).tolist()
    with pytest.raises(ValueError, match="must have one shape"):
        similarity(a, b[:5])


def mcld(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Cosine and distance of two raw embeddings, as MCLD's evaluate.py defines them."""
    return float(np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))), float(np.linalg.norm(a - b))


@pytest.mark.parametrize(("n", "d"), [(1, 1), (9, 7), (300, 512)])
def test_similarity_and_distance_equal_mclds(n: int, d: int) -> None:
    a, b = (20 * x for x in sets(n, n, d))
    cosine, distance = zip(*(mcld(p, q) for p, q in zip(a, b, strict=True)), strict=True)
    np.testing.assert_allclose(similarity(a, b), cosine, rtol=0, atol=1e-14)
    np.testing.assert_allclose(embedding_distance(a, b), distance, rtol=1e-14)
    # Of vectors that are not scaled: twice as long, twice as far.
    np.testing.assert_allclose(embedding_distance(2 * a, 2 * b), 2 * embedding_distance(a, b), rtol=1e-14)
    with pytest.raises(ValueError, match="must have one shape"):
        embedding_distance(a, np.ones((n + 1, d)))


# --- the protocols

PEOPLE, EACH, D = 30, 3, 4


def pairs() -> list[Pair]:
    """Two pairs of each person share their target."""
    return [
        Pair(f"p{person:02}s{i}.png", f"p{person:02}t{min(i, 1)}.png", f"p{person:02}")
        for person in range(PEOPLE)
        for i in range(EACH)
    ]


def vector(name: str) -> NDArray[np.float32]:
    return (
        np.random.default_rng(list(name.encode()))
        .normal(1.0 if name.startswith("g-") else 0.7, size=D)
        .astype(np.float32)
    )


def scored(
    protocol: str, made: Sequence[Pair], without: Sequence[str] = (), zero: Sequence[str] = ()
) -> tuple[Score, ...]:
    """Scores of vectors that depend on an image's name only; some images have none, or one of zeros."""
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(made))
    kind = protocols.load(protocol)(ENCODER)

    def vectors(feature: str, role: str) -> NDArray[np.float32]:
        assert (feature,) == kind.features
        names = [f"g-{pair.id}" if role == "generated" else pair.target for pair in made]
        rows = np.stack([vector(name) for name in names])
        rows[np.isin(names, without)] = np.nan
        rows[np.isin(names, zero)] = 0
        return rows

    return kind.score(Evidence(benchmark, {}, vectors))


def expected(protocol: str, generated: NDArray[np.float32], real: NDArray[np.float32]) -> list[float]:
    functions = {"fd": frechet_distance, "kd": kernel_distance, "cmmd": cmmd}
    if protocol == "prdc":
        return [*prdc(generated, real).values()]
    return [functions[protocol](generated, real)]


@pytest.mark.parametrize("protocol", ["fd", "kd", "cmmd", "prdc"])
@pytest.mark.parametrize("faces", [False, True])
def test_sets_are_all_generated_images_and_the_targets_without_repeats(protocol: str, faces: bool) -> None:
    made = pairs()
    lost = [f"g-{made[0].id}", f"g-{made[5].id}", made[3].target, made[8].target] if faces else []
    scores = scored(protocol, made, without=lost)
    ours = [f"g-{pair.id}" for pair in made if f"g-{pair.id}" not in lost]
    theirs = sorted({pair.target for pair in made} - set(lost))
    values = expected(protocol, np.stack([vector(n) for n in ours]), np.stack([vector(n) for n in theirs]))
    assert [score.value for score in scores] == pytest.approx(values, abs=1e-9)
    for score in scores:
        assert (score.n, score.details["n_generated"], score.details["n_reference"]) == (
            len(ours),
            len(ours),
            len(theirs),
        )
        assert dict(score.skipped) == ({"without a face in the generated image": 2} if faces else {})
        assert score.interval is not None
        assert score.interval.method.startswith("delete-block jackknife over people")
        assert score.value is not None
        assert score.interval.low <= score.value <= score.interval.high


@pytest.mark.parametrize("protocol", ["fd", "kd", "cmmd", "prdc"])
def test_intervals_leave_whole_people_out_of_both_sets(protocol: str) -> None:
    made = pairs()

    def statistic(number: int, keep: NDArray[np.bool_]) -> float:
        kept = [pair for pair, kept in zip(made, keep, strict=True) if kept]
        ours = np.stack([vector(f"g-{pair.id}") for pair in kept])
        return expected(protocol, ours, np.stack([vector(n) for n in sorted({pair.target for pair in kept})]))[number]

    for number, score in enumerate(scored(protocol, made)):
        found = block_jackknife(lambda keep, n=number: statistic(n, keep), np.array([pair.person for pair in made]))
        assert found is not None
        low, high = protocols.load(protocol)(ENCODER).metrics[number].range
        assert score.interval is not None
        assert score.interval.low == pytest.approx(max(low, found.low) if protocol == "prdc" else found.low, abs=1e-8)
        assert score.interval.high == pytest.approx(min(high, found.high), abs=1e-8)


def test_similarity_counts_the_pairs_that_are_left_out() -> None:
    made = pairs()
    both, first, second, nought = made[0], made[4], made[6], made[10]
    score, distance = scored(
        "similarity", made, [f"g-{both.id}", both.target, f"g-{first.id}", second.target], [f"g-{nought.id}"]
    )
    reasons = {pair.id: "" for pair in made}
    reasons |= {
        pair.id: "without a face in the target image" for pair in made if pair.target in (both.target, second.target)
    }
    reasons[both.id] = "without a face in either image"
    reasons[first.id] = "without a face in the generated image"
    reasons[nought.id] = "an embedding of 0"
    assert score.per_pair is not None
    assert score.per_pair["skipped"].to_dict() == reasons
    counted = [pair for pair in made if not reasons[pair.id]]
    values = similarity(np.stack([vector(f"g-{p.id}") for p in counted]), np.stack([vector(p.target) for p in counted]))
    assert score.value == pytest.approx(values.mean(), abs=1e-12)
    assert score.n == len(counted) == len(made) - sum(score.skipped.values())
    # As in MCLD, the mean is over the pairs with two faces. An embedding of 0 has a distance.
    assert distance.per_pair is not None
    assert distance.per_pair["skipped"].to_dict() == {**reasons, nought.id: ""}
    expected = [mcld(vector(f"g-{p.id}"), vector(p.target))[1] for p in counted]
    assert distance.value * distance.n == pytest.approx(sum(expected) + np.linalg.norm(vector(nought.target)), rel=1e-6)
    assert distance.n == len(counted) + 1


@pytest.mark.parametrize("protocol", NAMES)
def test_too_few_faces_are_a_reason_and_not_a_failure(protocol: str) -> None:
    made = pairs()
    nearly = [f"g-{pair.id}" for pair in made[1:]]
    for score in scored(protocol, made, without=[*nearly, f"g-{made[0].id}"]):
        assert score.value is None
        assert sum(score.skipped.values()) == len(made)
    # Faces of fewer than ten people: a value without an interval.
    for score in scored(protocol, made, without=[f"g-{pair.id}" for pair in made[24:]]):
        assert score.value is not None
        assert score.n == 24
        assert score.interval is None


@pytest.mark.parametrize("protocol", NAMES)
def test_the_variants_are_the_known_encoders(protocol: str) -> None:
    kind = protocols.load(protocol)
    assert kind().variant == ("clip-vitl14-336" if protocol == "cmmd" else "dinov2-vitl14")
    assert next(iter(kind.variants)) == kind().variant
    assert set(kind.variants) == {
        "dinov2-vitl14", "clip-vitl14-336", "clip-vitl14-336-whole", "arcface-r50", "arcface-mbf",
    }  # fmt: skip
    card = kind(ENCODER).card
    assert "file sha256 4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43" in card.definition
    assert card.features[0].startswith("encoder-arcface-r50-")
