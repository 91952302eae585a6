"""Names and numbers of records as text; records may come from strangers, so their names are not trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fhpt_bench.data.images import is_lossy
from fhpt_bench.errors import count_and_name, plain
from fhpt_bench.records.schema import BenchmarkPart, ModelPart

if TYPE_CHECKING:
    from fhpt_bench.protocol import MetricCard

DIGITS = 4  # of a score


def score_format(values: Iterable[float], metric: MetricCard | None, digits: int = DIGITS) -> str:
    """A format for scores of one metric, without decimals that differ between CPUs.

    Args:
        values: all scores that are printed in it.
        metric: the installed card; None if there is none.
        digits: significant digits of the largest one, unless the card allows fewer.

    Returns:
        A format specification.

    Examples:
        >>> from fhpt_bench.protocol import MetricCard
        >>> cards = [MetricCard("a", "A", True), MetricCard("b", "B", True, decimals=2)]
        >>> [score_format([0.71], card) for card in cards]
        ['z.4f', 'z.2f']
    """
    return number_format(values, digits, metric.decimals if metric else None)


def number_format(values: Iterable[float], digits: int, most: int | None = None) -> str:
    """A format for a column of numbers: the number of decimals that gives the largest one the wanted digits.

    Args:
        values: all numbers of the column.
        digits: significant digits of the largest one, at least 1.
        most: the most decimals; None for any number.

    Returns:
        A format specification; a rounded zero never gets a minus sign.

    Examples:
        >>> [format(value, number_format([0.71, 0.0051], 3)) for value in (0.71, 0.0051)]
        ['0.710', '0.005']
        >>> format(28.131, number_format([28.131], 4))
        '28.13'
    """
    largest = max(map(abs, values), default=0.0)
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    decimals = max(0, digits - 1 - exponent)
    if most is not None and decimals > most:
        return f"z.{most}f"
    return f"z.{decimals}f" if -6 <= exponent <= 6 else f".{digits - 1}e"


def model_label(model: ModelPart) -> str:
    """A model's name with what a reader must know to interpret its scores.

    Args:
        model: the model part of a record.

    Returns:
        The name; `(oracle)` if it sees the target; what it is given in addition to image and poses; the codec of
        its images if lossy; whether the values of its output are doubtful; whether they were resized.
    """
    return plain(" ".join([model.name, *(f"[{text}]" if text.isupper() else f"({text})" for text in badges(model))]))


def badges(model: ModelPart) -> list[str]:
    """What a reader must know of a model to interpret its scores; see `model_label`.

    Args:
        model: the model part of a record.
    """
    given = [item for item in model.conditioning if item != "pose"]
    found = [
        "oracle" if model.oracle else "",
        f"given {', '.join(given)}" if given else "",
        model.codec.upper() if is_lossy(model.codec) else "",
        "RANGE" if model.output_range else "",
        "RESIZED" if model.folder and any("resized" in size for size in model.folder.sizes) else "",
    ]
    return [plain(text) for text in found if text]


def describe_pairs(benchmark: BenchmarkPart) -> str:
    """The benchmark and the pairs that were measured, in words.

    Args:
        benchmark: the benchmark part of a record.

    Returns:
        Such as "studio 1.0: 97 pairs, subset men, limit 100, 3 pairs missing".
    """
    parts = [
        f"{benchmark.id} {benchmark.version}: {benchmark.n_pairs} pairs",
        f"subset {benchmark.subset}" if benchmark.subset else "",
        f"limit {benchmark.limit}" if benchmark.limit else "",
        f"{benchmark.missing} pairs missing" if benchmark.missing else "",
    ]
    return plain(", ".join(filter(None, parts)))


def folder_notes(model: ModelPart) -> list[str]:
    """Notes on generated images that were read from a folder; none for a model that was run.

    Args:
        model: the model part of a record.

    Returns:
        One sentence per line: layout, sizes and codec; pairs and files without a match; what is doubtful.
    """
    folder = model.folder
    if folder is None:
        return []
    sizes = "; ".join(f"{count} images of {size}" for size, count in folder.sizes.items())
    lines = [f"Layout {folder.layout}: {sizes}; {model.codec.upper()}."]
    if folder.missing:
        pairs = count_and_name(folder.missing, "pair")
        lines.append(f"Without a generated image: {pairs}. The scores are not comparable with those of all pairs.")
    if folder.extra:
        lines.append(f"Ignored, because no pair has this name: {count_and_name(folder.extra, 'file')}.")
    return [plain(line) for line in (*lines, *folder.remarks)]


def format_duration(seconds: float) -> str:
    """Format a duration in its two largest units.

    Examples:
        >>> [format_duration(s) for s in (12.4, 75, 3 * 3600 + 59, 200_000)]
        ['12 s', '1 min 15 s', '3 h 1 min', '2 d 8 h']
    """
    for unit, size, below, name in (("d", 86400, 3600, "h"), ("h", 3600, 60, "min"), ("min", 60, 1, "s")):
        if seconds >= size:
            whole, rest = divmod(round(seconds / below), size // below)
            return f"{whole} {unit} {rest} {name}"
    return f"{seconds:.0f} s"
