import dataclasses

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence, ImagePairs
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
    (metric,) = PSNR().card.metrics
    assert (metric.name, metric.label, metric.unit, metric.higher_is_better) == ("psnr", "PSNR", "dB", True)
