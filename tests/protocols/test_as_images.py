"""`as_images`: each kind of input against the expected array, each refusal, and the checks that name it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import protocols
from fhpt_bench.data.real_images import quantise
from protocols import as_images
from protocols.perceptual import fid, frechet_distance, inception_score, kernel_distance, lpips, psnr, ssim
from protocols.semantic import face_identity, retrieval_recall

SIZES = [(1, 1), (3, 5), (3, 3), (31, 17)]
RANGES = [(0, 1), (-1, 1), (0, 255), (-0.5, 3)]
GPU = pytest.param(
    "cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")]
)
DEVICES = ["cpu", GPU]


def pixels(n: int = 2, height: int = 3, width: int = 5) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, height, width, 3), np.uint8)


def in_range(images: NDArray[np.uint8], low: float, high: float) -> NDArray[np.float64]:
    return images / 255 * (high - low) + low


def tensor(images: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(images, -1, -3)))


def same(result: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, expected, strict=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value_range", RANGES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpy_floats(size: tuple[int, int], value_range: tuple[float, float], dtype: type) -> None:
    images = pixels(2, *size)
    floats = in_range(images, *value_range).astype(dtype)
    same(as_images(floats, value_range), images)
    same(as_images(floats[0], value_range), images[:1])
    same(as_images(list(floats), value_range), images)
    same(as_images(floats[:, ::-1, ::-1], value_range), images[:, ::-1, ::-1])
    same(as_images(floats.astype(floats.dtype.newbyteorder(">")), value_range), images)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value_range", RANGES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("grad", [False, True])
def test_tensors(size: tuple[int, int], value_range: tuple[float, float], dtype: torch.dtype, grad: bool) -> None:
    images = pixels(2, *size)
    floats = tensor(in_range(images, *value_range)).to(dtype).requires_grad_(grad)
    same(as_images(floats, value_range), images)
    same(as_images(floats * 1, value_range), images)  # not a leaf
    same(as_images(floats[1], value_range), images[1:])
    same(as_images(tuple(floats), value_range), images)
    same(as_images(floats.to(memory_format=torch.channels_last), value_range), images)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1), (0, 255)])
def test_half_precision_is_rounded_as_its_float32(dtype: torch.dtype, value_range: tuple[int, int]) -> None:
    half = tensor(in_range(pixels(), *value_range)).to(dtype).requires_grad_()
    same(as_images(half, value_range), as_images(half.float(), value_range))
    assert np.abs(as_images(half, value_range).astype(int) - pixels()).max() <= (1 if dtype == torch.bfloat16 else 0)
    if dtype == torch.float16:
        channel_last = half.detach().cpu().permute(0, 2, 3, 1).numpy()
        same(as_images(channel_last, value_range), as_images(half, value_range))


@pytest.mark.parametrize("value_range", [None, (0, 255), (0.0, 255.0)])
@pytest.mark.parametrize("size", SIZES)
def test_uint8_stays(value_range: tuple[float, float] | None, size: tuple[int, int]) -> None:
    images = pixels(2, *size)
    assert as_images(images, value_range) is images
    same(as_images(images[0], value_range), images[:1])
    same(as_images(list(images), value_range), images)
    same(as_images(tensor(images), value_range), images)
    same(as_images(tensor(images[1]), value_range), images[1:])
    same(as_images([tensor(image) for image in images], value_range), images)


@pytest.mark.parametrize("size", SIZES)
def test_pil_images(size: tuple[int, int]) -> None:
    images = pixels(2, *size)
    pictures = [Image.fromarray(image) for image in images]
    same(as_images(pictures[0]), images[:1])
    same(as_images(pictures), images)
    same(as_images(pictures, (0, 255)), images)
    same(as_images([pictures[0], images[1], tensor(images[0])]), images[[0, 1, 0]])
    as_images(pictures[0])[:] = 0  # the result can be written to, and does not share memory
    same(as_images(pictures[0]), images[:1])


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_tensors_on_a_gpu() -> None:
    images = pixels()
    same(as_images(tensor(images).cuda()), images)
    same(as_images([tensor(image).cuda() for image in images]), images)
    for dtype in (torch.float16, torch.float32, torch.float64):
        same(as_images(tensor(images / 255).to("cuda", dtype).requires_grad_(), (0, 1)), images)


def test_layout_is_never_guessed() -> None:
    images = pixels(5, 3, 3)
    same(as_images(images), images)
    same(as_images(tensor(images)), images)
    same(as_images(torch.from_numpy(images)), np.moveaxis(images, 1, 3))  # (5, 3, 3, 3) is channel-first
    same(as_images(torch.from_numpy(images[0])), np.moveaxis(images[:1], 1, 3))
    with pytest.raises(
        ValueError, match=re.escape("must be (N, 3, H, W) or (3, H, W) as a torch tensor, not (3, 5, 3")
    ):
        as_images(torch.zeros(3, 5, 3, 3, dtype=torch.uint8))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
def test_rounds_as_a_run_does(device: str, dtype: torch.dtype) -> None:
    levels = (torch.arange(0, 511, dtype=torch.float64) / 255 - 1).float()  # each grey level and each tie
    ties = torch.stack([levels, levels.nextafter(torch.tensor(2.0)), levels.nextafter(torch.tensor(-2.0))])
    noise = torch.rand(3, 20_000, generator=torch.Generator().manual_seed(0)) * 2.007 - 1.0035
    for values in (ties.reshape(3, 1, -1), noise.reshape(3, 100, -1)):
        images = values.to(device, dtype).clamp(-1.0035, 1.0035)[None]
        same(as_images(images, (-1, 1)), quantise(images))
        if dtype != torch.bfloat16:
            same(as_images(images.permute(0, 2, 3, 1).cpu().numpy(), (-1, 1)), quantise(images))


def test_rounds_to_the_nearest_level_and_half_to_even() -> None:
    floats = np.array([-0.5, 0.4, 0.5, 1.5, 2.5, 254.5, 254.6, 255.5, 7.0]).reshape(1, 3, 3)
    expected = np.array([0, 0, 0, 2, 2, 254, 255, 255, 7], np.uint8).reshape(1, 1, 3, 3)
    same(as_images(floats, (0, 255)), expected)
    same(as_images(floats / 256, (0, 255 / 256)), expected)


GOOD = np.zeros((2, 3, 5, 3), np.float32)
WIDE = GOOD + np.array([-0.25, 0, 1.5], np.float32)
NOT_FINITE = [GOOD + np.array([0, 0, bad], np.float32) for bad in (np.nan, np.inf, -np.inf)]
RANGE = "value_range must be two finite numbers (low, high), low < high, far enough apart for 256 grey levels in"


@pytest.mark.parametrize(
    ("images", "value_range", "message"),
    [
        (GOOD, None, "images has dtype float32, so value_range must be given, such as (0, 1), (-1, 1) or (0, 255)"),
        (tensor(GOOD).bfloat16(), None, "images has dtype bfloat16, so value_range must be given"),
        ([GOOD[0].astype(np.float64)], None, "images[0] has dtype float64, so value_range must be given"),
        (pixels(), (0, 1), "images has dtype uint8, so value_range must be (0, 255) or omitted, not (0, 1)"),
        ([Image.new("RGB", (5, 3))], (-1, 1), "images[0] has dtype uint8, so value_range must be (0, 255) or omitted"),
        (WIDE, (0, 1), "images must be in value_range (0, 1), but its values are from -0.25 to 1.5"),
        (tensor(WIDE), (-1, 1), "images must be in value_range (-1, 1), but its values are from -0.25 to 1.5"),
        ([GOOD[0], WIDE[1]], (0, 1), "images[1] must be in value_range (0, 1), but its values are from -0.25 to 1.5"),
        (GOOD + np.float32(1.0021), (0, 1), "but its values are from 1.0021 to 1.0021"),
        (GOOD - np.float32(0.51), (0, 255), "but its values are from -0.51 to -0.51"),
        *((bad, (0, 1), "images holds numbers that are not finite") for bad in NOT_FINITE),
        *((tensor(bad), (0, 1), "images holds numbers that are not finite") for bad in NOT_FINITE),
        (
            GOOD.astype(np.int64),
            (0, 255),
            "images must be uint8 or floating, not int64: cast it if its values are grey",
        ),
        (tensor(GOOD).int(), None, "images must be uint8 or floating, not int32"),
        (GOOD.astype(np.uint16), (0, 255), "images must be uint8 or floating, not uint16"),
        (GOOD.astype(bool), None, "images must be uint8 or floating, not bool"),
        (tensor(GOOD) > 0, None, "images must be uint8 or floating, not bool"),
        (GOOD.astype(complex), (0, 1), "images must be uint8 or floating, not complex128"),
        (GOOD.astype(object), (0, 1), "images must be uint8 or floating, not object"),
        (GOOD[:0], (0, 1), "images must hold at least one image with pixels, not (0, 3, 5, 3)"),
        (tensor(GOOD)[:0], (0, 1), "images must hold at least one image with pixels, not (0, 3, 5, 3)"),
        (pixels()[:, :0], None, "images must hold at least one image with pixels, not (2, 0, 5, 3)"),
        ([], (0, 1), "images must hold at least one image, but the sequence is empty"),
        (pixels()[..., :1], None, "images must be (N, H, W, 3) or (H, W, 3) as a numpy array, not (2, 3, 5, 1)"),
        (np.zeros((1, 3, 8, 9), np.uint8), None, "or (H, W, 3) as a numpy array, not (1, 3, 8, 9)"),
        (
            torch.zeros(2, 4, 8, 9),
            (0, 1),
            "images must be (N, 3, H, W) or (3, H, W) as a torch tensor, not (2, 4, 8, 9)",
        ),
        (torch.zeros(2, 8, 9, 3), (0, 1), "or (3, H, W) as a torch tensor, not (2, 8, 9, 3)"),
        (np.zeros((8, 9), np.uint8), None, "as a numpy array, not (8, 9)"),
        (np.zeros((), np.uint8), None, "as a numpy array, not ()"),
        (torch.zeros(1, 2, 3, 8, 9), (0, 1), "as a torch tensor, not (1, 2, 3, 8, 9)"),
        (pixels()[np.newaxis], None, "as a numpy array, not (1, 2, 3, 5, 3)"),
        ([pixels()], None, "images[0] must be (H, W, 3) as a numpy array, not (2, 3, 5, 3)"),
        ([tensor(pixels())], None, "images[0] must be (3, H, W) as a torch tensor, not (2, 3, 3, 5)"),
        (
            [pixels()[0], pixels()[0].swapaxes(0, 1)],
            None,
            "images must have one (height, width), not (3, 5) and, at [1], (5, 3)",
        ),
        ("a.png", None, "images must be a numpy array, a torch tensor or a PIL image, or a sequence of them, not str"),
        (None, None, "or a sequence of them, not NoneType"),
        (iter([pixels()[0]]), None, "or a sequence of them, not list_iterator"),
        (["a.png"], None, "images[0] must be a numpy array, a torch tensor or a PIL image, not str"),
        (pixels().tolist(), None, "images[0] must be a numpy array, a torch tensor or a PIL image, not list"),
        *(
            (GOOD, bad, RANGE)
            for bad in [(1, 0), (1, 1), (0, np.nan), (-np.inf, 0), (0, 1, 2), 1, (1e6, 1e6 + 1), (0, 1e-40), (0, 1e39)]
        ),
        (pixels(), (1, 0), RANGE),
    ],
)
def test_refusals(images: Any, value_range: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        as_images(images, value_range)
    assert "\n" not in str(refused.value)
    assert not re.search(r"[.] [A-Z]", str(refused.value)), "one sentence"


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "LA", "I", "F"])
def test_other_modes_of_pil_are_refused(mode: str) -> None:
    message = f'must be a PIL image of mode RGB, not {mode}: convert it with .convert("RGB")'
    with pytest.raises(ValueError, match=re.escape(f"images {message}")):
        as_images(Image.new(mode, (5, 3)))
    with pytest.raises(ValueError, match=re.escape(f"images[1] {message}")):
        as_images([Image.new("RGB", (5, 3)), Image.new(mode, (5, 3))])


def test_metrics_of_converted_tensors_are_those_of_the_arrays() -> None:
    rng = np.random.default_rng(1)
    target = rng.integers(0, 256, (2, 13, 17, 3), np.uint8)
    generated = (target + rng.normal(0, 20, target.shape)).clip(0, 255).astype(np.uint8)
    a, b = (as_images((tensor(x).float() / 127.5 - 1).requires_grad_(), (-1, 1)) for x in (generated, target))
    assert ssim(a, b).tolist() == ssim(generated, target).tolist()
    assert psnr(a, b).tolist() == psnr(generated, target).tolist()


CALL = "convert it with protocols.as_images(generated{}"
FLOATS = ", value_range=(0, 1)), or with the range that its values have"


@pytest.mark.parametrize("metric", [ssim, psnr, lpips, fid, face_identity])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GOOD, "generated must be uint8 in 0..255, not float32: " + CALL.format(FLOATS)),
        (tensor(GOOD), "generated must be a numpy array, not Tensor: " + CALL.format(FLOATS)),
        (tensor(pixels()), "generated must be a numpy array, not Tensor: " + CALL.format(")")),
        (list(pixels()), "generated must be a numpy array, not list: " + CALL.format(")")),
        (Image.new("RGB", (5, 3)), "generated must be a numpy array, not Image: " + CALL.format(")")),
        (pixels()[0], "generated must be (N, H, W, 3), not (3, 5, 3): protocols.as_images converts single images and"),
        (np.zeros((2, 3, 5, 7), np.uint8), "not (2, 3, 5, 7): protocols.as_images converts single images and channel"),
        (GOOD.astype(int), "generated must be uint8 in 0..255, not int64: protocols.as_images converts floats only"),
    ],
)
def test_metrics_name_the_conversion(metric: Callable[..., Any], images: Any, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        metric(images, pixels())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("grad", [False, True])
def test_tensors_of_features_give_the_number_of_the_arrays(device: str, dtype: torch.dtype, grad: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(n, 4, generator=draw).to(device, dtype).requires_grad_(grad) for n in (30, 20))
    wide = [x.detach().cpu().double().numpy() for x in (a, b)]
    given = [x.detach().cpu().float().numpy() if dtype == torch.bfloat16 else x.detach().cpu().numpy() for x in (a, b)]
    for metric in (frechet_distance, kernel_distance):
        value = metric(a, b)
        assert isinstance(value, float)
        assert value == metric(*given) == metric(*wide) == metric(a, wide[1])
    assert inception_score(a) == inception_score(given[0]) == inception_score(wide[0])
    items = [str(i % 3) for i in range(30)]
    found = [retrieval_recall(x, y, items, items[:20], k=2).tolist() for x, y in ((a, b), given)]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (torch.zeros(3), "must be (N, D) float, not (3,) float32"),
        (torch.zeros(3, 2, dtype=torch.int64), "must be (N, D) float, not (3, 2) int64"),
        (torch.full((3, 2), torch.nan), "holds numbers that are not finite"),
        ([[0.0, 1.0]] * 3, "must be a numpy array or a torch tensor, not list"),
        (None, "must be a numpy array or a torch tensor, not NoneType"),
    ],
)
def test_wrong_features_are_refused(features: Any, message: str) -> None:
    for metric in (frechet_distance, kernel_distance):
        with pytest.raises(ValueError, match=re.escape(f"features_b {message}")):
            metric(np.zeros((4, 2)), features)
    with pytest.raises(ValueError, match=re.escape(f"logits {message}")):
        inception_score(features)


def test_the_package_imports_lightly() -> None:
    code = (
        "import sys, protocols\n"
        "print({'torch', 'numpy', 'PIL'} & set(sys.modules))\n"
        "from protocols import as_images\n"
        "import numpy as np\n"
        "as_images(np.zeros((3, 5, 3)), (0, 1))\n"
        "print({'torch', 'PIL'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["set()", "set()"]
    assert dir(protocols) == ["as_images"]
    with pytest.raises(AttributeError, match="module 'protocols' has no attribute 'as_image'"):
        protocols.as_image  # noqa: B018
