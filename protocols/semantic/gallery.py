"""Figure of a retrieval gallery: queries and the images that they retrieved, marked as right or wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fhpt_bench.data.images import encode_png
from fhpt_bench.reporting.contact_sheet import image_grid, scaled

_WIDTH, _FRAME, _STRIP = 128, 4, 18
# Bluish green and vermillion: Okabe and Ito, Color Universal Design (2008).
_RIGHT, _WRONG, _PLAIN = (0, 140, 105), (213, 94, 0), (255, 255, 255)
_TICK = ((-7, 0), (-2, 5), (7, -5))
_CROSS = ((-5, -5), (5, 5)), ((-5, 5), (5, -5))

Image8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Query:
    """One row of a gallery figure.

    Args:
        generated: (H, W, 3) uint8, the query.
        target: (H, W, 3) uint8, the target image of the pair.
        found: (H, W, 3) uint8 images, best first, and whether each is right.
        caption: text above the row.
    """

    generated: Image8
    target: Image8
    found: Sequence[tuple[Image8, bool]]
    caption: str


def spread(people: NDArray[np.str_], counts: NDArray[np.bool_], most: int = 6) -> list[int]:
    """Choose pairs spread evenly over the people and over each person's pairs; the same pairs for every model.

    Args:
        people: (n,) person of each pair.
        counts: (n,) which pairs may be chosen.
        most: maximum number of pairs.

    Returns:
        Positions of the chosen pairs, at most one per person.

    Examples:
        >>> spread(np.array(["a", "a", "b", "b"]), np.array([True, True, True, True]))
        [0, 3]
    """
    known = np.unique(people[counts])
    chosen = known[np.linspace(0, len(known) - 1, min(most, len(known))).round().astype(int)]
    rows = [np.flatnonzero(counts & (people == person)) for person in chosen]
    return [int(of[number * len(of) // len(rows)]) for number, of in enumerate(rows)]


def draw_gallery(queries: Sequence[Query], depth: int, heading: str) -> bytes:
    """Draw each query, its target and the images it retrieved, like Fig. 9 of Yang et al., arXiv:2005.12494.

    Args:
        queries: at least one.
        depth: number of columns of retrieved images; with fewer images the last columns are empty.
        heading: title of the figure.

    Returns:
        A PNG file: each retrieved image has a tick on green or a cross on orange below it.
    """
    rows = [
        [
            framed(query.generated, None),
            framed(query.target, None),
            *(framed(image, right) for image, right in query.found),
        ]
        for query in queries
    ]
    titles = ["generated", "target", *(str(rank) for rank in range(1, depth + 1))]
    return encode_png(image_grid(rows, titles, heading, [query.caption for query in queries]))


def framed(image: Image8, right: bool | None) -> Image8:
    """An image in a coloured frame with a tick or cross below; in a white frame if `right` is None.

    Args:
        image: (H, W, 3) uint8.
        right: whether it is a correct result; None for a query.

    Returns:
        (h, w, 3) uint8.
    """
    small = scaled(image, _WIDTH)
    ground = _PLAIN if right is None else _RIGHT if right else _WRONG
    tile = Image.new("RGB", (_WIDTH + 2 * _FRAME, small.shape[0] + _FRAME + _STRIP), ground)
    tile.paste(Image.fromarray(small), (_FRAME, _FRAME))
    draw = ImageDraw.Draw(tile)
    for stroke in () if right is None else (_TICK,) if right else _CROSS:
        points = [(tile.width // 2 + x, tile.height - _STRIP // 2 + y) for x, y in stroke]
        draw.line(points, fill=(255, 255, 255), width=3)
    return np.asarray(tile)
