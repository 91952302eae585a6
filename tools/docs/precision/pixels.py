"""Metrics of pairs and of features, compared with the packages that the field uses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from protocols.perceptual import frechet_distance, inception_score, kernel_distance, lpips, psnr, ssim
from protocols.perceptual.lpips import LPIPS
from protocols.perceptual.ssim import SSIM
from tools.docs.precision.rows import Row, apart, images, relative, sizes, test_module
from tools.docs.references import package_lpips

LARGE = (750, 1101)
SSIM_TEST = "protocols/perceptual/test_ssim.py"


def pairs() -> list[Row]:
    """SSIM, PSNR and LPIPS in each variant."""
    ssims = [_ssim(variant) for variant in SSIM.variants]
    ssims += map(_ssim_by_definition, test_module(SSIM_TEST)["BY_DEFINITION"])
    return [*ssims, _psnr(), *(_lpips(variant) for variant in LPIPS.variants)]


def _ssim(variant: str) -> Row:
    module = test_module(SSIM_TEST)
    side = module["SMALLEST"][variant]
    chosen = [(256, 176), (51, 67), *([(31, 47)] if side < 31 else []), (side, side), LARGE]
    worst = 0.0
    for size in chosen:
        generated, target = images(1 if size == LARGE else 2, *size)
        expected = [module["REFERENCES"][variant](g, t) for g, t in zip(generated, target, strict=True)]
        worst = max(worst, apart(ssim(generated, target, variant), expected))
    reference = {
        "patn": ("scikit-image 0.14.2's formula on `gaussian_filter`", "scipy"),
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


def _lpips(variant: str) -> Row:
    vgg = variant.startswith("vgg")
    chosen = [(256, 176), (31, 47), (64, 64), (16, 16) if vgg else (31, 31), (401, 600) if vgg else LARGE]
    reference, worst = package_lpips(variant), 0.0
    for size in chosen:
        generated, target = images(1, *size)
        first, second = (torch.tensor(x.transpose(0, 3, 1, 2) / 127.5 - 1).float() for x in (generated, target))
        with torch.no_grad():
            expected = reference(first, second).flatten().numpy()
        worst = max(worst, apart(lpips(generated, target, variant, device="cpu"), expected))
    test = "protocols/perceptual/test_lpips.py"
    return Row(f"lpips:{variant}", "`LPIPS` with our convolutions", "lpips", sizes(chosen), 1e-6, worst, "", test)


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
    return [*rows, _inception_score(test)]


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
