import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from fhpt_bench.errors import UserError
from fhpt_bench.protocol import ImagePairs
from protocols.perceptual import ssim
from protocols.perceptual.ssim import SSIM

module = sys.modules[SSIM.__module__]

GAUSSIAN = {"gaussian_weights": True, "use_sample_covariance": False, "channel_axis": -1}


def padded(image):
    side = np.full((len(image), 40, 3), 255, np.uint8)
    return np.concatenate([side, image, side], axis=1)


def spread(image):
    return int(image.max()) - int(image.min())


# Reference calls of the variants.
REFERENCES = {
    "canonical": lambda g, t: structural_similarity(g, t, sigma=1.5, data_range=255, **GAUSSIAN),
    "patn": lambda g, t: by_old_scikit_image(padded(t), padded(g), spread(padded(g))),
    "market": lambda g, t: by_old_scikit_image(t, g, spread(g)),
    "gfla": lambda g, t: structural_similarity(t / 255, g / 255, win_size=51, data_range=1, channel_axis=-1),
    "pidm": lambda g, t: structural_similarity(t / 255, g / 255, sigma=1.2, data_range=spread(g) / 255, **GAUSSIAN),
    "skimage": lambda g, t: structural_similarity(g, t, channel_axis=-1),
    # float32 images in [0, 1] times 255
    "cfld-256": lambda g, t: structural_similarity(
        *(np.float32(x) / np.float32(255) * np.float32(255) for x in (t, g)), sigma=1.5, data_range=spread(g),
        **GAUSSIAN,
    ),
    "torchmetrics": lambda g, t: by_torchmetrics(g, t),
    "grey": lambda g, t: structural_similarity(
        *(cv2.cvtColor(np.ascontiguousarray(x[..., ::-1]), cv2.COLOR_BGR2GRAY) for x in (t, g)), data_range=255
    ),
    "hr-viton": lambda g, t: structural_similarity(
        *(np.asarray(Image.fromarray(x).convert("L")) for x in (g, t)), sigma=1.5, data_range=255,
        gaussian_weights=True, use_sample_covariance=False,
    ),
}  # fmt: skip
SMALLEST = {
    "canonical": 11, "patn": 11, "market": 11, "gfla": 51, "pidm": 9, "skimage": 7, "cfld-256": 11, "torchmetrics": 11,
    "grey": 7, "hr-viton": 11,
}  # fmt: skip
# The reference computes in float32.
TOLERANCE = {"cfld-256": 1e-5}


def by_old_scikit_image(a, b, data_range):
    """scikit-image 0.14.2: scipy's default Gaussian, of 4 standard deviations; a window of 11 pixels for the border."""
    means = []
    for channel in range(3):
        x, y = a[..., channel].astype(float), b[..., channel].astype(float)
        x_mean, y_mean, xx, yy, xy = (gaussian_filter(v, 1.5, truncate=4) for v in (x, y, x * x, y * y, x * y))
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        luminance = (2 * x_mean * y_mean + c1) / (x_mean**2 + y_mean**2 + c1)
        rest = (2 * (xy - x_mean * y_mean) + c2) / (xx - x_mean**2 + yy - y_mean**2 + c2)
        means.append((luminance * rest)[5:-5, 5:-5].mean())
    return np.mean(means)


def by_torchmetrics(generated, target):
    from torchmetrics.functional.image import structural_similarity_index_measure

    one, two = (torch.tensor(x).permute(2, 0, 1)[None].double() / 255 for x in (generated, target))
    return float(structural_similarity_index_measure(one, two, data_range=1.0))


def gaussian_window(radius):
    row = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * 1.5**2))
    return np.outer(row, row) / np.outer(row, row).sum()


def naive(a, b, window, bessel, data_range=255):
    """SSIM by its definition: weighted sums over a window at each position, in plain loops."""
    height, width = window.shape
    values = []
    for channel in range(3):
        p, q = a[..., channel].astype(float), b[..., channel].astype(float)
        for top in range(p.shape[0] - height + 1):
            for left in range(p.shape[1] - width + 1):
                x = p[top : top + height, left : left + width]
                y = q[top : top + height, left : left + width]
                mean_x, mean_y = (window * x).sum(), (window * y).sum()
                var_x = bessel * (window * (x - mean_x) ** 2).sum()
                var_y = bessel * (window * (y - mean_y) ** 2).sum()
                both = bessel * (window * (x - mean_x) * (y - mean_y)).sum()
                c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
                values.append(
                    (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
                )
    return np.mean(values)


def naive_patn(generated, target):
    """A window of 13 pixels whose outermost ones lie beyond the edge, since a border of only 5 is excluded."""
    a, b = (np.pad(padded(x), ((1, 1), (1, 1), (0, 0)), mode="symmetric") for x in (generated, target))
    return naive(a, b, gaussian_window(6), 1, spread(padded(generated)))


BY_DEFINITION = {
    "canonical": lambda g, t: naive(g, t, gaussian_window(5), 1),
    "patn": naive_patn,
    "skimage": lambda g, t: naive(g, t, np.full((7, 7), 1 / 49), 49 / 48),
}


@pytest.mark.parametrize(
    ("variant", "size", "n"),
    [
        *((variant, size, 2) for variant in SSIM.variants for size in [(256, 176), (51, 67), (64, 64)]),
        ("canonical", (31, 47), 2),
        ("canonical", (750, 1101), 1),
    ],
)
def test_equals_scikit_image(pairs, variant, size, n):
    generated, target = pairs(n, *size)
    expected = [REFERENCES[variant](g, t) for g, t in zip(generated, target, strict=True)]
    np.testing.assert_allclose(ssim(generated, target, variant), expected, rtol=0, atol=TOLERANCE.get(variant, 1e-10))


@pytest.mark.parametrize("size", [(11, 11), (16, 14)])
@pytest.mark.parametrize("variant", BY_DEFINITION)
def test_equals_the_definition(pairs, variant, size):
    generated, target = pairs(1, *size)
    expected = BY_DEFINITION[variant](generated[0], target[0])
    assert ssim(generated, target, variant)[0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("variant", SSIM.variants)
def test_smallest_image(pairs, variant):
    side = SMALLEST[variant]
    generated, target = pairs(1, side, side)
    assert np.isfinite(ssim(generated, target, variant)).all()
    with pytest.raises(ValueError, match=f"at least {side}x{side} pixels for this metric, not {side - 1}x{side}"):
        ssim(generated[:, 1:], target[:, 1:], variant)


@pytest.mark.parametrize("variant", SSIM.variants)
def test_identical_images_are_one(pairs, variant):
    _, target = pairs(2, 60, 60)
    np.testing.assert_allclose(ssim(target, target, variant), 1, rtol=0, atol=1e-12)


@pytest.mark.parametrize("variant", SSIM.variants)
def test_one_colour_is_finite(variant):
    grey, white = np.full((1, 60, 60, 3), 127, np.uint8), np.full((1, 60, 60, 3), 255, np.uint8)
    assert np.isfinite(ssim(grey, white, variant)).all()
    assert np.isfinite(ssim(white, grey, variant)).all()


def test_the_13th_pixel_of_patn_counts(pairs):
    """Its numbers are of version 2: those of the Gaussian of 11 pixels differ, and no other variant has moved."""
    generated, target = pairs(2, 64, 48)
    shorter = [
        structural_similarity(padded(t), padded(g), sigma=1.5, data_range=spread(padded(g)), **GAUSSIAN)
        for g, t in zip(generated, target, strict=True)
    ]
    apart = np.abs(ssim(generated, target, "patn") - shorter)
    assert ((apart > 1e-7) & (apart < 1e-2)).all()
    assert {variant: SSIM(variant).card.version for variant in SSIM.variants} == {
        variant: 2 if variant == "patn" else 1 for variant in SSIM.variants
    }


def plain_image(height, width, slope):
    y, x, channel = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((x * x * slope + y * 11 + channel * 37 + (x * y) // 5) % 200 + 20).astype(np.uint8)


@pytest.mark.parametrize(
    ("size", "whole", "masked"),
    [((128, 64), 0.7232046371000505, 0.8414755329166527), ((31, 47), 0.7037533125170773, 0.8232348134622284)],
)
def test_market_is_scikit_image_0_14_2(size, whole, masked):
    """Values that its `compare_ssim` gave for these images, with the arguments of PATN's tool."""
    generated = plain_image(*size, 1)[None]
    target = generated // 2 + plain_image(*size, 2)[None] // 3
    assert ssim(generated, target, "market")[0] == pytest.approx(whole, abs=1e-12)
    middle = (np.abs(np.arange(size[1]) - size[1] / 2) < size[1] / 4)[:, None]
    assert ssim(generated * middle, target * middle, "market")[0] == pytest.approx(masked, abs=1e-12)


def test_range_is_minus_one_to_one(pairs):
    _, target = pairs(2, 40, 40)
    assert (ssim(255 - target, target) < 0).all()
    assert (ssim(255 - target, target) >= -1).all()


def test_channels_and_pairs(pairs):
    generated, target = pairs(3, 40, 30)
    values = ssim(generated, target)
    np.testing.assert_allclose(ssim(target, generated), values, rtol=0, atol=1e-12)
    assert np.array_equal(ssim(generated[::-1], target[::-1]), values[::-1])
    assert np.array_equal(np.concatenate([ssim(generated[i : i + 1], target[i : i + 1]) for i in range(3)]), values)
    assert (np.abs(ssim(generated[..., ::-1], target) - values) > 1e-3).all(), (
        "BGR instead of RGB must change the value"
    )
    assert ssim(generated[:0], target[:0]).shape == (0,)


def test_protocol(pairs):
    generated, target = pairs(2, 60, 60)
    for variant in SSIM.variants:
        measured = SSIM(variant).compare(ImagePairs(generated, target))["ssim"].value
        assert np.array_equal(measured, ssim(generated, target, variant))
    assert SSIM().card.key == "ssim:canonical"
    assert SSIM().card.metrics[0].real == 1
    with pytest.raises(UserError, match="did you mean canonical"):
        SSIM("canonica")
    with pytest.raises(ValueError, match="no variant 'x'"):
        ssim(generated, target, "x")


def test_importing_the_metrics_is_fast():
    code = (
        "import sys; from protocols.perceptual import ssim, psnr, lpips; print({'torch', 'skimage'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("variant", ["grey", "hr-viton"])
def test_grey_is_that_of_the_library(variant):
    """Every eighth colour, and random ones: equal grey images, not nearly equal ones."""
    some = np.stack(np.meshgrid(*[np.arange(0, 256, 8, dtype=np.uint8)] * 3, indexing="ij"), -1).reshape(-1, 32, 3)
    image = np.concatenate([some, np.random.default_rng(0).integers(0, 256, (1000, 32, 3), np.uint8)])
    expected = {
        "grey": cv2.cvtColor(np.ascontiguousarray(image[..., ::-1]), cv2.COLOR_BGR2GRAY),
        "hr-viton": np.asarray(Image.fromarray(image).convert("L")),
    }[variant]
    assert np.array_equal(module._prepared(image, module._VARIANTS[variant]), expected)


@pytest.mark.parametrize("size", [(256, 176), (31, 47), (16, 11)])
def test_canonical_is_torchmetrics_without_its_border(pairs, size):
    """Up to version 1.4.1, torchmetrics excluded 5 pixels of the same map: that is no variant of its own."""
    from torchmetrics.functional.image import structural_similarity_index_measure

    generated, target = pairs(2, *size)
    one, two = (torch.tensor(x).permute(0, 3, 1, 2).double() / 255 for x in (generated, target))
    _, values = structural_similarity_index_measure(one, two, data_range=1.0, return_full_image=True)
    expected = values[..., 5:-5, 5:-5].mean((1, 2, 3))
    np.testing.assert_allclose(ssim(generated, target), expected, rtol=0, atol=1e-10)


def test_the_border_of_torchmetrics_counts():
    """A wrong border column changes `torchmetrics`, and not `canonical`, which excludes it."""
    target = np.random.default_rng(0).integers(0, 256, (1, 64, 48, 3), np.uint8)
    wrong = target.copy()
    wrong[:, :, 0] = 255 - wrong[:, :, 0]
    assert ssim(wrong, target)[0] < 1
    assert ssim(wrong, target, "torchmetrics")[0] < ssim(wrong, target)[0]
