"""Intervals of Fréchet distances on Gaussians whose distance is known."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from fhpt_bench import statistics
from fhpt_bench.statistics import block_jackknife
from protocols.perceptual import frechet_distance

PEOPLE, EACH, DIMENSIONS = 60, 4, 16
PERSON = np.repeat([f"p{i:03}" for i in range(PEOPLE)], EACH)


def draw(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Generated and real features; a person's images resemble each other."""

    def one_side(shift: float) -> NDArray[np.float64]:
        persons = np.repeat(rng.normal(size=(PEOPLE, DIMENSIONS)), EACH, 0)
        return shift + persons + 0.5 * rng.normal(size=(PEOPLE * EACH, DIMENSIONS))

    return one_side(0.3), one_side(0.0)


def test_jackknife_covers_where_a_bootstrap_is_biased() -> None:
    rng = np.random.default_rng(0)
    samples = [draw(rng) for _ in range(150)]
    distances = [frechet_distance(*sample) for sample in samples]
    expected = np.mean(distances)  # at this number of images
    covered = bootstrap_covered = 0
    reaches = []
    for generated, real in samples:
        interval = block_jackknife(lambda keep, g=generated, r=real: frechet_distance(g[keep], r[keep]), PERSON)
        assert interval is not None
        covered += interval.low <= expected <= interval.high
        reaches.append((interval.high - interval.low) / 2)
    for generated, real in samples[:40]:
        resampled = []
        for _ in range(40):
            people = rng.integers(PEOPLE, size=PEOPLE)
            rows = (people[:, None] * EACH + np.arange(EACH)).ravel()
            resampled.append(frechet_distance(generated[rows], real[rows]))
        low, high = np.percentile(resampled, [2.5, 97.5])
        bootstrap_covered += low <= expected <= high
    assert covered / len(samples) >= 0.92
    # Slightly too wide, as jackknives are: 2.09 standard errors, compared with the true spread.
    assert 0.95 <= np.mean(reaches) / (2.09 * np.std(distances)) <= 1.5
    assert bootstrap_covered / 40 < 0.6


def test_order_of_the_pairs_does_not_matter() -> None:
    generated, real = draw(np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(len(PERSON))
    a = block_jackknife(lambda keep: frechet_distance(generated[keep], real[keep]), PERSON)
    b = block_jackknife(lambda keep: frechet_distance(generated[order][keep], real[order][keep]), PERSON[order])
    assert a is not None
    assert b is not None
    assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-9)


def test_few_people_give_no_interval() -> None:
    assert block_jackknife(lambda keep: float(keep.sum()), PERSON[: 9 * EACH]) is None
    interval = block_jackknife(lambda keep: float(np.arange(48)[keep].mean()), PERSON[: 12 * EACH])
    assert interval is not None
    assert interval.method.endswith("12 blocks")


def test_blocks_at_once_give_the_digits_of_blocks_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank 0 uses the cores of the processes that wait for it; without them, or with other threads, it does not."""
    rng, people = np.random.default_rng(0), np.repeat([f"p{i:02}" for i in range(40)], 4)
    a, b = rng.normal(size=(2, len(people), 24)).astype(np.float32)
    meet = threading.Barrier(3)  # reached only if three blocks are computed at once
    seen: set[int] = set()

    def together(keep: np.ndarray) -> float:
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            meet.wait(60)
        return frechet_distance(a[keep], b[keep])

    alone = block_jackknife(lambda keep: frechet_distance(a[keep], b[keep]), people, 1)
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setattr(statistics, "_ONE_THREAD", True)
    assert block_jackknife(together, people, 1) == alone
    assert len(seen) == 3
    seen.clear()
    meet = threading.Barrier(1)
    assert block_jackknife(together, people, statistics._MEMORY) == alone, "no more than fits into memory"
    assert len(seen) == 1
    assert statistics._at_once(None) == 1
    monkeypatch.setattr(statistics, "_ONE_THREAD", False)
    assert statistics._at_once(1) == 1
