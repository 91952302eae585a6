"""Strict decoding of images into uint8 RGB: an ambiguous or damaged file is refused, and the message names it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_bytes
from fhpt_bench.progress import progress_bar
from fhpt_bench.reading import IMAGE_BYTES, IMAGE_PIXELS, open_file, read_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_EXACT_MODES = ("RGB", "L", "P", "1", "RGBA", "LA", "PA")
_PNG_BIT_DEPTH = 24  # byte offset of the bit depth in a PNG file
_EXIF_ORIENTATION = 0x0112
_AHEAD = 256
_HEAD = 4096  # bytes with the chunks that tell lossy from lossless WebP
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
_DAMAGED = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
_OWN = ("Software", "fhpt-bench")
LONG = 1000  # images, which take about two seconds: fewer need no progress bar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_image(
    path: Path, size: tuple[int, int] | None = None, check: Callable[[tuple[int, int]], None] | None = None
) -> NDArray[np.uint8]:
    """Decode a file into RGB if there is only one way to do so.

    Grey, palette and bilevel images and fully opaque alpha channels convert to RGB without loss. Files that libraries
    decode differently are refused: 16 bits per channel, CMYK (its colours depend on a profile), transparency, and a
    rotation in EXIF.

    Args:
        path: a PNG, JPEG, WebP or BMP file, recognised by its content; other formats are never tried.
        size: the required (height, width), or None for any.
        check: called with the (height, width) of the header, before anything is decoded; may raise.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UserError: if the file is missing, truncated, too large, of another size, or refused as above.
    """
    try:
        content = read_file(path, IMAGE_BYTES)
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_size(image, path, size)
            if check is not None:
                check((image.height, image.width))
            return _as_rgb(image, path, sixteen_bit=image.format == "PNG" and content[_PNG_BIT_DEPTH] == 16)
    except _DAMAGED as error:
        raise _not_decoded(path, error) from error


def read_header(path: Path) -> tuple[tuple[int, int], str]:
    """The size and the mode of an image, without decoding it.

    Args:
        path: a PNG, JPEG, WebP or BMP file.

    Returns:
        (height, width), and Pillow's name of the mode, such as "RGB".

    Raises:
        UserError: if the file is missing, is neither, or is too large.
    """
    try:
        with open_file(path, IMAGE_BYTES) as file, Image.open(file, formats=_FORMATS) as image:
            _check_size(image, path, None)
            return (image.height, image.width), image.mode
    except _DAMAGED as error:
        raise _not_decoded(path, error) from error


def _check_size(image: Image.Image, path: Path, size: tuple[int, int] | None) -> None:
    """From the header: an image of absurd size is never decoded."""
    width, height = image.size
    if size is not None and (height, width) != size:
        raise UserError(
            f"The image {path} is {width} wide and {height} high, but the benchmark's are {size[1]} wide and "
            f"{size[0]} high: crop or generate it at that size."
        )
    if width * height > IMAGE_PIXELS:
        raise UserError(f"The image {path} is {width} wide and {height} high: that is too large to be decoded.")


def _not_decoded(path: Path, error: Exception | Warning) -> UserError:
    if isinstance(error, UnidentifiedImageError):
        what = "neither PNG, JPEG, WebP nor BMP" if path.stat().st_size else "empty"
        return UserError(f"The image {path} cannot be decoded (it is {what}): create it again.")
    return UserError(f"The image {path} cannot be decoded ({error}): it is damaged, create it again.")


def _as_rgb(image: Image.Image, path: Path, sixteen_bit: bool) -> NDArray[np.uint8]:
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise UserError(f"The image {path} has {frames} frames: save the one that is meant as a file of its own.")
    # Pillow reduces a 16-bit RGB file to 8 bits without a warning.
    if sixteen_bit or image.mode not in _EXACT_MODES:
        kind = "has 16 bits per channel" if sixteen_bit else f"is of mode {image.mode}"
        raise UserError(f"The image {path} {kind}: save it as 8-bit RGB.")
    if image.has_transparency_data:
        pixels = np.asarray(image.convert("RGBA"))
        if (pixels[..., 3] < 255).any():
            raise UserError(
                f"The image {path} has transparent pixels: put it on a solid background and save it as 8-bit RGB."
            )
        pixels = np.ascontiguousarray(pixels[..., :3])
    else:
        pixels = np.asarray(image.convert("RGB"))
    if (turned := image.getexif().get(_EXIF_ORIENTATION, 1)) != 1:
        raise UserError(
            f"The image {path} has a rotation in EXIF (orientation {turned}), which some libraries apply and some "
            "ignore: save it upright, without that tag."
        )
    return pixels


def digest_images(paths: list[Path], size: tuple[int, int], progress: bool = False) -> dict[Path, str]:
    """Decode every file once, so that a damaged one is reported before any network is loaded.

    Args:
        paths: paths of the files.
        size: the (height, width) that each must have.
        progress: show a progress bar if there are many files.

    Returns:
        Path -> digest of its pixels.

    Raises:
        UserError: for the first file that `read_image` refuses.
    """
    with progress_bar("images", len(paths), progress and len(paths) >= LONG) as done:
        digests = in_threads(lambda path: pixels_sha256(read_image(path, size)), paths, done)
    return dict(zip(paths, digests, strict=True))


def digest_named(folder: Path, names: Sequence[str], size: tuple[int, int], progress: bool = False) -> dict[str, str]:
    """As `digest_images`, by name.

    Args:
        folder: folder of the images.
        names: their names.
        size: the (height, width) that each must have.
        progress: show a progress bar if there are many files.

    Returns:
        Name -> digest of its pixels.

    Raises:
        UserError: for the first file that `read_image` refuses.
    """
    digests = digest_images([folder / name for name in names], size, progress)
    return dict(zip(names, digests.values(), strict=True))


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], done: Callable[[int], None]) -> list[Result]:
    """Apply a function to many items in threads. Only some items are queued at a time: an error or Ctrl-C ends it soon.

    Args:
        work: the function; threads help if it releases the GIL, as image decoding and encoding do.
        items: N items.
        done: called with the number of items finished since its last call.

    Returns:
        N results in the order of the items.

    Examples:
        >>> in_threads(abs, [-1, 2, -3], lambda count: None)
        [1, 2, 3]
    """
    results = list[Result]()
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(items), _AHEAD):
            for result in pool.map(work, items[start : start + _AHEAD]):
                results.append(result)
                done(1)
    return results


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """A digest of an image's pixels, independent of the file format.

    Args:
        pixels: (H, W, 3) uint8.

    Examples:
        >>> a = np.zeros((2, 3, 3), np.uint8)
        >>> pixels_sha256(a) == pixels_sha256(a.reshape(3, 2, 3))
        False
    """
    return sha256_bytes(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes())


def encode_figure_png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a PNG file that names this package, so that `is_own_png` recognises it."""
    text = PngInfo()
    text.add_text(*_OWN)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1, pnginfo=text)
    return buffer.getvalue()


def is_own_png(path: Path) -> bool:
    """Whether a file is a PNG that `encode_figure_png` made."""
    try:
        with open_file(path, IMAGE_BYTES) as file, Image.open(file, formats=("PNG",)) as image:
            return bool(image.info.get(_OWN[0]) == _OWN[1])
    except (UserError, *_DAMAGED):
        return False


def codec_of(path: Path) -> str:
    """The codec of an image file by its content, not by its name.

    Args:
        path: a file that `read_image` accepts.

    Returns:
        "png", "bmp", "webp-lossless", or a lossy one: "jpeg", "webp".

    Raises:
        UserError: if it cannot be read.
    """
    with open_file(path, IMAGE_BYTES) as file:
        head = file.read(_HEAD)
    if head.startswith(b"\xff\xd8"):
        return "jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp-lossless" if b"VP8L" in head and b"VP8 " not in head else "webp"
    return "bmp" if head.startswith(b"BM") else "png"


def is_lossy(codec: str) -> bool:
    """Whether a codec, or one of several joined by "+", changes pixels.

    Examples:
        >>> is_lossy("png+webp"), is_lossy("bmp")
        (True, False)
    """
    return bool({"jpeg", "webp"} & set(codec.split("+")))


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def folder_images(folder: Path) -> dict[str, Path]:
    """The images of a folder by stem.

    Args:
        folder: the folder; its subfolders are not searched.

    Raises:
        UserError: if it is not a folder, or two files have the same stem.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}: give the folder of the images.")
    found: dict[str, Path] = {}
    with explained(folder, "read"):
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    for path in files:
        if path.stem in found:
            raise UserError(f"{found[path.stem]} and {path} are two images with the same name: remove one.")
        found[path.stem] = path
    return found
