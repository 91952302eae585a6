"""Parsing maps of real images: the classes of common parsers, and the regions of a person that they give."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from fhpt_bench.data.names import stem
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.files import explained, sha256_bytes, sha256_json
from fhpt_bench.progress import progress_bar
from fhpt_bench.reading import IMAGE_BYTES, read_file

REGIONS = ("face", "hair", "upper-body", "lower-body", "arms", "legs", "background")
NO_REGION = 255
OWN = "fhpt-bench"  # the classes of the benchmarks' own tables (`parsing` in a benchmark file)

# Region -> its classes, in all tables. A bag is in no region.
_CLASSES = {
    "face": ("face", "sunglasses"),
    "hair": ("hair", "hat"),
    "upper-body": ("upper", "upper-clothes", "dress", "coat", "jumpsuits", "scarf", "torso-skin", "neck"),
    "lower-body": ("lower", "pants", "skirt", "belt"),
    "arms": ("arms", "left-arm", "right-arm", "glove"),
    "legs": ("legs", "left-leg", "right-leg", "socks", "shoes", "left-shoe", "right-shoe"),
    "background": ("background",),
}
_SKIN_AND_SHOES = ("face", "left-arm", "right-arm", "left-leg", "right-leg", "left-shoe", "right-shoe")
# Table -> the class of each label, from 0.
LABELS: Mapping[str, tuple[str, ...]] = {
    OWN: ("background", "hair", "upper", "lower", "shoes", "face", "arms", "legs", "neck"),
    # GoGoDuck912/Self-Correction-Human-Parsing, simple_extractor.py at 1f7fae6, datasets `lip` and `atr`.
    "schp-lip": (
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
        "jumpsuits", "scarf", "skirt", *_SKIN_AND_SHOES,
    ),
    "schp-atr": (
        "background", "hat", "hair", "sunglasses", "upper-clothes", "skirt", "pants", "dress", "belt", "left-shoe",
        "right-shoe", "face", "left-leg", "right-leg", "left-arm", "right-arm", "bag", "scarf",
    ),
    # Gong et al., ECCV 2018; the order as in brunopaivatoptal/IDM-VTON, modules/SegmentationLabels.py at e15e7a1. It
    # differs from LIP's in label 10 only.
    "cihp": (
        "background", "hat", "hair", "glove", "sunglasses", "upper-clothes", "dress", "coat", "socks", "pants",
        "torso-skin", "scarf", "skirt", *_SKIN_AND_SHOES,
    ),
}  # fmt: skip
_DEPTH, _COLOUR = 24, 25  # byte offsets of the bit depth and the colour type in a PNG file
_GREY = 0
_DAMAGED = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class RegionMaps:
    """The region of each pixel of some images.

    Args:
        labels: the table of labels that the parsing maps had, a key of `LABELS`.
        maps: image name -> (H, W) uint8, a position in `REGIONS` or `NO_REGION`.
    """

    labels: str
    maps: Mapping[str, NDArray[np.uint8]]

    @property
    def sha256(self) -> str:
        """A digest of the regions, the names of the images and the name of the table."""
        return sha256_json([self.labels, {name: sha256_bytes(region.tobytes()) for name, region in self.maps.items()}])

    def stack(self, names: Sequence[str]) -> NDArray[np.uint8]:
        """(N, H, W) regions of N images."""
        return np.stack([self.maps[name] for name in names])


def regions_of(labels: NDArray[np.uint8], table: str, what: str) -> NDArray[np.uint8]:
    """Turn the labels of a parser into regions.

    Args:
        labels: (H, W) labels.
        table: a key of `LABELS`.
        what: the name of the map, for messages.

    Returns:
        (H, W) uint8, positions in `REGIONS`; `NO_REGION` for a class that belongs to none (a bag).

    Raises:
        UserError: if a label is not in the table.

    Examples:
        >>> [REGIONS[found] for found in regions_of(np.array([[13, 0]], np.uint8), "cihp", "a.png")[0]]
        ['face', 'background']
    """
    classes = LABELS[table]
    if labels.max() >= len(classes):
        raise UserError(
            f"{what} has the label {labels.max()}, but {table} has the labels 0 to {len(classes) - 1}: name the table "
            f"of the parser that made it (--parsing-labels, one of {', '.join(LABELS)})."
        )
    regions = [next((r for r, name in enumerate(REGIONS) if one in _CLASSES[name]), NO_REGION) for one in classes]
    return np.array(regions, np.uint8)[labels]


def own_regions(tables: Mapping[str, NDArray[np.uint8]], names: Sequence[str], size: tuple[int, int]) -> RegionMaps:
    """The regions by a benchmark's own parsing table.

    Args:
        tables: image name -> (H, W) labels of the table `OWN`.
        names: the images that are needed.
        size: (height, width) of the images.

    Raises:
        UserError: if a map has another size, or a label that the table lacks.
    """
    for name in names:
        if tables[name].shape != size:
            raise UserError(
                f"The benchmark's parsing map of {name} is {tables[name].shape}, not {size}: make its table again."
            )
    return RegionMaps(
        OWN, {name: regions_of(tables[name], OWN, f"The benchmark's parsing map of {name}") for name in names}
    )


def read_parsing_folder(
    folder: Path, table: str | None, targets: Sequence[str], size: tuple[int, int], progress: bool = False
) -> RegionMaps:
    """Read the parsing maps that the user gives, one PNG file per target image, `<image stem>.png`.

    Args:
        folder: the folder of the files; others in it are ignored.
        table: a key of `LABELS`: which classes the labels are. It is not guessed.
        targets: names of the target images.
        size: (height, width) of the images.
        progress: show a progress bar.

    Returns:
        The regions of the targets.

    Raises:
        UserError: if the table is missing or unknown, the folder or a file is missing, or a file is no label map of
            that size and table.
    """
    if table is None:
        raise UserError(f"--parsing needs --parsing-labels, the table of the parser's labels: {', '.join(LABELS)}.")
    if table not in LABELS:
        raise UserError(f"There is no table of labels {table!r} (--parsing-labels): {did_you_mean(table, LABELS)}")
    if not folder.is_dir():
        raise UserError(
            f"There is no folder of parsing maps {folder}: give the folder of the PNG files with --parsing."
        )
    with explained(folder, "read"):
        present = {path.name for path in folder.iterdir()}
    files = {name: f"{stem(name)}.png" for name in targets}
    if missing := [file for file in files.values() if file not in present]:
        raise UserError(
            f"In the folder {folder}, parsing maps of {len(missing)} of {len(files)} target images are missing, first "
            f"{missing[0]}: run the parser on all target images."
        )
    maps: dict[str, NDArray[np.uint8]] = {}
    with progress_bar("parsing maps", len(files), progress) as done:
        for name, file in files.items():
            path = folder / file
            maps[name] = regions_of(read_labels(path, size), table, f"The parsing map {path}")
            done(1)
    return RegionMaps(table, maps)


def read_labels(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Read a label map: an 8-bit grey PNG, or a PNG with a palette, whose colours are ignored.

    Args:
        path: the file.
        size: the required (height, width).

    Returns:
        (H, W) uint8 labels.

    Raises:
        UserError: if it is missing, damaged, of another size, or holds colours in place of labels.
    """
    try:
        content = read_file(path, IMAGE_BYTES)
        with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
            width, height = image.size
            if (height, width) != size:
                raise UserError(
                    f"The parsing map {path} is {width} wide and {height} high, but the benchmark's images are "
                    f"{size[1]} wide and {size[0]} high: run the parser on the target images at that size."
                )
            # Pillow stretches grey values of fewer bits to 0 to 255, which would change the labels.
            exact = image.mode == "P" or (content[_DEPTH], content[_COLOUR]) == (8, _GREY)
            if not exact or getattr(image, "n_frames", 1) > 1:
                raise UserError(
                    f"The parsing map {path} is not one label per pixel: save the labels as PNG with a palette, or as "
                    "8-bit grey."
                )
            return np.asarray(image)
    except UnidentifiedImageError as error:
        raise UserError(f"The parsing map {path} is not a PNG file: other formats change or hide labels.") from error
    except _DAMAGED as error:
        raise UserError(
            f"The parsing map {path} cannot be decoded ({error}): it is damaged, create it again."
        ) from error
