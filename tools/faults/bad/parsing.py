"""Parsing maps of parsers that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.faults.bad.place import Kinds, Place

_SIZE = (64, 48)  # height, width


def _maps(change: Callable[[Place], object] | None = None, *more: object) -> Callable[[Place], list[object]]:
    """Parsing maps of all images; then something is changed, and options are added or replaced."""

    def make(place: Place) -> list[object]:
        (place.root / "maps").mkdir()
        for file in (place.root / "data" / "test").iterdir():
            _map(place, np.zeros(_SIZE, np.uint8), file.stem)
        if change is not None:
            change(place)
        labels = more or ("--parsing-labels", "schp-lip")
        return place.run("-p", "regions", "--parsing", place.root / "maps", *labels)

    return make


def _map(place: Place, labels: NDArray[Any], name: str = "") -> None:
    """Write one map: that of the first image, or of the one that is named."""
    names = sorted(file.stem for file in (place.root / "data" / "test").iterdir())
    Image.fromarray(labels).save(place.root / "maps" / f"{name or names[0]}.png")


def _emptied(place: Place) -> None:
    for file in (place.root / "maps").iterdir():
        file.unlink()


def _holding(content: bytes) -> Callable[[Place], list[object]]:
    return _maps(lambda place: [file.write_bytes(content) for file in (place.root / "maps").iterdir()])


def _of(labels: NDArray[Any]) -> Callable[[Place], list[object]]:
    return _maps(lambda place: _map(place, labels))


PARSING_MAPS: Kinds = {
    "no folder of parsing maps": lambda place: place.run(
        "-p", "regions", "--parsing", place.root / "nothing", "--parsing-labels", "cihp"
    ),
    "a table of labels without maps": lambda place: place.run("-p", "regions", "--parsing-labels", "cihp"),
    "an unknown table of labels": _maps(None, "--parsing-labels", "lip"),
    "no table of labels": _maps(None, "--batch-size", 4),
    "parsing maps that no protocol uses": _maps(None, "--parsing-labels", "cihp", "-p", "psnr"),
    "an empty folder of parsing maps": _maps(_emptied),
    "a parsing map that is missing": _maps(lambda place: next((place.root / "maps").iterdir()).unlink()),
    "a parsing map that is empty": _holding(b""),
    "a parsing map that is text": _holding(b"labels"),
    "a parsing map that ends early": _holding(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "a parsing map of another size": _of(np.zeros((48, 64), np.uint8)),
    "a parsing map in colours": _of(np.zeros((*_SIZE, 3), np.uint8)),
    "a parsing map of 16 bits": _of(np.zeros(_SIZE, np.uint16)),
    "a parsing map of 1 bit": _of(np.zeros(_SIZE, bool)),
    "a parsing map with an unknown label": _of(np.full(_SIZE, 20, np.uint8)),
}
