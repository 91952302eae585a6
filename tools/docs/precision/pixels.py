"""Metrics of pairs and of features, compared with the packages that the field uses."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from protocols.perceptual import (
    cmmd,
    frechet_distance,
    inception_score,
    kernel_distance,
    kernel_distance_of_subsets,
    lpips,
    prdc,
    psnr,
    regions,
    ssim,
)
from protocols.perceptual.lpips import LPIPS
from protocols.perceptual.ssim import SSIM
from tools.docs.precision.networks import random_weights
from tools.docs.precision.rows import Row, apart, images, relative, sizes, test_module
from tools.docs.references import package_lpips

LARGE = (750, 1101)
SSIM_TEST = "protocols/perceptual/test_ssim.py"


def pairs() -> list[Row]:
    """SSIM, PSNR and LPIPS in each variant, and each measure by region."""
    ssims = [_ssim(variant) for variant in SSIM.variants]
    ssims += map(_ssim_by_definition, test_module(SSIM_TEST)["BY_DEFINITION"])
    return [*ssims, _psnr(), _psnr_of_batches(), *(_lpips(variant) for variant in LPIPS.variants), *_regions()]


def _ssim(variant: str) -> Row:
    module = test_module(SSIM_TEST)
    side = module["SMALLEST"][variant]
    chosen = [(256, 176), (51, 67), *([(31, 47)] if side < 31 else []), (side, side), LARGE]
    worst = 0.0
    for size in chosen:
        generated, target = images(1 if size == LARGE else 2, *size)
        expected = [module["REFERENCES"][variant](g, t) for g, t in zip(generated, target, strict=True)]
        worst = max(worst, apart(ssim(generated, target, variant), expected))
    old = ("scikit-image 0.14.2's formula on `gaussian_filter`", "scipy")
    reference = {
        "patn": old,
        "market": old,
        "torchmetrics": ("`structural_similarity_index_measure`", "torchmetrics"),
    }.get(variant, ("`structural_similarity`", "scikit-image"))
    allowed = module["TOLERANCE"].get(variant, 1e-10)
    return Row(f"ssim:{variant}", *reference, sizes(chosen), allowed, worst, "", SSIM_TEST)


def _ssim_by_definition(variant: str) -> Row:
    """Our SSIM calls scikit-image or scipy, so it is also compared with the equation in plain loops."""
    module = test_module(SSIM_TEST)
    chosen, worst = [(11, 11), (16, 14), (31, 47)], 0.0
    for size in chosen:
        (generated,), (target,) = images(1, *size)
        expected = module["BY_DEFINITION"][variant](generated, target)
        worst = max(worst, apart(ssim(generated[np.newaxis], target[np.newaxis], variant), [expected]))
    return Row(f"ssim:{variant}", "Wang's equation 13 in plain loops", "", sizes(chosen), 1e-10, worst, "", SSIM_TEST)


def _psnr() -> Row:
    from skimage.metrics import peak_signal_noise_ratio

    chosen = [(256, 176), (31, 47), (1, 1), (2, 5), LARGE]
    worst = 0.0
    for size in chosen:
        generated, target = images(2, *size)
        target[:, 0, 0, 0] = generated[:, 0, 0, 0] ^ 1  # tiny images must not be identical by chance
        expected = [peak_signal_noise_ratio(t, g, data_range=255) for g, t in zip(generated, target, strict=True)]
        worst = max(worst, apart(psnr(generated, target), expected))
    test = "protocols/perceptual/test_psnr.py"
    return Row("psnr:canonical", "`peak_signal_noise_ratio`", "scikit-image", sizes(chosen), 1e-10, worst, "dB", test)


def _psnr_of_batches() -> Row:
    test = "protocols/perceptual/test_psnr.py"
    module, worst, chosen = test_module(test), 0.0, [(39, (31, 47)), (32, (8, 5)), (17, (64, 48)), (3, (401, 600))]
    for n, size in chosen:
        generated, target = images(n, *size)
        ours = module["scored"](module["benchmark_of"](n), generated, target).value
        worst = max(worst, apart(ours, module["by_torchmetrics"](generated, target)))
    inputs = ", ".join(f"{n} of {height}x{width}" for n, (height, width) in chosen)
    reference = "`peak_signal_noise_ratio` of batches"
    return Row("psnr:batch16", reference, "torchmetrics", inputs, 1e-5, worst, "dB", test)


def _lpips(variant: str) -> Row:
    test, vgg = "protocols/perceptual/test_lpips.py", variant.startswith("vgg")
    module = test_module(test)
    smallest = module["FEATURES"][variant].smallest if variant != "alex-128" else 1
    chosen = [(256, 176), (31, 47), (64, 64), (smallest, smallest), (401, 600) if vgg else LARGE]
    known = variant != "squeeze-0.1"
    worst = 0.0
    with contextlib.nullcontext() if known else random_weights("squeezenet"):
        reference = package_lpips(variant)
        for size in chosen:
            generated, target = images(1, *size)
            expected = reference(*(module["package_input"](variant, side) for side in (generated, target)))
            ours = lpips(generated, target, variant, device="cpu")
            worst = max(worst, apart(ours, expected.flatten().numpy()))
    name = "`LPIPS` with our convolutions" if known else "`LPIPS` (random convolutions in both)"
    return Row(f"lpips:{variant}", name, "lpips", sizes(chosen), 1e-6, worst, "", test)


def _regions() -> list[Row]:
    test = "protocols/perceptual/test_regions.py"
    module = test_module(test)
    reference = {
        "ssim": ("map of `structural_similarity`", "scikit-image"), "psnr": ("its definition", ""),
        "lpips": ("`LPIPS` with `spatial=True` and our convolutions", "lpips"),
        "colour": ("the formulas of sRGB, CIELAB and CIEDE2000", ""),
    }  # fmt: skip
    worst, seen = dict.fromkeys(reference, 0.0), {measure: list[tuple[int, int]]() for measure in reference}
    for height, width, n in module["SIZES"]:
        (generated, target), maps = images(n, height, width), module["cells"](n, height, width)
        small = height <= module["COLOURS_UNTIL"]
        found = regions(generated, target, maps, "cpu")
        for measure, expected in module["independent"](generated, target, maps, small).items():
            if small or measure != "colour":
                shown = np.isfinite(expected)
                worst[measure] = max(worst[measure], apart(found[measure][shown], expected[shown]))
                seen[measure].append((height, width))
    units = {"psnr": "dB", "colour": "ΔE00"}
    return [
        Row(f"regions:canonical:{measure}", *call, f"{sizes(seen[measure])}, random regions",
            module["ALLOWED"][measure], worst[measure], units.get(measure, ""), test)
        for measure, call in reference.items()
    ]  # fmt: skip


def sets() -> list[Row]:
    """The distances of two sets of features, and the inception score of logits."""
    shapes = [(500, 300, 7), (300, 400, 64), (2500, 2100, 256)]
    inputs = "seeded features, " + ", ".join(f"{n} and {m} with {d} dimensions" for n, m, d in shapes)
    test, module = "protocols/perceptual/test_sets.py", test_module("protocols/perceptual/test_sets.py")
    given = [module["sets"](*shape) for shape in shapes]
    rows = []
    for name, call, package in _frechet_references():
        worst = max(relative(frechet_distance(a, b), call(a, b)) for a, b in given)
        rows.append(Row("frechet_distance", name, package, inputs, 1e-6, worst, "relative", test))
    shapes = [(20, 20, 5), (400, 400, 48), (1000, 1000, 2048)]
    inputs = "seeded features, " + ", ".join(f"{n} and {m} with {d} dimensions" for n, m, d in shapes)
    given = [module["sets"](*shape) for shape in shapes]
    for name, call, package in _kernel_references():
        worst = max(relative(kernel_distance(a, b), call(a, b)) for a, b in given)
        rows.append(Row("kernel_distance", name, package, inputs, 1e-9, worst, "relative", test))
    return [*rows, _mean_over_subsets(test), _inception_score(test), *_encoded()]


def _frechet_references() -> list[tuple[str, Callable[[Any, Any], float], str]]:
    from cleanfid.fid import frechet_distance as clean
    from pytorch_fid.fid_score import calculate_frechet_distance
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    def of_moments(distance: Callable[..., float]) -> Callable[[Any, Any], float]:
        def call(a: Any, b: Any) -> float:
            with warnings.catch_warnings():  # they use a deprecated call of scipy
                warnings.simplefilter("ignore", DeprecationWarning)
                return float(distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)))

        return call

    def fidelity(a: Any, b: Any) -> float:
        moments = [fid_features_to_statistics(torch.tensor(x)) for x in (a, b)]
        return float(fid_statistics_to_metric(*moments, verbose=False)["frechet_inception_distance"])

    return [
        ("`calculate_frechet_distance`", of_moments(calculate_frechet_distance), "pytorch-fid"),
        ("`frechet_distance`", of_moments(clean), "clean-fid"),
        ("`fid_statistics_to_metric`", fidelity, "torch-fidelity"),
    ]


def _kernel_references() -> list[tuple[str, Callable[[Any, Any], float], str]]:
    from cleanfid.fid import kernel_distance as clean
    from torch_fidelity.metric_kid import kid_features_to_metric

    def fidelity(a: Any, b: Any) -> float:
        found = kid_features_to_metric(
            torch.tensor(a), torch.tensor(b), kid_subsets=1, kid_subset_size=len(a), verbose=False
        )
        return float(found["kernel_inception_distance_mean"])

    return [
        ("`kid_features_to_metric`, one subset of all", fidelity, "torch-fidelity"),
        ("`kernel_distance`, one subset of all", lambda a, b: clean(a, b, 1, len(a)), "clean-fid"),
    ]


def _mean_over_subsets(test: str) -> Row:
    module, shapes = test_module(test), [(31, 31, 7), (40, 25, 5), (1203, 1001, 33)]
    given = [module["sets"](*shape) for shape in shapes]
    worst = max(relative(kernel_distance_of_subsets(a, b)[0], module["clean_kernel_distance"](b, a)) for a, b in given)
    inputs = "seeded features, " + ", ".join(f"{n} and {m} with {d} dimensions" for n, m, d in shapes)
    call = "`kernel_distance`, 100 subsets, after `np.random.seed(0)`"
    return Row("kernel_distance_of_subsets", call, "clean-fid", inputs, 1e-9, worst, "relative", test)


def _inception_score(test: str) -> Row:
    from torch_fidelity.metric_isc import isc_features_to_metric

    worst, counts = 0.0, (10, 103, 999)
    for n in counts:
        logits = np.random.default_rng(n).normal(0, 3, (n, 1008))
        found = isc_features_to_metric(torch.tensor(logits), splits=10, shuffle=False)
        mean, deviation = found["inception_score_mean"], found["inception_score_std"]
        # The deviation relative to the mean: it is 0 if each split has one image.
        worst = max(worst, apart(inception_score(logits), (mean, deviation)) / mean)
    inputs = f"seeded logits of 1008 classes, {', '.join(map(str, counts))} images, 10 splits"
    reference = "`isc_features_to_metric`, not shuffled"
    return Row("inception_score", reference, "torch-fidelity", inputs, 1e-9, worst, "relative", test)


def _encoded() -> list[Row]:
    from prdc import compute_prdc

    test = "protocols/perceptual/test_encoded.py"
    module, shapes = test_module(test), [(30, 20, 4), (60, 45, 33), (300, 200, 64)]
    given = [module["sets"](*shape) for shape in shapes]
    inputs = "seeded features, " + ", ".join(f"{n} and {m} with {d} dimensions" for n, m, d in shapes)
    shares = max(
        apart(list(prdc(a, b).values()), [compute_prdc(b, a, 5)[name] for name in prdc(a, b)]) for a, b in given
    )
    distance = max(relative(cmmd(a, b), module["cmmd_by_definition"](a, b)) for a, b in given)
    return [
        Row("prdc", "`compute_prdc`, nearest_k 5", "prdc", inputs, 1e-12, shares, "", test),
        Row("cmmd", "its definition in loops", "", inputs, 1e-9, distance, "relative", test),
    ]
