"""The paired difference of the Fréchet distances of two runs: `python -m tools.reference.frechet_difference A B`.

`fhpt-bench compare` has only the records, and compares two intervals. With the images of both runs the jackknife can
leave out the same people on both sides, and what both sets share falls out of the difference.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.evaluation.feature_cache import CachedFeature
from fhpt_bench.records.schema import read_record
from fhpt_bench.statistics import Interval, block_jackknife
from protocols.perceptual.embedding import EFFICIENTNET
from protocols.perceptual.frechet import frechet_distance


def paired_difference(a: Path, b: Path, benchmark: Benchmark) -> tuple[float, float, Interval | None]:
    """Compare the canonical Fréchet distances on EfficientNet-lite0 of two runs.

    Args:
        a: folder of a run on all pairs, with its images.
        b: folder of another one.
        benchmark: their benchmark.

    Returns:
        The distance of `a`, that of `b`, and the 95 % interval of a - b over people; None under 10 people.

    Raises:
        UserError: if an image is missing or damaged.
    """
    feature = CachedFeature(EFFICIENTNET.feature, "cpu")

    def vector(file: Path) -> NDArray[np.float32]:
        return feature(read_image(file, benchmark.image_size))[: EFFICIENTNET.pooled]

    pairs = sorted(benchmark.pairs, key=lambda pair: pair.id)
    people = np.array([pair.person for pair in pairs])
    first = {pair.target: place for place, pair in reversed([*enumerate(pairs)])}
    rows = np.array([first[name] for name in sorted(first)])  # each target image once
    real = np.stack([vector(benchmark.folder / pairs[row].target) for row in rows])
    ours = [np.stack([vector(run / "images" / f"{pair.id}.png") for pair in pairs]) for run in (a, b)]

    def distances(keep: NDArray[np.bool_]) -> list[float]:
        return [frechet_distance(vectors[keep], real[keep[rows]]) for vectors in ours]

    def difference(keep: NDArray[np.bool_]) -> float:
        of_a, of_b = distances(keep)
        return of_a - of_b

    of_a, of_b = distances(np.ones(len(pairs), bool))
    return of_a, of_b, block_jackknife(difference, people)


@click.command()
@click.argument("a", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("b", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(a: Path, b: Path) -> None:
    """Print the Fréchet distances of the runs A and B, and the 95 % interval of their difference."""
    part = read_record(a).benchmark
    of_a, of_b, interval = paired_difference(a, b, load_benchmark(part.id, limit=part.limit))
    reach = f" [{interval.low:.2f}, {interval.high:.2f}], {interval.method}" if interval else ""
    click.echo(f"{of_a:.2f} - {of_b:.2f} = {of_a - of_b:+.2f}{reach}")


if __name__ == "__main__":
    main()
