"""Retrieval galleries of the page: what the images of every model retrieve, for a few pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import read_image
from leaderboards.retrieval_gallery import DEPTH, Gallery
from leaderboards.tables import Table
from protocols.semantic.gallery import spread
from protocols.semantic.retrieval import Retrieval

_PAIRS = 4
_VARIANT = "retrieval:unique-"  # without repeats and without the pair's own images
TARGET = -1  # in place of a row: the real target image


@dataclass(frozen=True)
class Examples:
    """What to show.

    Args:
        content: variant, number of source images, depth, and for each pair [id, rows]; a row is [row of the table or
            `TARGET`, [[tile, right], ...], number of right ones, number of images of the item].
        images: the retrieved source images; a tile is a position in it.
    """

    content: dict[str, Any]
    images: tuple[str, ...]


def find_examples(
    table: Table, benchmark: Benchmark, pairs: Sequence[Pair], folders: Sequence[Path | None], progress: bool = False
) -> Examples | None:
    """Rank the benchmark's source images for the generated images and the target of a few pairs.

    Args:
        table: the table; None is returned if no model of it has a score of retrieval without repeats.
        benchmark: the benchmark.
        pairs: the pairs of the page's thumbnails.
        folders: the folder of each row's generated images; None if a row has none.
        progress: show a progress bar.

    Raises:
        UserError: if an image cannot be read, or the weights of the network are not here.
    """
    column = next((column for column in table.columns if column.key.startswith(_VARIANT) and column.installed), None)
    if column is None:
        return None
    protocol = Retrieval(column.key.split(":")[1])
    oracles = [row.record.model.oracle for row in table.rows]  # the target shows what they show
    held = [(row, folder) for row, folder in enumerate(folders) if folder is not None and not oracles[row]]
    able = [all((folder / f"{pair.id}.png").is_file() for _, folder in held) for pair in pairs]
    chosen = [pairs[at] for at in spread(np.array([pair.person for pair in pairs]), np.array(able), _PAIRS)]
    if not chosen:
        return None
    gallery = Gallery(protocol, benchmark, progress)
    tiles: dict[str, int] = {}
    examples = []
    for pair in chosen:
        size = benchmark.image_size
        queries = [(row, read_image(folder / f"{pair.id}.png", size)) for row, folder in held]
        queries.append((TARGET, read_image(benchmark.folder / pair.target, size)))
        found = gallery.rank([pair] * len(queries), [image for _, image in queries])
        if found[0].total == 0:
            continue
        examples.append([
            pair.id,
            [
                [
                    row,
                    [
                        [tiles.setdefault(name, len(tiles)), int(right)]
                        for name, right in zip(one.names, one.right, strict=True)
                    ],
                    sum(one.right),
                    one.total,
                ]
                for (row, _), one in zip(queries, found, strict=True)
            ],
        ])  # fmt: skip
    if not examples:
        return None
    content = {"variant": protocol.variant, "images": len(gallery.unique), "depth": DEPTH, "examples": examples}
    return Examples(content, tuple(tiles))
