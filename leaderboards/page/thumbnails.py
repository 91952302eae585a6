"""Thumbnails of pairs: source, target and every model's image, as WebP sprites of limited size."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import in_threads, read_image
from fhpt_bench.data.subsets import spread_over_people
from fhpt_bench.errors import UserError
from fhpt_bench.reporting.contact_sheet import draw_pose

HEIGHT = 128
LIMIT = 8 << 20  # bytes of all sprites of a table
COLUMNS = 16  # thumbnails in a row of a sprite
_PER_IMAGE = 2600  # bytes of a thumbnail at the quality below; only to choose the number of pairs
_QUALITIES = (70, 55, 40, 25)


@dataclass(frozen=True)
class Sprites:
    """The thumbnails of some pairs.

    Args:
        pairs: the pairs, in the order of the thumbnails.
        files: name of a sprite -> WebP file. The names are "source", "pose", "target", "model-<row>", and "gallery".
        size: (width, height) of a thumbnail.
    """

    pairs: tuple[Pair, ...]
    files: dict[str, bytes]
    size: tuple[int, int]


def choose_pairs(pairs: Sequence[Pair], wanted: Sequence[str], models: int) -> tuple[Pair, ...]:
    """The pairs to show: those that are wanted, then others spread over the people, as many as fit.

    Args:
        pairs: all pairs of a table.
        wanted: pair ids that the page names, the most important first.
        models: the number of models with images.
    """
    most = max(8, LIMIT // (_PER_IMAGE * (models + 3)))
    by_id = {pair.id: pair for pair in pairs}
    chosen = dict.fromkeys([by_id[name] for name in dict.fromkeys(wanted) if name in by_id][:most])
    order = spread_over_people([pair.person for pair in pairs], most)
    for at in order:
        if len(chosen) < most:
            chosen.setdefault(pairs[at])
    return tuple(sorted(chosen, key=lambda pair: pair.id))


def make_sprites(
    benchmark: Benchmark, pairs: Sequence[Pair], folders: Sequence[Path | None], gallery: Sequence[str] = ()
) -> Sprites:
    """Draw the thumbnails, at the best quality at which all of them fit into `LIMIT`; else of half of the pairs.

    Args:
        benchmark: the benchmark; its images are read.
        pairs: the pairs to show.
        folders: the folder of each row's generated images, `<pair id>.png`; None if a row has none.
        gallery: other images of the benchmark, for a sprite of their own.
    """
    height, width = benchmark.image_size
    size = (max(1, round(HEIGHT * width / height)), HEIGHT)
    sheets: dict[str, NDArray[np.uint8]] = {}

    def real(name: str) -> NDArray[np.uint8]:
        return _small(benchmark.folder / name, size)

    sheets["source"] = _sheet([real(pair.source) for pair in pairs], size)
    sheets["target"] = _sheet([real(pair.target) for pair in pairs], size)
    sheets["pose"] = _sheet([_pose(benchmark, pair, size) for pair in pairs], size)
    if gallery:
        sheets["gallery"] = _sheet([real(name) for name in gallery], size)
    for row, folder in enumerate(folders):
        if folder is not None:
            files_of = [folder / f"{pair.id}.png" for pair in pairs]
            tiles = in_threads(lambda path: _small(path, size), files_of, lambda _: None)
            sheets[f"model-{row}"] = _sheet(tiles, size)
    for quality in _QUALITIES:
        files = {name: _encoded(sheet, quality) for name, sheet in sheets.items()}
        if sum(map(len, files.values())) <= LIMIT:
            return Sprites(tuple(pairs), files, size)
    return make_sprites(benchmark, pairs[: len(pairs) // 2], folders, gallery)


def _small(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A thumbnail; grey if the image is missing or cannot be read."""
    try:
        return np.asarray(Image.fromarray(read_image(path)).resize(size, Image.Resampling.LANCZOS))
    except UserError:
        return np.full((size[1], size[0], 3), 128, np.uint8)


def _pose(benchmark: Benchmark, pair: Pair, size: tuple[int, int]) -> NDArray[np.uint8]:
    drawn = draw_pose(benchmark.poses[pair.target], benchmark.image_size)
    return np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.LANCZOS))


def _sheet(tiles: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = size
    rows = -(-len(tiles) // COLUMNS)
    sheet = np.full((rows * height, COLUMNS * width, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // COLUMNS * height, number % COLUMNS * width
        sheet[top : top + height, left : left + width] = tile
    return sheet


def _encoded(sheet: NDArray[np.uint8], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()
