import dataclasses

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence, ImagePairs, PairValues
from protocols.perceptual import psnr
from protocols.perceptual.psnr import PSNR


@pytest.mark.parametrize("size", [(256, 176), (31, 47), (64, 64), (750, 1101), (1, 1), (2, 5)])
def test_equals_scikit_image(pairs, size):
    generated, target = pairs(2, *size)
    target[:, 0, 0, 0] = generated[:, 0, 0, 0] ^ 1  # tiny images must not be identical by chance
    expected = [peak_signal_noise_ratio(t, g, data_range=255) for g, t in zip(generated, target, strict=True)]
    np.testing.assert_allclose(psnr(generated, target), expected, rtol=0, atol=1e-10)


def test_worked_examples():
    dark = np.full((1, 4, 4, 3), 100, np.uint8)
    assert psnr(dark, dark + 10) == pytest.approx(10 * np.log10(255**2 / 100))
    assert psnr(np.zeros_like(dark), np.full_like(dark, 255)).tolist() == [0.0]
    assert psnr(dark, dark).tolist() == [np.inf]
    # 0 - 255 must not overflow in uint8
    assert psnr(np.zeros_like(dark), np.full_like(dark, 1)) == psnr(np.full_like(dark, 1), np.zeros_like(dark))


def test_order_of_pairs_and_sides_do_not_matter(pairs):
    generated, target = pairs(3, 20, 30)
    assert np.array_equal(psnr(generated[::-1], target[::-1])[::-1], psnr(generated, target))
    assert np.array_equal(psnr(target, generated), psnr(generated, target))
    assert psnr(generated[:0], target[:0]).shape == (0,)


def test_identical_pairs_are_excluded_and_counted(pairs):
    generated, target = pairs(3, 20, 30)
    generated[1] = target[1]
    values = PSNR().compare(ImagePairs(generated, target))
    assert values["psnr"].skipped == ("", "identical", "")
    three = tuple(Pair(f"s{i}.png", f"t{i}.png", f"p{i}") for i in range(3))
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=three)
    (score,) = PSNR().score(Evidence(benchmark, values, lambda *_: np.empty(0)))
    assert score.value == pytest.approx(psnr(generated, target)[[0, 2]].mean())
    assert (score.n, score.skipped) == (2, {"identical": 1})


def test_identical_pairs_count_as_100_decibels_in_unit(pairs):
    generated, target = pairs(3, 31, 47)
    target[1] = generated[1]
    found = PSNR("unit").compare(ImagePairs(generated, target))["psnr"]
    expected = psnr(generated, target)
    assert found.value.tolist() == [expected[0], 100.0, expected[2]]
    assert list(found.skipped) == ["", "", ""]


def benchmark_of(n):
    """n pairs of n // 3 people, whose ids are in another order than the list."""
    pairs = [Pair(f"s{i:02d}.png", f"t{i:02d}.png", f"p{i // 3}") for i in range(n)]
    mixed = tuple(pairs[i] for i in np.random.default_rng(1).permutation(n))
    return dataclasses.replace(load_benchmark("studio"), pairs=mixed)


def scored(benchmark, generated, target):
    """The score of batch16 of pairs that are given in the order of their ids, compared in two parts."""
    rows = [int(pair.source[1:3]) for pair in benchmark.pairs]
    protocol = PSNR("batch16")
    parts = [protocol.compare(ImagePairs(generated[some], target[some]))["error"] for some in (rows[:7], rows[7:])]
    error = PairValues.of(np.concatenate([part.value for part in parts]))
    (score,) = protocol.score(Evidence(benchmark, {"error": error}, lambda *_: np.empty(0)))
    return score


def by_torchmetrics(generated, target, size=16):
    """The steps of VtonEval: torchmetrics on batches of images in [0, 1], each weighted by its size."""
    from torchmetrics.functional.image import peak_signal_noise_ratio as reference

    one, two = (torch.tensor(x).permute(0, 3, 1, 2).double() / 255 for x in (generated, target))
    parts = [slice(start, start + size) for start in range(0, len(one), size)]
    return sum(len(one[p]) * float(reference(one[p], two[p], data_range=1.0)) for p in parts) / len(one)


@pytest.mark.parametrize(("n", "size"), [(39, (31, 47)), (32, (8, 5)), (16, (64, 48)), (3, (1, 1)), (17, (20, 30))])
def test_batches_equal_torchmetrics(pairs, n, size):
    generated, target = pairs(n, *size)
    generated[:, 0, 0, 0] = target[:, 0, 0, 0] ^ 1
    score = scored(benchmark_of(n), generated, target)
    # torchmetrics converts to decibels in float32.
    assert score.value == pytest.approx(by_torchmetrics(generated, target), abs=1e-5)
    errors = np.square(generated.astype(float) - target).mean((1, 2, 3))
    parts = [errors[start : start + 16] for start in range(0, n, 16)]
    expected = sum(len(part) * 10 * np.log10(255**2 / part.mean()) for part in parts) / n
    assert score.value == pytest.approx(expected, abs=1e-10)
    assert (score.n, score.skipped, score.per_pair) == (n, {}, None)
    assert (score.interval is None) == (n < 28)  # under 10 people
    assert score.interval is None or score.interval.low < score.value < score.interval.high


def test_batches_depend_on_the_order_of_the_ids_alone(pairs):
    generated, target = pairs(39, 16, 12)
    target[::2] = np.clip(generated[::2].astype(int) + 3, 0, 255)  # pairs that differ in their error
    benchmark = benchmark_of(39)
    value = scored(benchmark, generated, target).value
    other = dataclasses.replace(benchmark, pairs=benchmark.pairs[::-1])
    assert scored(other, generated, target).value == value
    renamed = np.argsort(np.arange(39) % 2, kind="stable")  # the ids of others
    assert abs(scored(benchmark, generated[renamed], target[renamed]).value - value) > 1
    assert value < psnr(generated, target).mean() - 1  # pooled errors give a smaller value


def test_batches_without_an_error_are_excluded_and_counted(pairs):
    generated, target = pairs(39, 16, 12)
    target[16:32] = generated[16:32]
    target[0] = generated[0]
    score = scored(benchmark_of(39), generated, target)
    kept = [*range(16), *range(32, 39)]
    first, last = (np.square(generated[p].astype(float) - target[p]).mean() for p in (slice(0, 16), slice(32, 39)))
    assert score.value == pytest.approx((16 * 10 * np.log10(255**2 / first) + 7 * 10 * np.log10(255**2 / last)) / 23)
    assert (score.n, score.skipped) == (len(kept), {"identical": 16})
    none = scored(benchmark_of(39), generated, generated)
    assert (none.value, none.n, none.interval) == (None, 0, None)
    # One pair decides: without its person nothing can be measured, and there is no interval.
    target[:] = generated
    target[5] = 255 - target[5]
    one = scored(benchmark_of(39), generated, target)
    assert (one.n, one.interval) == (16, None)


def test_wrong_arrays_are_rejected():
    good = np.zeros((2, 8, 9, 3), np.uint8)
    for bad, complaint in [
        (good.astype(np.float32) / 255, "must be uint8 in 0..255, not float32"),
        (good.astype(np.int16), "must be uint8"),
        (good[0], r"must be \(N, H, W, 3\), not \(8, 9, 3\)"),
        (good.transpose(0, 3, 1, 2), "must be"),
        (good[..., :1], "must be"),
        (good[:1], "must have one shape"),
        (good.tolist(), "must be a numpy array, not list"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            psnr(good, bad)
        with pytest.raises(ValueError, match=complaint):
            psnr(bad, good)


def test_card():
    assert [PSNR(variant).card.metrics[0].per_pair for variant in PSNR.variants] == [True, True, False]
    (metric,) = PSNR().card.metrics
    assert (metric.name, metric.label, metric.unit, metric.higher_is_better) == ("psnr", "PSNR", "dB", True)
