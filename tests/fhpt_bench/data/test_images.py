"""Images are decoded exactly, or refused with a message that names them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.data.images import digest_images, encode_png, folder_images, pixels_sha256, read_image
from fhpt_bench.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (17, 31, 3), np.uint8)


def test_png_round_trip_is_exact_and_its_digest_is_of_the_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    Image.fromarray(PIXELS).save(tmp_path / "b.png", compress_level=9)
    assert (read_image(tmp_path / "a.png") == PIXELS).all()
    a, b = digest_images([tmp_path / "a.png", tmp_path / "b.png"], (17, 31)).values()
    assert a == b == pixels_sha256(PIXELS)
    assert a != pixels_sha256(PIXELS[..., ::-1])


def test_grey_is_rgb(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == PIXELS[..., :1]).all()


@pytest.mark.parametrize("mode", ["P", "1", "L", "RGBA", "LA"])
def test_modes_that_convert_to_rgb_without_loss_are_read(tmp_path: Path, mode: str) -> None:
    few = Image.fromarray(PIXELS // 64 * 64)  # few colours, so that they fit into a palette
    image = few.quantize(256) if mode == "P" else few.convert(mode)
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as written:
        assert written.mode == mode
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))
    if mode in ("P", "RGBA"):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PIXELS // 64 * 64)


def write_sixteen_bit_rgb(path: Path) -> None:
    """Pillow reads such a file as 8-bit RGB, but cannot write one."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header, rows = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0), (b"\0" + bytes(4 * 6)) * 4
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def rotated(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: Image.new("CMYK", (4, 4)).save(path, "JPEG"), "is of mode CMYK: save it as 8-bit RGB"),
        (lambda path: Image.fromarray(np.zeros((4, 4), np.uint16)).save(path), "16 bits per channel: save it as 8-bit"),
        (write_sixteen_bit_rgb, "16 bits per channel: save it as 8-bit"),
        (lambda path: Image.new("RGBA", (4, 4)).save(path), "transparent pixels: put it on a solid"),
        (lambda path: Image.new("P", (4, 4)).save(path, transparency=0), "transparent pixels"),
        (lambda path: Image.new("P", (4, 4)).save(path, transparency=b"\x80"), "transparent pixels"),
        (lambda path: Image.new("RGB", (4, 4)).save(path, exif=rotated(6)), r"rotation in EXIF \(orientation 6\)"),
        (lambda path: Image.new("RGB", (4, 4)).save(path, "JPEG", exif=rotated(3)), "rotation in EXIF"),
        (lambda path: Image.new("RGB", (4, 4)).save(path, "GIF"), "neither PNG, JPEG, WebP nor BMP"),
        (lambda path: path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n"), "neither PNG, JPEG"),
        (lambda path: path.write_bytes(b""), "it is empty"),
        (lambda path: None, "no such file"),
    ],
)  # fmt: skip
def test_ambiguous_or_damaged_files_are_refused(tmp_path: Path, write: Callable[[Path], object], message: str) -> None:
    write(tmp_path / "a.png")
    with pytest.raises(UserError, match=message) as raised:
        read_image(tmp_path / "a.png")
    assert str(tmp_path / "a.png") in str(raised.value)


def test_upright_exif_and_an_unused_transparent_colour_change_nothing(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=rotated(1))
    unused = next(c for c in range(256) if not (c == PIXELS).all(-1).any())
    Image.fromarray(PIXELS).save(tmp_path / "b.png", transparency=(unused, unused, unused))
    for name in ("a.png", "b.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), PIXELS)


def test_an_absurd_size_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    write_sixteen_bit_rgb(tmp_path / "a.png")
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[16:29] = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UserError, match="is 9000 wide and 9000 high"):
        read_image(tmp_path / "a.png", (4, 4))


def test_only_images_of_a_folder_are_listed(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert list(folder_images(tmp_path)) == ["a", "b"]
