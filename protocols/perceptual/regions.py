"""Errors by region of the person: face, hair, upper and lower body, arms, legs, and the background."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.parsing_maps import NO_REGION, REGIONS
from fhpt_bench.protocol import Evidence, Exhibits, ImagePairs, MetricCard, PairValues, PairwiseProtocol
from fhpt_bench.threads import map_threads
from protocols.inputs import check_pairs
from protocols.perceptual.lpips import LPIPS, channel_weights, lpips_maps, spatial_distance
from protocols.perceptual.ssim import RADIUS, ssim_maps

if TYPE_CHECKING:
    from collections.abc import Callable

SMALLEST = 64  # pixels that a mean must have
_LPIPS = LPIPS("alex-0.1")
# Measure -> label, whether higher is better, unit, range, value of real images.
_MEASURES: Mapping[str, tuple[str, bool, str, tuple[float, float], float | None]] = {
    "ssim": ("SSIM", True, "", (-1.0, 1.0), 1.0),
    "psnr": ("PSNR", True, "dB", (0.0, np.inf), None),
    "lpips": ("LPIPS", False, "", (0.0, np.inf), 0.0),
    "colour": ("Colour", False, "ΔE00", (0.0, np.inf), 0.0),
}
_ERODED = ("ssim", "lpips")
_FEW = f"with under {SMALLEST} pixels of the region"
_FEW_INSIDE = f"with under {SMALLEST} pixels inside the region's edge"


def regions(
    generated: NDArray[np.uint8], target: NDArray[np.uint8], maps: NDArray[np.uint8], device: str | None = None
) -> dict[str, NDArray[np.float64]]:
    """SSIM, PSNR, LPIPS (AlexNet, v0.1) and mean CIEDE2000 colour distance of each pair, inside each region.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        target: the same.
        maps: (N, H, W) uint8, the region of each pixel of the target: a position in `REGIONS`, or 255 for none.
        device: of LPIPS, "cpu" or "cuda"; default: "cuda" if available.

    Returns:
        "ssim", "psnr", "lpips", "colour" -> (N, 7) float64, one column per region: NaN if a region has fewer than 64
        pixels (SSIM and LPIPS: fewer than 64 at least 5 pixels inside its edge); PSNR is inf if a region is identical.

    Raises:
        ValueError: if the arrays are not of this form, or the images are smaller than 31 pixels.
        WeightsMissing: if the network's weights are not available from any source.

    Examples:
        >>> images = np.random.default_rng(0).integers(0, 256, (1, 64, 48, 3), np.uint8)
        >>> left = np.repeat([[[0, 6]]], 24, 2).repeat(64, 1).astype(np.uint8)  # face on the left, background
        >>> changed = images.copy()
        >>> changed[:, :, :24] //= 2
        >>> regions(changed, images, left)["psnr"].round(1)[0, [0, 6]]
        array([10.7,  inf])
    """
    check_pairs(generated, target)
    if maps.dtype != np.uint8 or maps.shape != generated.shape[:3]:
        raise ValueError(f"maps must be {generated.shape[:3]} uint8, not {maps.shape} {maps.dtype}")
    return _measure(generated, target, maps, lpips_maps(generated, target, _LPIPS.variant, device))


def inside(region: NDArray[np.uint8], radius: int = RADIUS) -> NDArray[np.uint8]:
    """Erode all regions of a map: what is left are the pixels whose whole window is in one region and in the image.

    Args:
        region: (H, W) uint8, the region of each pixel.
        radius: of the window, a square of 2 * radius + 1 pixels.

    Returns:
        (H, W) uint8, `NO_REGION` where a pixel is not inside.

    Examples:
        >>> inside(np.array([[6] * 5, [6] * 5, [6] * 5, [0] * 5], np.uint8), 1)
        array([[255, 255, 255, 255, 255],
               [255,   6,   6,   6, 255],
               [255, 255, 255, 255, 255],
               [255, 255, 255, 255, 255]], dtype=uint8)
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    window = 2 * radius + 1
    same = minimum_filter(region, window) == maximum_filter(region, window)
    whole = np.zeros(region.shape, bool)
    whole[radius : region.shape[0] - radius, radius : region.shape[1] - radius] = True
    return np.where(same & whole, region, np.uint8(NO_REGION))


def _measure(
    generated: NDArray[np.uint8],
    target: NDArray[np.uint8],
    maps: NDArray[np.uint8],
    perceptual: NDArray[np.floating[Any]],
) -> dict[str, NDArray[np.float64]]:
    """See `regions`; `perceptual` is LPIPS by pixel, (N, H, W)."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    distance: Callable[..., NDArray[np.float64]] = deltaE_ciede2000
    found = {measure: np.full((len(maps), len(REGIONS)), np.nan) for measure in _MEASURES}
    similar = ssim_maps(generated, target)

    def measure(i: int) -> None:
        a, b, whole = generated[i], target[i], maps[i]
        eroded = inside(whole)
        found["ssim"][i] = _means(similar[i], eroded)
        found["lpips"][i] = _means(perceptual[i], eroded)
        error = _means(np.square(a.astype(np.float64) - b).mean(-1), whole)
        with np.errstate(divide="ignore"):
            found["psnr"][i] = 10 * np.log10(255**2 / error)
        found["colour"][i] = _means(distance(rgb2lab(a), rgb2lab(b)), whole)

    map_threads(measure, range(len(maps)))
    return found


def _means(values: NDArray[np.floating[Any]], region: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(7,) mean of (H, W) values in each region, NaN if it has too few pixels."""
    place, most = region.ravel(), NO_REGION + 1
    count = np.bincount(place, minlength=most)[: len(REGIONS)]
    total = np.bincount(place, values.ravel(), most)[: len(REGIONS)]
    return np.divide(total, count, out=np.full(len(REGIONS), np.nan), where=count >= SMALLEST)


class Regions(PairwiseProtocol):
    """SSIM, PSNR, LPIPS and colour distance inside each region of the target's parsing map, mean over pairs."""

    id = "regions"
    title = "Errors by region of the person"
    group = "perceptual"
    citation = (
        "defined here; SSIM, PSNR and LPIPS as in `ssim`, `psnr` and `lpips`; Sharma et al., The CIEDE2000 "
        "Color-Difference Formula, Color Research and Application 2005"
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": "over the pixels of each region of the target's parsing map: PSNR of the mean squared error; mean "
        "CIEDE2000 distance (scikit-image, sRGB to CIELAB, D65); over the pixels at least "
        f"{RADIUS} pixels inside the region's edge and the image's border (the radius of SSIM's window): mean of the "
        "map of `ssim:canonical`, and mean of the spatial map of `lpips:alex-0.1` (each layer's distances, enlarged "
        "bilinearly to the images' size, and summed); a region with fewer than "
        f"{SMALLEST} such pixels is skipped in that pair, and so is PSNR of a region without any error; both images "
        "are compared whole, nothing is cut out or blackened. Sunglasses are in the face, hats in the hair; neck, "
        "dress and coat in the upper body; gloves in the arms; socks and shoes in the legs; a bag in no region"
    }
    metrics = tuple(
        MetricCard(f"{measure}-{region}", f"{label}({region})", higher, unit, limits, real)
        for measure, (label, higher, unit, limits, real) in _MEASURES.items()
        for region in REGIONS
    )
    headlines = tuple(f"ssim-{region}" for region in REGIONS)
    numerics = "scikit-image float64, torch float32"
    parsing = True
    at_other_sizes = (
        f"The window and the smallest region ({SMALLEST} pixels) keep their pixels: in smaller images more regions are "
        "skipped, in SSIM and LPIPS first, and in larger ones a window shows less of a region. LPIPS needs 31 pixels "
        "on each side."
    )
    moved_by = (
        "the parser and its table of labels: their digest is part of the fingerprint",
        "the surroundings of a region, for LPIPS: the receptive fields of AlexNet's layers are 11 to 163 pixels wide, "
        "so an error next to a region moves it too; the other three depend on the pixels of the region alone",
        "how many pairs show the region: each has its own n, and small regions are missing in SSIM and LPIPS first",
        "the size of the images: a thin arm has no pixel far enough inside its edge",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """AlexNet's maps, which LPIPS compares too."""
        return _LPIPS.features

    @property
    def weights(self) -> tuple[str, ...]:
        """LPIPS's channel weights."""
        return _LPIPS.weights

    def compare(self, images: ImagePairs) -> Mapping[str, PairValues]:
        """All measures of each region in each pair."""
        if images.regions is None:
            raise ValueError("the pairs have no regions")
        (feature,) = self.features
        generated, target = images.generated_maps[feature], images.target_maps[feature]
        heads = channel_weights(_LPIPS.variant, str(generated[0].device))
        _, height, width, _ = images.target.shape
        perceptual = spatial_distance(generated, target, heads, (height, width)).cpu().numpy()
        found = _measure(images.generated, images.target, images.regions, perceptual)
        return {
            f"{measure}-{region}": _pair_values(values[:, column], _FEW_INSIDE if measure in _ERODED else _FEW)
            for measure, values in found.items()
            for column, region in enumerate(REGIONS)
        }

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """Draw a bar chart of each measure: this model and all comparable ones, by region."""
        from protocols.perceptual.region_plot import plot_regions

        loaded = evidence.benchmark
        where = f"by region on {loaded.id} {loaded.version}, {len(loaded.pairs)} pairs"
        charts: dict[str, bytes] = {}
        for measure, (label, higher, unit, _, _) in _MEASURES.items():
            axis = f"{label}{f', {unit}' if unit else ''} ({'higher' if higher else 'lower'} is better)"
            chart = plot_regions(exhibits.scores, measure, REGIONS, axis, f"{label} {where}")
            charts |= {measure: chart} if chart else {}
        return charts


def _pair_values(values: NDArray[np.float64], few: str) -> PairValues:
    """Values of one region; NaN and infinite ones are skipped, with the reason."""
    reasons = [few if np.isnan(value) else "identical" if np.isinf(value) else "" for value in values]
    return PairValues.of(np.where(np.isinf(values), np.nan, values), reasons)
