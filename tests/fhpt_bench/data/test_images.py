"""Images are read rightly or refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.data.images import check_images, encode_png, folder_images, pixels_sha256, read_image
from fhpt_bench.errors import UserError

PIXELS = np.random.default_rng(0).integers(0, 256, (17, 31, 3), np.uint8)


def test_png_round_trip_is_exact_and_its_digest_is_of_the_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_png(PIXELS))
    Image.fromarray(PIXELS).save(tmp_path / "b.png", compress_level=9)
    assert (read_image(tmp_path / "a.png") == PIXELS).all()
    a, b = check_images([tmp_path / "a.png", tmp_path / "b.png"], (17, 31)).values()
    assert a == b == pixels_sha256(PIXELS)
    assert a != pixels_sha256(PIXELS[..., ::-1])


def test_grey_is_rgb(tmp_path: Path) -> None:
    Image.fromarray(PIXELS[..., 0]).save(tmp_path / "a.png")
    assert (read_image(tmp_path / "a.png") == PIXELS[..., :1]).all()


@pytest.mark.parametrize("mode", ["P", "RGBA", "CMYK", "1"])
def test_other_modes_are_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    Image.new(mode, (4, 4)).save(path)
    with pytest.raises(UserError, match="save it as 8-bit RGB"):
        read_image(path)


def test_folder_lists_images_only(tmp_path: Path) -> None:
    for name in ("a.png", "b.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    assert list(folder_images(tmp_path)) == ["a", "b"]
