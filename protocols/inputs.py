"""Inputs of the metric functions: checks of images and features, and conversion of other images to uint8."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from fhpt_bench.benchmark import Benchmark

# Strings, so that torch is not imported.
Features: TypeAlias = "NDArray[np.floating[Any]] | Tensor"
ImageLike: TypeAlias = "NDArray[Any] | Tensor | Image"


def as_images(
    images: ImageLike | Sequence[ImageLike], value_range: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """Convert images to the (N, H, W, 3) uint8 array that the metric functions take.

    A torch tensor is channel-first and a numpy array is channel-last; the layout is never guessed from the shape.
    Floats are scaled from `value_range` to 0..255 in float32 and rounded to the nearest integer, half to even. A run
    rounds the output of a model in the same way before it saves it.

    Args:
        images: RGB images, uint8 or floating: a torch tensor (N, 3, H, W) or (3, H, W) on any device, a numpy array
            (N, H, W, 3) or (H, W, 3), a PIL image of mode RGB, or a sequence of single images of one size.
        value_range: (low, high), the values that become 0 and 255, such as (0, 1), (-1, 1) or (0, 255), with
            low < high; required for floats; (0, 255) or omitted for uint8 and PIL images.

    Returns:
        (N, H, W, 3) uint8 RGB, N = 1 for a single image; uint8 arrays and tensors may share its memory.

    Raises:
        ValueError: if the images have another type, dtype, mode or shape, if there are none, if the images of a
            sequence differ in size, if the range is missing, malformed or does not fit the dtype, or if a value is
            not finite or is outside of the range by more than half a grey level.

    Examples:
        >>> as_images(np.array([[[0.0, 0.5, 1.0]]]), value_range=(0, 1))
        array([[[[  0, 128, 255]]]], dtype=uint8)
        >>> import torch
        >>> as_images(torch.zeros(2, 3, 8, 6), value_range=(-1, 1)).shape
        (2, 8, 6, 3)
        >>> as_images(torch.zeros(2, 3, 8, 6))
        Traceback (most recent call last):
        ValueError: images has dtype float32, so value_range must be given, such as (0, 1), (-1, 1) or (0, 255)
    """
    bounds = None if value_range is None else _bounds(value_range)
    if not isinstance(images, Sequence) or isinstance(images, str | bytes):
        return _converted("images", images, bounds)
    if not len(images):
        raise ValueError("images must hold at least one image, but the sequence is empty")
    stacks = [_converted(f"images[{i}]", image, bounds, single=True) for i, image in enumerate(images)]
    size = stacks[0].shape[1:3]
    for i, stack in enumerate(stacks):
        if stack.shape[1:3] != size:
            raise ValueError(f"images must have one (height, width), not {size} and, at [{i}], {stack.shape[1:3]}")
    return np.concatenate(stacks)


def _bounds(value_range: tuple[float, float]) -> tuple[float, float]:
    """The range as two floats between which float32 has 256 distinct grey levels."""
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = math.nan
    level, limits = (high - low) / 255, np.finfo(np.float32)
    # In float32 a range such as (1e6, 1e6 + 1) or (0, 1e-40) would give wrong pixels.
    if not max(float(limits.tiny), float(limits.eps) * max(abs(low), abs(high))) < level < float(limits.max) / 255:
        raise ValueError(
            f"value_range must be two finite numbers (low, high), low < high, far enough apart for 256 grey levels in "
            f"float32, such as (0, 1), not {value_range}"
        )
    return low, high


def _converted(
    name: str, images: object, bounds: tuple[float, float] | None, single: bool = False
) -> NDArray[np.uint8]:
    """(N, H, W, 3) uint8 from one array, tensor or PIL image; if `single`, only from one image."""
    pixels, dtype = _channel_last(name, images, single)
    if not pixels.size:
        raise ValueError(f"{name} must hold at least one image with pixels, not {pixels.shape}")
    if pixels.dtype == np.uint8:
        if bounds is not None and bounds != (0, 255):
            other = f"({bounds[0]:g}, {bounds[1]:g})"
            raise ValueError(f"{name} has dtype uint8, so value_range must be (0, 255) or omitted, not {other}")
        return np.ascontiguousarray(pixels)
    if bounds is None:
        choices = "(0, 1), (-1, 1) or (0, 255)"
        raise ValueError(f"{name} has dtype {dtype}, so value_range must be given, such as {choices}")
    low, high = bounds
    smallest, largest = float(pixels.min()), float(pixels.max())
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise ValueError(f"{name} holds numbers that are not finite")
    half = (high - low) / 510
    if smallest < low - half or largest > high + half:
        raise ValueError(
            f"{name} must be in value_range ({low:g}, {high:g}), but its values are from {smallest:g} to "
            f"{largest:g}: state the range that it has, or clip it first"
        )
    result = np.empty(pixels.shape, np.uint8)
    bottom, top, scale = np.float32(low), np.float32(high), np.float32(255 / (high - low))
    for whole, floats in zip(result, pixels, strict=True):  # one image at a time: float32 copies are large
        whole[:] = np.rint((floats.astype(np.float32).clip(bottom, top) - bottom) * scale)
    return result


def _channel_last(name: str, images: object, single: bool) -> tuple[NDArray[Any], str]:
    """(N, H, W, 3) pixels of uint8 or floats, and the name of the dtype that they had."""
    if _is_pil(images):
        if images.mode != "RGB":
            raise ValueError(
                f'{name} must be a PIL image of mode RGB, not {images.mode}: convert it with .convert("RGB")'
            )
        images = np.array(images)
    if _is_tensor(images):
        dtype, kind, layout, axis = str(images.dtype).removeprefix("torch."), "torch tensor", "3, H, W", -3
        images = _to_numpy(images)
    elif isinstance(images, np.ndarray):
        dtype, kind, layout, axis = str(images.dtype), "numpy array", "H, W, 3", -1
    else:
        allowed = "a numpy array, a torch tensor or a PIL image" + ("" if single else ", or a sequence of them")
        raise ValueError(f"{name} must be {allowed}, not {type(images).__name__}")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} must be uint8 or floating, not {dtype}: cast it if its values are grey levels 0..255")
    if images.ndim not in ((3,) if single else (3, 4)) or images.shape[axis] != 3:
        shapes = f"({layout})" if single else f"(N, {layout}) or ({layout})"
        raise ValueError(f"{name} must be {shapes} as a {kind}, not {tuple(images.shape)}")
    stack = images if images.ndim == 4 else images[np.newaxis]
    return (np.moveaxis(stack, 1, 3) if axis == -3 else stack), dtype


# An object of a library exists only if the library has been imported; neither check imports it.
def _is_tensor(given: object) -> TypeGuard[Tensor]:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(given, torch.Tensor)


def _is_pil(given: object) -> TypeGuard[Image]:
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(given, pil.Image)


def _to_numpy(tensor: Tensor) -> NDArray[Any]:
    """The same values, without gradient, on the CPU; numpy has no bfloat16, so that becomes float32."""
    if tensor.is_floating_point() and tensor.element_size() < 4:
        tensor = tensor.float()
    array: NDArray[Any] = tensor.numpy(force=True)
    return array


def check_images(name: str, images: NDArray[np.uint8]) -> None:
    """Refuse anything but a stack of RGB images.

    Args:
        name: name of the argument, for the message.
        images: should be (N, H, W, 3) uint8.

    Raises:
        ValueError: if they are not; one sentence that states what is wrong and names `as_images`.
    """
    floats = f"protocols.as_images({name}, value_range=(0, 1)), or with the range that its values have"
    if not isinstance(images, np.ndarray):
        call = floats if _is_tensor(images) and images.is_floating_point() else f"protocols.as_images({name})"
        raise ValueError(f"{name} must be a numpy array, not {type(images).__name__}: convert it with {call}")
    if np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} must be uint8 in 0..255, not {images.dtype}: convert it with {floats}")
    if images.dtype != np.uint8:
        raise ValueError(
            f"{name} must be uint8 in 0..255, not {images.dtype}: protocols.as_images converts floats only, so cast it "
            "if its values are grey levels 0..255"
        )
    if images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(
            f"{name} must be (N, H, W, 3), not {images.shape}: protocols.as_images converts single images and "
            "channel-first torch tensors"
        )


def unfit_size(benchmark: Benchmark, smallest: int = 1, largest: int | None = None) -> str | None:
    """Why a variant cannot measure a benchmark's images, for `Protocol.lacks`; None if it can.

    Args:
        benchmark: the benchmark.
        smallest: the smallest height and width for which the variant is defined, in pixels.
        largest: the largest, or None.
    """
    height, width = benchmark.image_size
    shown = f"The images of {benchmark.id} are {width} wide and {height} high, and this variant needs"
    if min(height, width) < smallest:
        return f"{shown} {smallest} pixels or more on each side: choose another variant."
    if largest is not None and max(height, width) > largest:
        return f"{shown} {largest} pixels or less on each side: choose another variant."
    return None


def check_pairs(generated: NDArray[np.uint8], target: NDArray[np.uint8], smallest: int = 1) -> None:
    """Refuse anything but two stacks of RGB images with one shape.

    Args:
        generated: should be (N, H, W, 3) uint8.
        target: should be the same.
        smallest: the smallest height and width for which the metric is defined, in pixels.

    Raises:
        ValueError: if they are not, or if they are smaller; one sentence that states what is wrong.

    Examples:
        >>> check_pairs(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 8, 8, 3), np.uint8))
        >>> check_pairs(np.zeros((2, 8, 8, 3), np.uint8), np.zeros((2, 9, 8, 3), np.uint8))
        Traceback (most recent call last):
        ValueError: generated (2, 8, 8, 3) and target (2, 9, 8, 3) must have one shape
    """
    check_images("generated", generated)
    check_images("target", target)
    if generated.shape != target.shape:
        raise ValueError(f"generated {generated.shape} and target {target.shape} must have one shape")
    height, width = generated.shape[1:3]
    if min(height, width) < smallest:
        raise ValueError(f"images must be at least {smallest}x{smallest} pixels for this metric, not {height}x{width}")


def as_features(name: str, features: Features) -> NDArray[np.floating[Any]]:
    """Check one set of feature vectors, or of logits, and convert a torch tensor to numpy.

    Args:
        name: name of the argument, for the message.
        features: should be (N, D) float, a numpy array or a torch tensor on any device, with or without gradient.

    Returns:
        The same values as an (N, D) numpy array; bfloat16 and float16 tensors become float32, which changes no value.

    Raises:
        ValueError: if they are not that, or a number is not finite; one sentence that states what is wrong.

    Examples:
        >>> import torch
        >>> as_features("logits", torch.ones(1, 2, dtype=torch.bfloat16))
        array([[1., 1.]], dtype=float32)
    """
    array = _to_numpy(features) if _is_tensor(features) else features
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{name} must be a numpy array or a torch tensor, not {type(array).__name__}")
    if array.ndim != 2 or not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{name} must be (N, D) float, not {array.shape} {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds numbers that are not finite")
    return array


def check_features(
    features_a: Features, features_b: Features, fewest: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Refuse anything but two sets of finite feature vectors of one length, and convert them to float64.

    Args:
        features_a: should be (N, D) float, a numpy array or a torch tensor.
        features_b: should be (M, D) float, a numpy array or a torch tensor.
        fewest: smallest N and M for which the metric is defined.

    Returns:
        (N, D) and (M, D) float64; float64 arrays are not copied.

    Raises:
        ValueError: if they are not that; one sentence that states what is wrong.

    Examples:
        >>> check_features(np.zeros((2, 3)), np.zeros((5, 4)), 2)
        Traceback (most recent call last):
        ValueError: the two sets have features of different lengths, 3 and 4
    """
    arrays = []
    for name, features in (("features_a", features_a), ("features_b", features_b)):
        array = as_features(name, features)
        if len(array) < fewest:
            raise ValueError(f"{name} holds {len(array)} images; this metric needs {fewest} or more")
        arrays.append(array.astype(np.float64, copy=False))
    a, b = arrays
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"the two sets have features of different lengths, {a.shape[1]} and {b.shape[1]}")
    return a, b
