"""Images and keypoint files that cannot be used."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tools.faults.bad.place import FIRST, Kinds, Place

_SIZE = (48, 64)


def _encoded(image: Image.Image, format_: str = "png", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def _noise(size: tuple[int, int] = _SIZE) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (size[1], size[0], 3), np.uint8))


def _huge() -> bytes:
    """A PNG file whose header says 100,000 x 100,000 pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(8)


def _transparent() -> Image.Image:
    image = _noise().convert("RGBA")
    image.putalpha(100)
    return image


def _rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(_noise(), "jpeg", exif=exif)


def _animated() -> bytes:
    return _encoded(_noise(), save_all=True, append_images=[_noise().rotate(180)])


CONTENTS: dict[str, Callable[[], bytes]] = {
    "is empty": lambda: b"",
    "is text": lambda: b"not an image",
    "is cut": lambda: _encoded(_noise())[:2000],
    "has another size": lambda: _encoded(_noise((50, 60))),
    "says 100,000 x 100,000 pixels": _huge,
    "has 16 bits": lambda: _encoded(Image.new("I;16", _SIZE)),
    "is transparent": lambda: _encoded(_transparent()),
    "is rotated by EXIF": _rotated,
    "is animated": _animated,
    "is a GIF": lambda: _encoded(_noise(), "gif"),
    "is a TIFF": lambda: _encoded(_noise(), "tiff"),
    "is CMYK": lambda: _encoded(Image.new("CMYK", _SIZE), "jpeg"),
}


def _real(content: Callable[[], bytes]) -> Callable[[Place], list[object]]:
    def make(place: Place) -> list[object]:
        place.file("data/test/p00_0.png", content())
        return place.run()

    return make


def _generated(content: Callable[[], bytes]) -> Callable[[Place], list[object]]:
    def make(place: Place) -> list[object]:
        place.file(f"images/{FIRST}.png", content())
        return place.evaluate()

    return make


def _renamed(old: str, new: str | None) -> Callable[[Place], list[object]]:
    """A generated image with another name, or without it."""

    def make(place: Place) -> list[object]:
        file = place.images / old
        if new is None:
            file.unlink()
        else:
            file.rename(place.images / new)
        return place.evaluate()

    return make


def _folder_of(*names: str) -> Callable[[Place], list[object]]:
    """A folder of images with these names only."""

    def make(place: Place) -> list[object]:
        for file in list(place.images.iterdir()):
            file.unlink()
        for name in names:
            place.file(f"images/{name}", _encoded(_noise()))
        return place.evaluate()

    return make


def _twice(place: Place) -> list[object]:
    place.file(f"images/{FIRST}.jpg", _encoded(_noise(), "jpeg"))
    return place.evaluate()


def _without(place: Place) -> list[object]:
    (place.root / "data" / "test" / "p00_0.png").unlink()
    return place.run()


def _prepared(content: bytes) -> Callable[[Place], list[object]]:
    """An image of img.zip's tree that cannot be used."""

    def make(place: Place) -> list[object]:
        place.file("photographs/img/WOMEN/Dresses/id_00000001/01_1_front.jpg", content)
        return ["data", "prepare", "deepfashion", "--root", place.root / "photographs", "--out", place.out]

    return make


IMAGES: Kinds = {
    **{f"an image of the benchmark that {what}": _real(content) for what, content in CONTENTS.items()},
    **{f"a generated image that {what}": _generated(content) for what, content in CONTENTS.items()},
    "an image of a pair that is missing": _without,
    "a folder of images that is a file": lambda place: ["evaluate", place.benchmark, "-b", place.benchmark],
    "no folder of generated images": lambda place: ["evaluate", place.root / "nothing", "-b", place.benchmark],
    "an empty folder of images": _folder_of(),
    "generated images with other names": _folder_of("a.png", "b.png"),
    "a generated image that is missing": _renamed(f"{FIRST}.png", None),
    "a generated image of no pair": _renamed(f"{FIRST}.png", "a___b.png"),
    "a generated image of another format": _renamed(f"{FIRST}.png", f"{FIRST}.tiff"),
    "two images of one pair": _twice,
    "one photograph to prepare": _prepared(_encoded(_noise((256, 256)), "jpeg")),
    "a photograph to prepare that is text": _prepared(b"not an image"),
}


def _keypoints(content: object) -> Callable[[Place], list[object]]:
    """Keypoint files of all images; the first one holds something else."""

    def make(place: Place) -> list[object]:
        pose = {"people": [{"pose_keypoints_2d": [20, 20, 1] * 18}]}
        names = [file.stem for folder in (place.images, place.root / "data" / "test") for file in folder.iterdir()]
        for name in names:
            place.file(f"keypoints/{name}_keypoints.json", json.dumps(pose))
        text = content if isinstance(content, str | bytes) else json.dumps(content)
        place.file(f"keypoints/{FIRST}_keypoints.json", text)
        return place.run("-p", "pckh", "--keypoints", place.root / "keypoints")

    return make


def _one_missing(place: Place) -> list[object]:
    words = _keypoints({})(place)
    (place.root / "keypoints" / f"{FIRST}_keypoints.json").unlink()
    return words


def _person(**fields: object) -> dict[str, object]:
    return {"people": [fields]}


KEYPOINT_FILES: Kinds = {
    "an empty folder of keypoints": lambda place: place.run("-p", "pckh", "--keypoints", _empty(place)),
    "a keypoint file that is missing": _one_missing,
    "a keypoint file that is empty": _keypoints(""),
    "a keypoint file that is not JSON": _keypoints("{"),
    "a keypoint file of nothing": _keypoints({}),
    "a keypoint file of a number": _keypoints(5),
    "a keypoint file of several images": _keypoints([{"image_id": "a", "keypoints": []}, {"image_id": "b"}]),
    "people of text": _keypoints({"people": ["x"]}),
    "a person without a known field": _keypoints(_person(pose=[1, 2, 3])),
    "OpenPose, 17 joints": _keypoints(_person(pose_keypoints_2d=[1, 1, 1] * 17)),
    "OpenPose, numbers that are no triples": _keypoints(_person(pose_keypoints_2d=[1, 1])),
    "OpenPose, negative pixels": _keypoints(_person(pose_keypoints_2d=[-5, 1, 1] * 18)),
    "OpenPose, numbers of 400 digits": _keypoints(_person(pose_keypoints_2d=[10**400] * 54)),
    "DWPose, a canvas of 0": _keypoints({**_person(pose_keypoints_2d=[0.5, 0.5, 1] * 18), "canvas_width": 0,
                                         "canvas_height": 0}),
    "DWPose, a canvas without a height": _keypoints({**_person(pose_keypoints_2d=[0.5] * 54), "canvas_width": 48}),
    "MMPose, instances of text": _keypoints({"instance_info": ["x"]}),
    "MMPose, too few scores": _keypoints([{"keypoints": [[1, 2]] * 17, "keypoint_scores": [1] * 5}]),
    "rtmlib, no scores": _keypoints({"keypoints": [[[1, 2]] * 17]}),
    "rtmlib, another number of people": _keypoints({"keypoints": [[[1, 2]] * 17], "scores": []}),
    "AlphaPose, 19 joints": _keypoints([{"image_id": "a", "keypoints": [1, 2, 1] * 19}]),
    "COCO-WholeBody, 5 points of the face": _keypoints(
        [{"keypoints": [1, 2, 1] * 17, "lefthand_kpts": [1, 2, 1] * 21, "face_kpts": [1, 2, 1] * 5}]
    ),
}  # fmt: skip


def _empty(place: Place) -> object:
    folder = place.root / "keypoints"
    folder.mkdir()
    return folder
