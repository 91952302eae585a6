"""Decoding images into uint8 RGB, strictly: what cannot be read rightly is refused with its name."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_bytes

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_image(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Decode a file into RGB.

    Args:
        path: a PNG or JPEG file.
        size: the (height, width) that it must have, if any.

    Returns:
        (H, W, 3) uint8.

    Raises:
        UserError: where it is missing, truncated, of another size, or not 8-bit RGB or grey.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("RGB", "L"):
                raise UserError(f"The image {path} is of mode {image.mode}: save it as 8-bit RGB.")
            pixels = np.asarray(image.convert("RGB"))
    except FileNotFoundError as error:
        raise UserError(f"The image {path} does not exist.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"The image {path} cannot be decoded ({error}): it is damaged, make it again.") from error
    if size is not None and pixels.shape[:2] != size:
        height, width = pixels.shape[:2]
        raise UserError(
            f"The image {path} is {width} wide and {height} high, but the benchmark's are {size[1]} wide and "
            f"{size[0]} high: crop or generate it at that size."
        )
    return pixels


def check_images(paths: list[Path], size: tuple[int, int]) -> dict[Path, str]:
    """Decode every file once, before any network loads, so that a broken one costs no time.

    Args:
        paths: files.
        size: the (height, width) that each must have.

    Returns:
        Path -> digest of its pixels.

    Raises:
        UserError: for the first file that `read_image` refuses.
    """
    with ThreadPoolExecutor() as pool:
        digests = pool.map(lambda path: pixels_sha256(read_image(path, size)), paths)
        return dict(zip(paths, digests, strict=True))


def pixels_sha256(pixels: NDArray[np.uint8]) -> str:
    """A digest of what an image shows, whatever file format holds it.

    Args:
        pixels: (H, W, 3) uint8.

    Examples:
        >>> a = np.zeros((2, 3, 3), np.uint8)
        >>> pixels_sha256(a) == pixels_sha256(a.reshape(3, 2, 3))
        False
    """
    return sha256_bytes(f"{pixels.shape}".encode() + np.ascontiguousarray(pixels).tobytes())


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as the bytes of a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def folder_images(folder: Path) -> dict[str, Path]:
    """The images of a folder by stem.

    Args:
        folder: looked into, not below.

    Raises:
        UserError: where it is no folder, or two files share a stem.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder}.")
    found: dict[str, Path] = {}
    with explained(folder, "read"):
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    for path in files:
        if path.stem in found:
            raise UserError(f"{found[path.stem]} and {path} are two images of one name: remove one.")
        found[path.stem] = path
    return found
