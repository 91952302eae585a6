"""Mistakes with metrics of sets, shown with the Fréchet and kernel distances on EfficientNet-lite0 features."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.progress import progress_bar
from fhpt_bench.statistics import RESAMPLES, SEED, block_jackknife
from protocols.perceptual import frechet_distance, kernel_distance
from tools.docs.footguns.material import Images, Material, Vectors, extract, network
from tools.docs.pages import table

if TYPE_CHECKING:
    from torch import Tensor

POOLED = 1280
DRAWS = 20
COUNTS = (50, 100, 200, 400, 800)
FEATURE = "efficientnet-lite0"


def generated_features(material: Material) -> Vectors:
    """(n, 1280) features of the generated images of all pairs."""
    return extract(FEATURE, material.generated(material.benchmark.pairs))[:, :POOLED]


def real_features(material: Material) -> Vectors:
    """(n, 1280) features of the targets of all pairs, repeats included."""
    unique = extract(FEATURE, material.real(material.unique))[:, :POOLED]
    place = {name: i for i, name in enumerate(material.unique)}
    return unique[[place[pair.target] for pair in material.benchmark.pairs]]


def references(material: Material) -> str:
    """The same generated images against three sets of real images."""
    generated, paired = generated_features(material), real_features(material)
    unique, train = (
        extract(FEATURE, material.real(material.unique))[:, :POOLED],
        extract(FEATURE, material.train)[:, :POOLED],
    )
    rows = [
        (name, len(real), f"{frechet_distance(generated, real):.2f}", f"{frechet_distance(unique, real):.2f}")
        for name, real in (
            ("the target images, each once (`canonical`)", unique),
            ("the target images, once per pair (as `fid:drn`)", paired),
            ("the training images (as `fid:train`)", train),
        )
    ]
    columns = [
        "reference",
        "images",
        f"FD of `warp` ({len(generated)} images)",
        f"FD of the {len(unique)} real targets",
    ]
    return table(columns, rows)


def filters(material: Material) -> str:
    """The same images with several resize filters, all to 224 x 224."""
    from torch.nn.functional import interpolate

    def torchs(**how: object) -> Callable[[Images], NDArray[Any]]:
        return lambda image: _hwc(interpolate(_chw(image), (224, 224), **how).clamp(0, 255))  # type: ignore[arg-type]

    def pillows(resample: Image.Resampling) -> Callable[[Images], NDArray[Any]]:
        return lambda image: np.asarray(Image.fromarray(image).resize((224, 224), resample), np.float32)

    ways: dict[str, Callable[[Images], NDArray[Any]] | None] = {
        "bicubic, antialias, float (ours, clean-fid)": None,
        "bicubic, antialias, rounded to uint8 (Pillow)": pillows(Image.Resampling.BICUBIC),
        "bilinear, antialias, rounded to uint8 (Pillow)": pillows(Image.Resampling.BILINEAR),
        "bilinear, no antialias, float (torch, pytorch-fid)": torchs(mode="bilinear", align_corners=False),
        "nearest (torch)": torchs(mode="nearest"),
    }
    pairs = material.benchmark.limited(200).pairs
    stacks = (material.generated(pairs), material.real(material.unique))
    ours = [extract(FEATURE, images)[:, :POOLED] for images in stacks]
    rows = []
    for name, way in ways.items():
        generated, real = ours if way is None else [_embed(images, way, name) for images in stacks]
        rows.append((name, f"{frechet_distance(generated, real):.2f}", f"{frechet_distance(generated, ours[1]):.2f}",
                     f"{frechet_distance(real, ours[1]):.3f}"))  # fmt: skip
    columns = ["resize", "FD of `warp`, both sets", "only the generated set", "real images against themselves"]
    return table(columns, rows)


def _embed(images: Images, way: Callable[[Images], NDArray[Any]], title: str) -> Vectors:
    import torch

    made, rows = network(FEATURE), []
    with progress_bar(title, len(images), shown=True) as done, torch.inference_mode():
        for image in images:
            rows.append(made.embed(_chw(way(image)).sub(127).div(128)).numpy()[:, :POOLED])
            done(1)
    return np.concatenate(rows)


def _chw(image: NDArray[Any]) -> Tensor:
    import torch

    return torch.tensor(image, dtype=torch.float32).permute(2, 0, 1)[None].contiguous()


def _hwc(x: Tensor) -> NDArray[Any]:
    result: NDArray[Any] = x[0].permute(1, 2, 0).numpy()
    return result


def draws(material: Material) -> dict[int, dict[str, list[float]]]:
    """n -> distances of `warp` to the targets, and of two disjoint training subsets, over several random draws."""
    generated, targets = generated_features(material), extract(FEATURE, material.real(material.unique))[:, :POOLED]
    train = extract(FEATURE, material.train)[:, :POOLED]
    rng = np.random.default_rng(SEED)
    found: dict[int, dict[str, list[float]]] = {}
    with progress_bar("draws", len(COUNTS), shown=True) as done:
        for n in COUNTS:
            found[n] = values = {"fd": [], "kd": [], "fd real": [], "kd real": []}
            for _ in range(DRAWS if n < len(generated) else 1):
                some = generated[rng.permutation(len(generated))[:n]]
                values["fd"].append(frechet_distance(some, targets))
                values["kd"].append(kernel_distance(some, targets))
            for _ in range(DRAWS if 2 * n <= len(train) else 0):
                order = rng.permutation(len(train))
                halves = train[order[:n]], train[order[n : 2 * n]]
                values["fd real"].append(frechet_distance(*halves))
                values["kd real"].append(kernel_distance(*halves))
            done(1)
    return found


def small_sets(material: Material) -> str:
    """Both distances by the number of images."""
    rows = []
    for n, values in draws(material).items():
        cells = [f"{np.mean(values[key]):{form}}" if values[key] else "-"
                 for key, form in (("fd", ".1f"), ("kd", ".4f"), ("fd real", ".1f"), ("kd real", "z.4f"))]  # fmt: skip
        rows.append((n, *cells))
    columns = ["n", "FD of n `warp` images", "KD of the same", "FD of n real images and n others", "KD of the same"]
    return table(columns, rows)


def intervals(material: Material) -> str:
    """The 95 % interval of `warp`'s Fréchet distance, computed in three ways."""
    generated, real = generated_features(material), real_features(material)
    pairs = material.benchmark.pairs
    people = np.array([pair.person for pair in pairs])
    first = np.unique([pair.target for pair in pairs], return_index=True)[1]

    def distance(keep: NDArray[np.bool_]) -> float:
        return frechet_distance(generated[keep], real[first[keep[first]]])

    value = distance(np.ones(len(pairs), bool))
    jackknife = block_jackknife(distance, people)
    if jackknife is None:
        raise ValueError("too few people for an interval")
    rng = np.random.default_rng(SEED)
    names = np.unique(people)
    rows_of = {name: np.flatnonzero(people == name) for name in names}
    targets_of = {name: first[people[first] == name] for name in names}
    drawn = RESAMPLES // 5
    by_person, by_image = [], []
    with progress_bar("resamples", drawn, shown=True) as done:
        for _ in range(drawn):
            some = rng.choice(names, len(names))
            by_person.append(
                frechet_distance(
                    generated[np.concatenate([rows_of[name] for name in some])],
                    real[np.concatenate([targets_of[name] for name in some])],
                )
            )
            by_image.append(
                frechet_distance(
                    generated[rng.integers(len(generated), size=len(generated))], real[rng.choice(first, len(first))]
                )
            )
            done(1)
    rows = [("the value", "-", f"{value:.2f}", "-")]
    for name, values in (("bootstrap over images", by_image), ("bootstrap over people", by_person)):
        low, high = np.percentile(values, [2.5, 97.5])
        rows.append((f"naive {name}, {drawn} resamples", f"{np.mean(values):.2f}", f"{low:.2f} to {high:.2f}",
                     "yes" if low <= value <= high else "no"))  # fmt: skip
    rows.append((jackknife.method + " (ours)", "-", f"{jackknife.low:.2f} to {jackknife.high:.2f}", "yes"))
    return table(["FD of `warp`, 800 images against 200", "mean of the resamples", "95 %", "contains the value"], rows)
