"""`regions`: each measure against an independent one, and one region changed alone."""

from __future__ import annotations

import dataclasses
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import binary_erosion
from skimage.metrics import structural_similarity

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.parsing_maps import NO_REGION, REGIONS
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.networks.alexnet import AlexNetMaps
from fhpt_bench.protocol import ImagePairs, Interval, Score
from protocols.perceptual import lpips, lpips_maps, regions, ssim, ssim_maps
from protocols.perceptual.region_plot import plot_regions
from protocols.perceptual.regions import Regions, inside
from tools.docs.references import package_lpips

# The smallest size is AlexNet's.
SIZES = [(256, 176, 2), (61, 47, 2), (31, 33, 1), (40, 31, 2), (401, 333, 1)]
COLOURS_UNTIL = 61  # the highest image on which the colour formula is computed pixel by pixel
ALLOWED = {"ssim": 1e-12, "psnr": 1e-9, "lpips": 1e-6, "colour": 1e-3}  # differences from `independent`
FACE, UPPER, BACKGROUND = (REGIONS.index(name) for name in ("face", "upper-body", "background"))


def cells(n: int, height: int, width: int) -> np.ndarray:
    """Random blocky regions of many sizes, some pixels in none."""
    rng = np.random.default_rng(height)
    small = rng.choice([*range(len(REGIONS)), NO_REGION], (n, height // 16 + 1, width // 16 + 1))
    return small.repeat(16, 1).repeat(16, 2)[:, :height, :width].astype(np.uint8)


def spatial(generated: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(N, H, W) from the package `lpips`."""
    model = package_lpips("alex-0.1")
    first, second = (torch.tensor(x.transpose(0, 3, 1, 2) / 127.5 - 1).float() for x in (generated, target))
    try:
        model.spatial = True
        with torch.no_grad():
            return model(first, second)[:, 0].numpy()
    finally:
        model.spatial = False


def lab(pixel: np.ndarray) -> tuple[float, float, float]:
    """CIELAB (D65, 2 degrees) of one 8-bit sRGB colour, by the formulas of IEC 61966-2-1 and CIE 15."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (float(v) / 255 for v in pixel)]
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = [sum(m * c for m, c in zip(row, linear, strict=True)) for row in matrix]
    x, y, z = (
        v ** (1 / 3) if v > (6 / 29) ** 3 else v / (3 * (6 / 29) ** 2) + 4 / 29
        for v in (value / white for value, white in zip(xyz, (0.95047, 1.0, 1.08883), strict=True))
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Sharma, Wu and Dalal 2005, equations 2 to 22, with kL = kC = kH = 1."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = (math.degrees(math.atan2(b, a)) % 360 if a or b else 0.0 for a, b in ((a1, b1), (a2, b2)))
    apart = h2 - h1
    if c1 * c2 == 0:
        turn, mean_h = 0.0, h1 + h2
    else:
        turn = apart - 360 if apart > 180 else apart + 360 if apart < -180 else apart
        total = h1 + h2
        mean_h = total / 2 if abs(apart) <= 180 else (total + 360) / 2 if total < 360 else (total - 360) / 2
    dl, dc, dh = l2 - l1, c2 - c1, 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn) / 2)
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2

    def cos(degrees: float) -> float:
        return math.cos(math.radians(degrees))

    t = 1 - 0.17 * cos(mean_h - 30) + 0.24 * cos(2 * mean_h) + 0.32 * cos(3 * mean_h + 6) - 0.2 * cos(4 * mean_h - 63)
    rc = 2 * math.sqrt(mc**7 / (mc**7 + 25**7))
    rt = -math.sin(math.radians(60 * math.exp(-(((mean_h - 275) / 25) ** 2)))) * rc
    sl = 1 + 0.015 * (ml - 50) ** 2 / math.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    parts = dl / sl, dc / sc, dh / sh
    return math.sqrt(sum(part**2 for part in parts) + rt * parts[1] * parts[2])


def test_the_colour_formula_of_this_test_gives_published_values() -> None:
    """Of Sharma's table of test data."""
    for one, other, expected in [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, 2.5, 0.0), (61.0, -5.0, 29.0), 22.8977),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ]:
        assert ciede2000(one, other) == pytest.approx(expected, abs=1e-4)


def independent(generated: np.ndarray, target: np.ndarray, maps: np.ndarray, colour: bool) -> dict[str, np.ndarray]:
    """What `regions` must return, region by region; colours only if wanted, since they take long."""
    found = {measure: np.full((len(maps), len(REGIONS)), np.nan) for measure in ALLOWED}
    perceptual = spatial(generated, target)
    for i, (a, b) in enumerate(zip(generated, target, strict=True)):
        _, similar = structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255, channel_axis=-1,
            full=True,
        )  # fmt: skip
        pixels = zip(a.reshape(-1, 3), b.reshape(-1, 3), strict=True)
        apart = np.array([ciede2000(lab(x), lab(y)) for x, y in pixels] if colour else np.full(a[..., 0].size, np.nan))
        for place in range(len(REGIONS)):
            mask = maps[i] == place
            eroded = binary_erosion(mask, np.ones((11, 11)))
            if mask.sum() >= 64:
                error = np.square(a[mask].astype(float) - b[mask]).mean()
                found["psnr"][i, place] = 10 * math.log10(255**2 / error)
                found["colour"][i, place] = apart.reshape(mask.shape)[mask].mean()
            if eroded.sum() >= 64:
                found["ssim"][i, place] = similar[eroded].mean()
                found["lpips"][i, place] = perceptual[i][eroded].mean()
    return found


@pytest.mark.parametrize(("height", "width", "n"), SIZES)
def test_every_measure_equals_an_independent_one(pairs, height: int, width: int, n: int) -> None:
    generated, target = pairs(n, height, width)
    maps = cells(n, height, width)
    found, small = regions(generated, target, maps, "cpu"), height <= COLOURS_UNTIL
    expected = independent(generated, target, maps, colour=small)
    for measure, allowed in ALLOWED.items():
        if small or measure != "colour":
            np.testing.assert_allclose(found[measure], expected[measure], rtol=0, atol=allowed, err_msg=measure)
    assert np.array_equal(np.isnan(found["colour"]), np.isnan(expected["psnr"]))
    assert np.isnan(expected["ssim"]).sum() > np.isnan(expected["psnr"]).sum() or height > 61


@pytest.mark.parametrize("size", [(31, 31), (47, 31), (256, 176), (300, 401)])
def test_the_spatial_map_equals_the_package(pairs, size: tuple[int, int]) -> None:
    generated, target = pairs(2, *size)
    np.testing.assert_allclose(lpips_maps(generated, target, device="cpu"), spatial(generated, target), atol=1e-6)


def test_maps_and_means_belong_together(pairs) -> None:
    generated, target = pairs(2, 64, 50)
    whole = np.full((2, 64, 50), BACKGROUND, np.uint8)
    found = regions(generated, target, whole, "cpu")
    np.testing.assert_allclose(found["ssim"][:, BACKGROUND], ssim(generated, target), atol=1e-12)
    np.testing.assert_allclose(ssim_maps(generated, target)[:, 5:-5, 5:-5].mean((1, 2)), ssim(generated, target))
    # Enlarged maps have the mean of the maps if the size is a multiple of each map's.
    assert found["lpips"][:, BACKGROUND] == pytest.approx(lpips(generated, target, device="cpu"), rel=0.1)
    others = [place for place in range(len(REGIONS)) if place != BACKGROUND]
    assert all(np.isnan(values[:, others]).all() for values in found.values())


def test_erosion_leaves_the_pixels_whose_window_is_in_one_region() -> None:
    for size in ((61, 47), (11, 11), (5, 30), (1, 1)):
        region = cells(1, *size)[0]
        eroded = inside(region)
        for place in range(len(REGIONS)):
            assert np.array_equal(eroded == place, binary_erosion(region == place, np.ones((11, 11))))


@pytest.fixture(scope="module")
def studio() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eight rendered targets, bad images of them, and their regions."""
    benchmark = load_benchmark("studio").limited(8)
    names = [pair.target for pair in benchmark.pairs]
    target = RealImages(benchmark.folder, benchmark.image_size, {}).stack(names)
    noise = np.random.default_rng(0).normal(0, 30, target.shape)
    assert benchmark.regions is not None
    generated = np.roll((target + noise).clip(0, 255).astype(np.uint8), 4, 2)
    return generated, target, benchmark.regions.stack(names)


def test_real_images_are_perfect_in_every_region(studio) -> None:
    _, target, maps = studio
    found = regions(target, target, maps, "cpu")
    for place in range(len(REGIONS)):
        seen = np.isfinite(found["ssim"][:, place])
        assert seen.any() or REGIONS[place] == "legs"
        assert found["ssim"][seen, place] == pytest.approx(1, abs=1e-12)
        assert (found["lpips"][seen, place] == 0).all()
        shown = np.isfinite(found["colour"][:, place])
        assert (found["colour"][shown, place] == 0).all()
        assert np.isinf(found["psnr"][shown, place]).all()


@pytest.mark.parametrize("name", ["face", "upper-body", "background"])
def test_a_repainted_region_changes_alone(studio, name: str) -> None:
    generated, target, maps = studio
    place = REGIONS.index(name)
    painted = generated.copy()
    painted[maps == place] = (20, 200, 120)
    before, after = (regions(images, target, maps, "cpu") for images in (generated, painted))
    others = [other for other in range(len(REGIONS)) if other != place]
    for measure in ("ssim", "psnr", "colour"):
        # The last bit of a power in colours depends on the place of a pixel in memory.
        np.testing.assert_allclose(before[measure][:, others], after[measure][:, others], rtol=1e-12, atol=0)
        seen = np.isfinite(before[measure][:, place])
        assert (before[measure][seen, place] != after[measure][seen, place]).all()
    # LPIPS sees its surroundings: the others move too, but less on average.
    moved = np.abs(after["lpips"] - before["lpips"])
    assert np.nanmean(moved[:, others]) < 0.5 * np.nanmean(moved[:, place])


def test_lpips_of_a_pixel_sees_its_surroundings_and_no_further(pairs) -> None:
    """The last layer's receptive field has a radius of 81 pixels, and enlarging reaches one cell of 16 further."""
    generated, target = pairs(1, 64, 320)
    changed = generated.copy()
    changed[:, :, :20] = 255 - changed[:, :, :20]
    before, after = (lpips_maps(images, target, device="cpu")[0] for images in (generated, changed))
    moved = (before != after).any(0)
    assert moved[:20].all()
    assert moved[20:40].any(), "it is not local"
    assert not moved[20 + 81 + 24 :].any()


def test_order_symmetry_and_swapped_colours(pairs) -> None:
    generated, target = pairs(3, 64, 50)
    maps = cells(3, 64, 50)
    found = regions(generated, target, maps, "cpu")
    for measure, values in regions(generated[::-1], target[::-1], maps[::-1], "cpu").items():
        np.testing.assert_allclose(values[::-1], found[measure], rtol=1e-12)
    for measure, values in regions(target, generated, maps, "cpu").items():
        np.testing.assert_allclose(values, found[measure], atol=1e-6, err_msg=f"{measure} is not symmetric")
    swapped = regions(generated, target[..., ::-1].copy(), maps, "cpu")
    for measure, values in swapped.items():
        seen = np.isfinite(values)
        assert (values[seen] != found[measure][seen]).all(), measure


def test_the_protocol_equals_the_function(studio) -> None:
    generated, target, maps = studio
    generated = generated.copy()
    generated[0][maps[0] == UPPER] = target[0][maps[0] == UPPER]
    network, protocol = AlexNetMaps("cpu"), Regions()
    images = [{"alexnet-maps": network.extract(side)} for side in (generated, target)]
    compared = protocol.compare(ImagePairs(generated, target, *images, maps))
    expected = regions(generated, target, maps, "cpu")
    assert list(compared) == [metric.name for metric in protocol.metrics]
    for measure, values in expected.items():
        for place, name in enumerate(REGIONS):
            column = compared[f"{measure}-{name}"]
            counts = np.array([not reason for reason in column.skipped])
            assert np.array_equal(counts, np.isfinite(values[:, place]))
            assert np.array_equal(column.value[counts], values[counts, place])
    assert compared["psnr-upper-body"].skipped[0] == "identical"
    assert "with under 64 pixels inside the region's edge" in compared["ssim-legs"].skipped
    with pytest.raises(ValueError, match="the pairs have no regions"):
        protocol.compare(ImagePairs(generated, target, *images))


def test_wrong_arguments_are_rejected(pairs) -> None:
    generated, target = pairs(1, 64, 50)
    with pytest.raises(ValueError, match=r"maps must be \(1, 64, 50\) uint8, not \(1, 50, 64\) uint8"):
        regions(generated, target, np.zeros((1, 50, 64), np.uint8))
    with pytest.raises(ValueError, match=r"uint8, not \(1, 64, 50\) int64"):
        regions(generated, target, np.zeros((1, 64, 50), np.int64))
    with pytest.raises(ValueError, match="AlexNet needs images of at least 31x31"):
        regions(generated[:, :30], target[:, :30], np.zeros((1, 30, 50), np.uint8))
    with pytest.raises(ValueError, match="no variant 'squeeze'"):
        lpips_maps(generated, target, "squeeze")
    with pytest.raises(ValueError, match="at least 11x11"):
        ssim_maps(generated[:, :10], target[:, :10])


def test_the_card_says_what_lpips_sees() -> None:
    card = Regions().card
    assert card.parsing
    assert len(card.metrics) == 28
    assert len(card.headlines) == len(REGIONS)
    assert "spatial map" in card.definition
    assert card.features == ("alexnet-maps",)
    assert any("163 pixels" in reason for reason in Regions.moved_by)


def chart(scores: dict[str, dict[str, Score]]) -> Image.Image | None:
    png = plot_regions(scores, "ssim", REGIONS, "SSIM", "title")
    return Image.open(io.BytesIO(png)) if png else None


def test_the_chart_shows_every_model_and_leaves_out_what_is_missing() -> None:
    def score(value: float, interval: bool = True) -> Score:
        return Score("ssim-face", value, 12, None, Interval(value - 0.1, value + 0.1, "m") if interval else None)

    one = {"ssim-face": score(0.5), "ssim-arms": dataclasses.replace(score(-0.2, interval=False), n=7)}
    assert chart({}) is None
    assert chart({"a": {"psnr-face": score(3)}}) is None
    few, many = chart({"a": one}), chart({f"model ${i}": one for i in range(9)})
    assert few is not None
    assert many is not None
    assert many.height > few.height
    gap = {"a": {"ssim-face": score(0.5)}, "b": {"ssim-arms": score(0.4)}}
    drawn = [plot_regions(gap, "ssim", REGIONS, "SSIM", "title") for _ in range(2)]
    assert drawn[0] is not None
    assert drawn[0] == drawn[1]
