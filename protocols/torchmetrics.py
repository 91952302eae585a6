"""The image metrics as `torchmetrics.Metric`: the extra `torchmetrics` of this package.

    metric = LPIPS(value_range=(-1, 1))
    for batch in batches:
        metric.update(model(batch), batch.target)
    metric.compute()  # over all batches of all processes

Values are those of the functions of `protocols.perceptual` to the last digit (on a CPU: with `batch_size=1`).
A state has one entry per image, so that the result does not depend on how images are divided into batches and
processes; `FID(variant="gfla")` and the splits of an inception score depend on their order, which is rank after rank.
"""

from __future__ import annotations

import abc
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fhpt_bench.statistics import weighted_mean
from protocols.inputs import as_images
from protocols.perceptual import frechet, inception_score, kernel, lpips, psnr, ssim
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, INCEPTION_PADDED, Embedding
from protocols.perceptual.inception_score import SPLITS

try:
    from torchmetrics import Metric
    from torchmetrics.utilities import dim_zero_cat
except ImportError as error:
    raise ImportError("protocols.torchmetrics needs torchmetrics: pip install 'fhpt-bench[torchmetrics]'") from error

__all__ = ["FID", "IS", "KID", "LPIPS", "PSNR", "SSIM", "FDEffNetLite0", "ISEffNetLite0", "KDEffNetLite0"]

_BATCH = 32  # images per batch on a GPU
_DIGEST = 8  # numbers that identify an image's pixels: 16 bits each, which float32 holds exactly


class _ImageMetric(Metric):
    """What all share: the range of the images, and no gradient, since pixels are rounded.

    Args:
        value_range: the values of black and white, such as (0, 1) or (-1, 1); None for uint8 images.
        kwargs: arguments of `torchmetrics.Metric`.

    Raises:
        ValueError: from `update`, if the images are not (N, 3, H, W) in that range, or the metric refuses them.
    """

    is_differentiable = False
    full_state_update = False
    plot_upper_bound: float | None = None

    def __init__(self, value_range: tuple[float, float] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range

    def _pixels(self, images: Tensor) -> NDArray[np.uint8]:
        return as_images(images, self.value_range)

    def plot(self, val: Tensor | Sequence[Tensor] | None = None, ax: Any = None) -> Any:
        """Plot one or several values.

        Args:
            val: results of `compute` or `forward`; default: the current value.
            ax: the axes of matplotlib to draw into.

        Returns:
            Figure and axes.
        """
        return self._plot(val, ax)


class _PairMetric(_ImageMetric):
    """The mean of a value per pair; the state has the values."""

    values: list[Tensor]

    def __init__(self, value_range: tuple[float, float] | None = None, **kwargs: Any) -> None:
        super().__init__(value_range, **kwargs)
        self.set_dtype(torch.float64)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    @abc.abstractmethod
    def _measure(self, generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
        """The value of each pair, (N,)."""

    def update(self, generated: Tensor, target: Tensor) -> None:
        """Add pairs.

        Args:
            generated: (N, 3, H, W), uint8 or floats of `value_range`.
            target: the same.
        """
        values = self._measure(self._pixels(generated), self._pixels(target))
        self.values.append(torch.from_numpy(values).to(self.device))

    def compute(self) -> Tensor:
        """The mean over all pairs, a float64 scalar."""
        values = dim_zero_cat(self.values)
        return values.new_tensor(weighted_mean(values.cpu().numpy(), np.ones(len(values))))


class SSIM(_PairMetric):
    """Structural similarity: `protocols.perceptual.ssim`.

    Args:
        variant: a key of `variants` of `protocols.perceptual.ssim.SSIM`.
        value_range: as for all.
        kwargs: arguments of `torchmetrics.Metric`.
    """

    higher_is_better = True
    plot_lower_bound = -1.0
    plot_upper_bound = 1.0

    def __init__(
        self, variant: str = "canonical", value_range: tuple[float, float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, **kwargs)
        self.variant = variant

    def _measure(self, generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
        return ssim(generated, target, self.variant)


class PSNR(_PairMetric):
    """Peak signal-to-noise ratio in dB: `protocols.perceptual.psnr`; pairs without any difference are excluded."""

    higher_is_better = True
    plot_lower_bound = 0.0

    def _measure(self, generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
        return psnr(generated, target)

    def compute(self) -> Tensor:
        """The mean over the pairs that are not identical, a float64 scalar; infinite if all are."""
        values = dim_zero_cat(self.values)
        finite = values[values.isfinite()].cpu().numpy()
        mean = weighted_mean(finite, np.ones(len(finite)))
        return values.new_tensor(np.inf if mean is None else mean)


class LPIPS(_PairMetric):
    """Learned perceptual image patch similarity: `protocols.perceptual.lpips`.

    Args:
        variant: a key of `variants` of `protocols.perceptual.lpips.LPIPS`.
        value_range: as for all.
        kwargs: arguments of `torchmetrics.Metric`.
    """

    higher_is_better = False
    plot_lower_bound = 0.0

    def __init__(
        self, variant: str = "alex-0.1", value_range: tuple[float, float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, **kwargs)
        self.variant = variant

    def _measure(self, generated: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float64]:
        return lpips(generated, target, self.variant, str(self.device))


class _SetMetric(_ImageMetric):
    """A number of whole sets; the states have a network's output for each image.

    Each state is one long vector: torchmetrics can then also combine it with that of a process without images.
    """

    embedding: Embedding
    generated: list[Tensor]

    def __init__(self, value_range: tuple[float, float] | None = None, **kwargs: Any) -> None:
        super().__init__(value_range, **kwargs)
        self.add_state("generated", default=[], dist_reduce_fx="cat")

    def _embed(self, name: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        # One image at a time: in batches an image's values depend on the others by rounding. A GPU would be slow.
        size = 1 if self.device.type == "cpu" else _BATCH
        return self.embedding.rows(name, images, str(self.device), size)

    def _kept(self, rows: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(rows.ravel()).to(self.device)

    @staticmethod
    def _rows(state: list[Tensor], width: int) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = dim_zero_cat(state).cpu().numpy().reshape(-1, width)
        return rows


class _DistanceMetric(_SetMetric):
    """The distance of two sets of images."""

    higher_is_better = False
    repeats = False  # whether a target that belongs to several pairs counts several times
    target: list[Tensor]

    def __init__(self, value_range: tuple[float, float] | None = None, **kwargs: Any) -> None:
        super().__init__(value_range, **kwargs)
        self.add_state("target", default=[], dist_reduce_fx="cat")

    def update(self, generated: Tensor | None = None, target: Tensor | None = None) -> None:
        """Add images to one set or to both.

        Args:
            generated: (N, 3, H, W), uint8 or floats of `value_range`.
            target: (M, 3, H', W'), real images; unless the variant counts repeats, an image with the same pixels
                counts once.
        """
        if generated is not None:
            rows = self._embed("generated", self._pixels(generated))
            self.generated.append(self._kept(rows[:, : self.embedding.pooled]))
        if target is not None:
            images = self._pixels(target)
            rows = self._embed("target", images)[:, : self.embedding.pooled]
            marks = np.stack([_digest(image) for image in images])
            self.target.append(self._kept(np.concatenate([rows, marks], axis=1)))

    @abc.abstractmethod
    def _distance(self, generated: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        """The distance of two sets of features, (N, D) and (M, D)."""

    def compute(self) -> Tensor:
        """The distance of the two sets, a float64 scalar."""
        pooled = self.embedding.pooled
        target = self._rows(self.target, pooled + _DIGEST)
        if not self.repeats:
            first = np.unique(target[:, pooled:], axis=0, return_index=True)[1]
            target = target[np.sort(first)]
        value = self._distance(self._rows(self.generated, pooled), target[:, :pooled])
        return torch.tensor(value, dtype=torch.float64, device=self.device)


def _digest(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    content = hashlib.sha256(str(image.shape).encode() + image.tobytes()).digest()
    return np.frombuffer(content[: 2 * _DIGEST], ">u2").astype(np.float32)


class FID(_DistanceMetric):
    """Fréchet Inception distance: `protocols.perceptual.fid`.

    Args:
        variant: "canonical", "drn", "clean", "train", "gfla" or "cfld"; the last three compare with training images.
        value_range: as for all.
        kwargs: arguments of `torchmetrics.Metric`.
    """

    plot_lower_bound = 0.0
    variants: ClassVar[Mapping[str, Any]] = frechet.FID.choices

    def __init__(
        self, variant: str = "canonical", value_range: tuple[float, float] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(value_range, **kwargs)
        if variant not in self.variants:
            raise ValueError(f"{type(self).__name__} has no variant {variant!r}; there are {', '.join(self.variants)}")
        self._chosen = self.variants[variant]
        self.variant, self.embedding = variant, self._chosen.embedding
        self.repeats = self._chosen.reference != "unique"

    def _distance(self, generated: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        sets = (frechet.full_batches(features, self._chosen.batch) for features in (generated, target))
        return frechet.frechet_distance(*sets)


class FDEffNetLite0(FID):
    """The Fréchet distance on EfficientNet-lite0 features; it is not an FID."""

    variants: ClassVar[Mapping[str, Any]] = frechet.FDEffNetLite0.choices


class KID(_DistanceMetric):
    """Kernel Inception distance over the full sets: `protocols.perceptual.kid`."""

    embedding = INCEPTION

    def _distance(self, generated: NDArray[np.float32], target: NDArray[np.float32]) -> float:
        return kernel.kernel_distance(generated, target)


class KDEffNetLite0(KID):
    """The kernel distance on EfficientNet-lite0 features; it is not a KID."""

    embedding = EFFICIENTNET


class IS(_SetMetric):
    """Inception score, the mean over the splits: `protocols.perceptual.inception_score`.

    Args:
        variant: "canonical" or "drn".
        splits: number of splits, 1 or more; with 1 the order of the images does not matter.
        value_range: as for all.
        kwargs: arguments of `torchmetrics.Metric`.
    """

    higher_is_better = True
    plot_lower_bound = 1.0
    classes = 1008
    variants: ClassVar[Mapping[str, Embedding]] = {"canonical": INCEPTION, "drn": INCEPTION_PADDED}

    def __init__(
        self,
        variant: str = "canonical",
        splits: int = SPLITS,
        value_range: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, **kwargs)
        if variant not in self.variants:
            raise ValueError(f"{type(self).__name__} has no variant {variant!r}; there are {', '.join(self.variants)}")
        self.variant, self.splits, self.embedding = variant, splits, self.variants[variant]

    def update(self, generated: Tensor, target: Tensor | None = None) -> None:
        """Add generated images.

        Args:
            generated: (N, 3, H, W), uint8 or floats of `value_range`.
            target: not used; so that this metric and others can be called with the same arguments.
        """
        rows = self._embed("generated", self._pixels(generated))
        self.generated.append(self._kept(rows[:, self.embedding.pooled :]))

    def compute(self) -> Tensor:
        """The mean over the splits, a float64 scalar."""
        value = inception_score(self._rows(self.generated, self.classes), self.splits)[0]
        return torch.tensor(value, dtype=torch.float64, device=self.device)


class ISEffNetLite0(IS):
    """The formula of the inception score on the classes of EfficientNet-lite0; it is not an inception score."""

    classes = 1000
    variants: ClassVar[Mapping[str, Embedding]] = {"canonical": EFFICIENTNET}
