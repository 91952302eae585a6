"""What each card says about other image sizes, at 512x352, 256x176 and 128x64."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.feature import features
from fhpt_bench.protocol import protocols
from protocols.perceptual import frechet_distance, lpips, psnr, ssim
from protocols.perceptual.embedding import EFFICIENTNET
from protocols.perceptual.ssim import SSIM
from protocols.semantic import face_identity
from protocols.structural.keypoint_error_curve import anchors, keypoint_hits
from protocols.structural.pckh import pckh
from tools.docs.protocol_pages import built_in

SIZES = ((512, 352), (256, 176), (128, 64))
at_each_size = pytest.mark.parametrize("size", SIZES)
BORDER = 40  # columns that `patn` adds on each side, at every size


def flat(size: tuple[int, int], value: int) -> NDArray[np.uint8]:
    return np.full((1, *size, 3), value, np.uint8)


def noise(size: tuple[int, int], seed: int = 0, count: int = 1) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)


def photograph(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A rendered woman, seen from the front, at another size."""
    studio = load_benchmark("studio")
    name = next(name for name in studio.images if name.startswith("fashionWOMEN") and "1front" in name)
    image = Image.fromarray(read_image(studio.folder / name))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))[None]


def test_every_built_in_protocol_says_what_happens() -> None:
    for name, kind in built_in().items():
        assert kind.at_other_sizes.endswith("."), name
        assert len(kind.at_other_sizes.split()) > 8, name


@at_each_size
@pytest.mark.parametrize("variant", SSIM.variants)
def test_ssim_of_identical_images_is_one(size: tuple[int, int], variant: str) -> None:
    image = noise(size)
    assert ssim(image, image, variant)[0] == pytest.approx(1, abs=1e-12)


def of_means(a: float, b: float, data_range: float) -> float:
    """SSIM of two images of one colour each: only the luminance term is not 1."""
    c = (0.01 * data_range) ** 2
    return (2 * a * b + c) / (a * a + b * b + c)


@at_each_size
@pytest.mark.parametrize("variant", [name for name in SSIM.variants if name != "patn"])
def test_ssim_of_flat_images(size: tuple[int, int], variant: str) -> None:
    """No window and no border matters, so that the value is the same at every size."""
    expected = of_means(90, 120, 255)
    assert ssim(flat(size, 90), flat(size, 120), variant)[0] == pytest.approx(expected, abs=1e-9)


@at_each_size
def test_ssim_patn_adds_forty_columns_at_every_size(size: tuple[int, int]) -> None:
    """Both images are flat, so that only columns matter: the formula of SSIM on one line, written out."""
    a, b = (np.pad(np.full(size[1], value, float), BORDER, constant_values=255) for value in (90, 120))
    offsets = np.arange(-6, 7)  # 13 pixels, of which a border of 5 is left out: mirrored by one, as it is white there
    weights = np.exp(-(offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()

    def mean(line: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.convolve(np.pad(line, 1, mode="reflect"), weights, "valid")

    data_range = 255 - 90
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    line = (2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert len(line) == size[1] + 2 * BORDER - 10
    assert ssim(flat(size, 90), flat(size, 120), "patn")[0] == pytest.approx(line.mean(), abs=1e-9)


def test_the_white_columns_are_a_smaller_share_of_a_larger_image() -> None:
    values = [ssim(flat(size, 90), flat(size, 120), "patn")[0] for size in SIZES]
    assert values == sorted(values)


@at_each_size
def test_psnr_contains_no_size(size: tuple[int, int]) -> None:
    assert psnr(flat(size, 90), flat(size, 90))[0] == np.inf
    assert psnr(flat(size, 90), flat(size, 100))[0] == pytest.approx(20 * np.log10(255 / 10))


@at_each_size
@pytest.mark.parametrize(("variant", "network"), [("alex-0.1", "alexnet-maps"), ("vgg-0.1", "vgg16-maps")])
def test_lpips_reads_images_at_their_own_size(size: tuple[int, int], variant: str, network: str) -> None:
    image = photograph(size)
    assert lpips(image, image, variant)[0] == 0
    maps = features.load(network)("cpu").extract(image)
    height, width = size
    if variant == "vgg-0.1":
        expected = [(height >> level, width >> level) for level in range(5)]
    else:  # a convolution of 11 pixels with stride 4 and padding 2, and poolings of 3 with stride 2
        first = tuple((side + 4 - 11) // 4 + 1 for side in size)
        second = tuple((side - 3) // 2 + 1 for side in first)
        third = tuple((side - 3) // 2 + 1 for side in second)
        expected = [first, second, third, third, third]
    assert [tuple(layer.shape[2:]) for layer in maps] == expected


@at_each_size
def test_a_frechet_distance_of_the_same_set_is_zero(size: tuple[int, int]) -> None:
    found = EFFICIENTNET.embed("images", noise(size, 0, 3), "cpu", 3)
    assert found.shape == (3, 1280)
    assert frechet_distance(found, found) == pytest.approx(0, abs=1e-4)


@at_each_size
def test_sets_are_resized_without_keeping_their_shape(size: tuple[int, int]) -> None:
    """Halves of two greys are halves of the network's input, whatever the shape of the image."""
    from fhpt_bench.networks.pooled import resize_bicubic

    image = flat(size, 60)
    image[:, :, size[1] // 2 :] = 180
    for side in (224, 299):
        made = resize_bicubic(image, side)
        assert made.shape == (1, side, side, 3)
        np.testing.assert_allclose(made[:, :, : side // 2 - 20], 60, atol=1e-3)
        np.testing.assert_allclose(made[:, :, side // 2 + 20 :], 180, atol=1e-3)


@pytest.mark.parametrize("key", ["fid:drn", "is:drn"])
def test_padding_to_256_refuses_larger_images(key: str) -> None:
    name, _, variant = key.partition(":")
    protocol = protocols.load(name)(variant)
    studio = load_benchmark("studio")
    said = {size: protocol.lacks(dataclasses.replace(studio, image_size=size)) for size in SIZES}
    assert said == {
        (512, 352): "The images of studio are 352 wide and 512 high, and this variant needs 256 pixels or less on each "
        "side: choose another variant.",
        (256, 176): None,
        (128, 64): None,
    }


@pytest.mark.parametrize(
    ("key", "smallest"), [("ssim:gfla", 51), ("ssim:canonical", 11), ("lpips:alex-0.1", 31), ("lpips:vgg-0.1", 16)]
)
def test_images_below_the_window_are_refused(key: str, smallest: int) -> None:
    name, _, variant = key.partition(":")
    protocol = protocols.load(name)(variant)
    studio = load_benchmark("studio")
    for side, refused in ((smallest - 1, True), (smallest, False)):
        reason = protocol.lacks(dataclasses.replace(studio, image_size=(512, side)))
        assert (reason is not None) == refused
        images = noise((512, side))
        if not refused and name == "ssim":
            assert ssim(images, images, variant)[0] == pytest.approx(1)
    with pytest.raises(ValueError, match="pixels"):
        (ssim if name == "ssim" else lpips)(*[noise((512, smallest - 1))] * 2, variant)


def joints(size: tuple[int, int]) -> NDArray[np.float64]:
    """A standing person that grows with the image: (1, 18, 3)."""
    from fhpt_bench.data.pose import JOINTS

    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0.2, 0.8, (len(JOINTS), 2)), np.ones(len(JOINTS))])
    return points[None] * (size[1], size[0], 1)


def moved(points: NDArray[np.float64], x: float, y: float) -> NDArray[np.float64]:
    return points + np.array([x, y, 0])


@at_each_size
def test_errors_of_keypoints_are_pixels(size: tuple[int, int]) -> None:
    """The same 5 pixels at every size: a hit above 5 pixels, a miss at 5; half of the anchors up to 9.9 pixels."""
    truth = joints(size)
    hits, counts = keypoint_hits(moved(truth, 3, 4), truth, np.array([5.0 - 1e-6, 5.0 + 1e-6]))
    assert (hits.tolist(), counts.tolist()) == ([[0, 18]], [18])
    assert keypoint_hits(moved(truth, 3, 4), truth, anchors(9.9))[0].mean() / 18 == 10 / 20  # from 5.445 pixels on
    assert keypoint_hits(truth, truth, anchors(10))[0].tolist() == [[18] * 20]


def test_a_relative_error_needs_anchors_that_grow() -> None:
    """Joints and anchors times two: the same curve. Joints alone times two: a lower one."""
    small, large = joints((256, 176)), joints((512, 352))
    near, far = moved(small, 0.02 * 176, 0.01 * 256), moved(large, 0.02 * 352, 0.01 * 512)
    shares = [
        keypoint_hits(near, small, anchors(8))[0].tolist(),
        keypoint_hits(far, large, anchors(16))[0].tolist(),
        keypoint_hits(far, large, anchors(8))[0].tolist(),
    ]
    assert shares[0] == shares[1]
    assert sum(shares[2][0]) < sum(shares[0][0])


@at_each_size
def test_pckh_grows_with_the_head(size: tuple[int, int]) -> None:
    truth = joints(size)
    head = truth[0, [0, 1, 14, 15, 16, 17], :2]
    width, height = head.max(0) - head.min(0)
    assert pckh(truth, truth) == 1
    assert pckh(moved(truth, 0.49 * width, 0.49 * height), truth) == 1
    assert pckh(moved(truth, 0.51 * width, 0), truth) == 0


@pytest.mark.skipif(
    not all(map(weights.available, features.load("dlib-faces").spec.weights)), reason="dlib's models are not available"
)
@at_each_size
def test_faces_are_found_at_their_own_size(size: tuple[int, int]) -> None:
    image = photograph(size)
    distance = face_identity(image, image)[0]
    assert np.isnan(distance) if size == (128, 64) else distance == 0
