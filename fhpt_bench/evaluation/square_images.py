"""Square images of a folder: padded or squeezed, told apart by their margins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.images import read_header, read_image
from fhpt_bench.data.layouts import CROP, LAYOUTS, OTHER_SQUARES, cut, has_plain_sides, panel_size, wrong_size
from fhpt_bench.errors import UserError

_ENOUGH, _FEWEST = 50, 3  # images that are looked at, and the fewest that decide
_SURE = 0.8  # share of them that must agree


def how_to_read(files: Mapping[str, Path], benchmark: Benchmark, layout: str) -> str | None:
    """How the squares of a folder become images of the benchmark's size, if tools write both kinds at this size.

    A margin shows something only where the real target has more than one colour near its sides: there, a squeezed image
    has it too, and a padded one has not. Pairs with other targets are not counted.

    Args:
        files: pair id -> file.
        benchmark: the benchmark with the pairs.
        layout: a key of `LAYOUTS`.

    Returns:
        "bicubic" for squeezed images; "crop" or, if they are as high as the benchmark's, None for padded ones; None if
        there is no square, or the benchmark has another size than those of `OTHER_SQUARES`.

    Raises:
        UserError: if the margins do not decide, or an image has a size that does not fit.
    """
    size = benchmark.image_size
    if size not in OTHER_SQUARES:
        return None
    pairs = [pair for pair in benchmark.pairs if pair.id in files]
    shapes = [read_header(files[pair.id])[0] for pair in pairs]
    panels = {pair: panel_size(shape, LAYOUTS[layout], size) for pair, shape in zip(pairs, shapes, strict=True)}
    for pair, shape in zip(pairs, shapes, strict=True):
        if panels[pair] is None:
            raise wrong_size(files[pair.id], shape, [layout], size, None)
    squares = [pair for pair in pairs if panels[pair] != size]
    if not squares:
        return None
    plain = [
        bool(has_plain_sides(cut(read_image(files[pair.id]), LAYOUTS[layout], LAYOUTS[layout].generated), size))
        for pair in _telling(squares, benchmark)
    ]
    padded, seen = sum(plain), len(plain)
    if seen >= _FEWEST and padded >= _SURE * seen:
        return CROP if any(panels[pair] != (size[0], size[0]) for pair in squares) else None
    if seen >= _FEWEST and seen - padded >= _SURE * seen:
        return "bicubic"
    first = files[squares[0].id]
    raise UserError(
        f"{first} and {len(squares) - 1} other images are squares, and their margins do not show whether they were "
        f"padded or squeezed ({padded} of {seen} are plain where the target's are not): give --resize crop if they "
        "were padded, --resize bicubic if they were squeezed."
    )


def _telling(pairs: list[Pair], benchmark: Benchmark) -> list[Pair]:
    """Pairs whose target has more than one colour near its sides, spread over the list."""
    side, found = benchmark.image_size[0], []
    for number in np.random.default_rng(0).permutation(len(pairs)):
        target = Image.fromarray(read_image(benchmark.folder / pairs[number].target))
        if has_plain_sides(np.asarray(target.resize((side, side))), benchmark.image_size) is False:
            found.append(pairs[number])
            if len(found) == _ENOUGH:
                break
    return found
