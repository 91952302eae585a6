"""`python -m tools.docs.random_pairs RUN`: the contact sheet of a trained model for the documents.

RUN is the folder of `fhpt-bench run --model MODEL` on studio; the sheet is docs/images/MODEL-random.jpg.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.records.schema import read_record
from fhpt_bench.reporting.contact_sheet import image_grid

IMAGES = Path(__file__).parents[2] / "docs" / "images"
PAIRS, COLUMNS, SEED = 24, 4, 7


def random_pairs(run: Path, model: str) -> NDArray[np.uint8]:
    """Make a contact sheet of source, generated image and target of 24 pairs, drawn with a fixed seed.

    Args:
        run: folder of a run on studio.
        model: name of its model.
    """
    benchmark = load_benchmark("studio")
    drawn = np.random.default_rng(SEED).permutation(len(benchmark.pairs))[:PAIRS]
    tiles = []
    for pair in (benchmark.pairs[i] for i in drawn):
        files = (benchmark.folder / pair.source, run / "images" / f"{pair.id}.png", benchmark.folder / pair.target)
        tiles.append([read_image(file) for file in files])
    rows = [[tile for three in tiles[i : i + COLUMNS] for tile in three] for i in range(0, PAIRS, COLUMNS)]
    return image_grid(rows, ("source", model, "target") * COLUMNS)


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(run: Path) -> None:
    """Draw the contact sheet of RUN."""
    name = read_record(run).model.name
    Image.fromarray(random_pairs(run, name)).save(IMAGES / f"{name}-random.jpg", quality=85)


if __name__ == "__main__":
    main()
