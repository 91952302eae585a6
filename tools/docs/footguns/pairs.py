"""Mistakes with metrics of image pairs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import spearmanr

from fhpt_bench.data.parsing_maps import NO_REGION, REGIONS
from fhpt_bench.records.pair_table import read_pair_values
from protocols.perceptual import frechet_distance, lpips, psnr, regions, ssim
from tools.docs.footguns.material import Images, Material, extract
from tools.docs.footguns.sets import POOLED
from tools.docs.pages import table
from tools.docs.references import package_lpips

WHITE = 40
PAINT = (20, 200, 120)  # green


def padding(material: Material) -> str:
    """SSIM on the images without and with white borders."""
    generated, target = material.generated(material.few), material.targets(material.few)
    sources = material.real([pair.source for pair in material.few])
    rows = []
    for name, side in (("256 x 176, unchanged", 0), ("256 x 256, 40 white columns on the left and right", WHITE)):
        real = bordered(target, side)
        values = [f"{ssim(bordered(images, side), real).mean():.3f}" for images in (generated, sources)]
        rows.append((name, *values))
    return table(["`ssim:canonical` on images of", "`warp`", "`copy-source`"], rows)


def bordered(images: Images, side: int) -> Images:
    """Images with this many white columns on the left and on the right."""
    return np.pad(images, ((0, 0), (0, 0), (side, side), (0, 0)), constant_values=255)


def settings(material: Material) -> str:
    """SSIM in five variants, and the canonical variant with a wrong data range."""
    generated, target = material.generated(material.few), material.targets(material.few)
    sources = material.real([pair.source for pair in material.few])
    measures: dict[str, Callable[[Images, Images], float]] = {
        f"`ssim:{variant}`": lambda g, t, v=variant: float(ssim(g, t, v).mean())  # type: ignore[misc]
        for variant in ("canonical", "patn", "gfla", "pidm", "skimage")
    }
    measures["canonical, but data range 2 on images in [0, 1]"] = _range_two
    rows = [(name, f"{call(generated, target):.3f}", f"{call(sources, target):.3f}") for name, call in measures.items()]
    return table(["SSIM", "`warp`", "`copy-source`"], rows)


def _range_two(generated: Images, target: Images) -> float:
    """SSIM with the default data range that older scikit-image used for floats: that of [-1, 1]."""
    from skimage.metrics import structural_similarity

    gaussian = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": -1}
    values = [structural_similarity(g / 255, t / 255, data_range=2, **gaussian)
              for g, t in zip(generated, target, strict=True)]  # fmt: skip
    return float(np.mean(values))


def identical(material: Material) -> str:
    """PSNR if one of the 100 generated images is a copy of its target."""
    generated, target = material.generated(material.few), material.targets(material.few)
    whole = psnr(generated, target)
    generated[0] = target[0]
    value = psnr(generated, target)
    error = np.square(generated.astype(float) - target).mean((1, 2, 3))
    rows = [
        ("none is identical", f"{whole.mean():.2f}"),
        ("one is: plain mean", f"{value.mean():.2f}"),
        ("one is: capped at 100 dB", f"{value.clip(max=100).mean():.2f}"),
        ("one is: 1e-10 added to its error", f"{(10 * np.log10(255**2 / (error + 1e-10))).mean():.2f}"),
        ("one is: excluded and counted (ours)", f"{value[np.isfinite(value)].mean():.2f} (n = 99)"),
        ("none is: PSNR of the mean error", f"{10 * np.log10(255**2 / (255**2 / 10 ** (whole / 10)).mean()):.2f}"),
    ]
    return table(["of 100 pairs", "PSNR (dB)"], rows)


def background(material: Material) -> str:
    """Errors of the person, with a black background in both images and by the target's parsing map."""
    generated, target = material.generated(material.few), material.targets(material.few)
    behind = _located(material) == REGIONS.index("background")
    black = [np.where(behind[..., None], np.uint8(0), images) for images in (generated, target)]
    # The whole person as one region.
    person = regions(generated, target, np.where(behind, NO_REGION, 0).astype(np.uint8), "cpu")
    rows = [
        (name, f"{ssim(a, b).mean():.3f}", f"{psnr(a, b).mean():.2f}", f"{lpips(a, b, device='cpu').mean():.3f}")
        for name, (a, b) in (("whole images", (generated, target)), ("background black in both images", black))
    ]
    shown = (("ssim", 3), ("psnr", 2), ("lpips", 3))
    inside = [f"{person[measure][:, 0].mean():.{digits}f}" for measure, digits in shown]
    return table(
        ["measured on", "SSIM ↑", "PSNR (dB) ↑", "LPIPS ↓ (alex-0.1)"],
        [*rows, ("only the person's pixels, by the target's parsing map", *inside)],
    )


def neighbours(material: Material) -> str:
    """What LPIPS of each region does if one region of the generated images is painted in one colour."""
    generated, target = material.generated(material.few), material.targets(material.few)
    maps = _located(material)
    before = regions(generated, target, maps, "cpu")
    rows: list[list[object]] = []
    for name in ("face", "upper-body", "background"):
        painted = generated.copy()
        painted[maps == REGIONS.index(name)] = PAINT
        after = regions(painted, target, maps, "cpu")
        others = [place for place, region in enumerate(REGIONS) if region != name]
        apart = [np.nanmax(np.abs(after[m][:, others] - before[m][:, others])) for m in ("ssim", "psnr", "colour")]
        change = np.nanmean(after["lpips"] - before["lpips"], 0)
        rows.append([name, *(f"{value:+.3f}" for value in change), "0" if max(apart) < 1e-9 else f"{max(apart):.1g}"])
    rows.append(["pairs that show the region", *np.isfinite(before["lpips"]).sum(0), "-"])
    return table(
        ["painted region", *(f"LPIPS({region})" for region in REGIONS), "SSIM, PSNR, colour of the others"], rows
    )


def _located(material: Material) -> NDArray[np.uint8]:
    """(N, H, W) regions of the targets of the 100 pairs."""
    located = material.benchmark.regions
    if located is None:
        raise ValueError("the benchmark has no parsing maps")
    return located.stack([pair.target for pair in material.few])


def codec(material: Material) -> str:
    """Generated images as PNG and as JPEG, and the real targets in place of generated images."""
    generated, target = material.generated(material.few), material.targets(material.few)
    unique = material.real(material.unique)
    real = extract("efficientnet-lite0", unique)[:, :POOLED]
    rows = []
    for name, paired, whole in (("`warp`", generated, generated), ("real targets", target, unique)):
        for quality in (None, 95, 75):
            a = as_jpeg(paired, quality)
            b = a if whole is paired else as_jpeg(whole, quality)
            values = f"{ssim(a, target).mean():.4f}", f"{lpips(a, target, device='cpu').mean():.4f}"
            distance = frechet_distance(extract("efficientnet-lite0", b)[:, :POOLED], real)
            rows.append((name, f"JPEG {quality}" if quality else "PNG", *values, f"{distance:.2f} ({len(b)})"))
    columns = ["images", "saved as", "SSIM ↑", "LPIPS ↓ (alex-0.1)", f"FD to the {len(unique)} targets ↓ (of n)"]
    return table(columns, rows)


def as_jpeg(images: Images, quality: int | None) -> Images:
    """Images after saving as JPEG at a quality with Pillow; None: unchanged, as with PNG."""
    if quality is None:
        return images
    decoded = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        decoded.append(np.asarray(Image.open(buffer)))
    return np.stack(decoded)


def heads(material: Material) -> str:
    """The LPIPS variants on the same pairs, read from the run's pair table if available."""
    measured = read_pair_values(material.run)
    values = {}
    for variant in ("alex-0.1", "alex-0.0", "vgg-0.1"):
        known = measured.get(f"lpips:{variant}:lpips")
        if known is not None:
            values[variant] = known["value"][[pair.id for pair in material.few]].to_numpy(np.float64)
        else:
            stacks = material.generated(material.few), material.targets(material.few)
            values[variant] = lpips(*stacks, variant, device="cpu")
    rows = [(f"`lpips:{name}`", *_summary(value, values["alex-0.1"])) for name, value in values.items()]
    return table(["LPIPS", "mean", "lowest to highest", "rank correlation with alex-0.1"], rows)


def scaling(material: Material) -> str:
    """The package `lpips` on 100 pairs, with correct and wrong input ranges."""
    import torch

    model = package_lpips("alex-0.1")
    stacks = [material.generated(material.few), material.targets(material.few)]
    scales: Mapping[str, Callable[[Images], NDArray[Any]]] = {
        "[-1, 1], as expected": lambda x: x / 127.5 - 1,
        "[0, 1]": lambda x: x / 255,
        "[0, 255]": lambda x: x / 1.0,
    }
    values = {}
    for name, scale in scales.items():
        a, b = (torch.tensor(scale(images).transpose(0, 3, 1, 2)).float() for images in stacks)
        with torch.no_grad():
            values[name] = (
                torch.cat([model(x, y) for x, y in zip(a.split(10), b.split(10), strict=True)]).numpy().ravel()
            )
    right = values["[-1, 1], as expected"]
    rows = [(name, *_summary(value, right)) for name, value in values.items()]
    return table(["input of `lpips` 0.1.4 (alex, v0.1) in", "mean", "lowest to highest", "rank correlation"], rows)


def _summary(value: NDArray[Any], first: NDArray[Any]) -> tuple[str, str, str]:
    return (
        f"{value.mean():.3f}",
        f"{value.min():.3f} to {value.max():.3f}",
        f"{spearmanr(value, first).statistic:.3f}",
    )


def colours(material: Material) -> str:
    """RGB and BGR channel order."""
    pairs = material.few
    generated, target = material.generated(pairs), material.targets(pairs)
    everything, unique = material.generated(material.benchmark.pairs), material.real(material.unique)
    rows = []
    for name, first, second in (("both RGB", 1, 1), ("generated BGR, target RGB", -1, 1), ("both BGR", -1, -1)):
        a, b = np.ascontiguousarray(generated[..., ::first]), np.ascontiguousarray(target[..., ::second])
        sides = [extract("efficientnet-lite0", np.ascontiguousarray(x[..., ::step]))[:, :POOLED]
                 for x, step in ((everything, first), (unique, second))]  # fmt: skip
        values = ssim(a, b).mean(), psnr(a, b).mean(), lpips(a, b, device="cpu").mean(), frechet_distance(*sides)
        rows.append(
            (name, *(f"{value:{form}}" for value, form in zip(values, (".4f", ".2f", ".4f", ".1f"), strict=True)))
        )
    return table(["colour order", "SSIM ↑", "PSNR (dB) ↑", "LPIPS ↓ (alex-0.1)", "FD of 800 images ↓"], rows)


def pairing(material: Material) -> str:
    """Generated images and targets, paired by id, by sorted file names, and shifted by one."""
    pairs = material.few
    generated, target = material.generated(pairs), material.targets(pairs)
    shifted = np.roll(np.arange(len(pairs)), 1)
    by_source = np.argsort([pair.id for pair in pairs])
    by_target = np.argsort([pair.target for pair in pairs], kind="stable")
    distance = frechet_distance(*(extract("efficientnet-lite0", x)[:, :POOLED] for x in (generated, target)))
    names = np.array([pair.target for pair in pairs])
    rows = []
    for name, a, b in (
        ("by pair id", np.arange(len(pairs)), np.arange(len(pairs))),
        ("both folders sorted by file name", by_source, by_target),
        ("off by one", np.arange(len(pairs)), shifted),
    ):
        right = int((names[a] == names[b]).sum())
        g, t = generated[a], target[b]
        far = lpips(g, t, device="cpu").mean()
        rows.append((name, f"{right} of {len(pairs)}", f"{ssim(g, t).mean():.3f}", f"{far:.3f}", f"{distance:.1f}"))
    return table(
        ["pairing", "correct pairs", "SSIM ↑", "LPIPS ↓ (alex-0.1)", "FD(EffNet-lite0), 100 against 100"], rows
    )
