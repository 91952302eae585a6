"""Names and numbers of records as text; a record may come from anybody, so its names are not trusted."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fhpt_bench.errors import count_and_name, plain
from fhpt_bench.records.schema import ModelPart


def number_format(values: Iterable[float], digits: int) -> str:
    """A format for numbers that stand below each other: as many decimals as give the largest so many digits.

    Args:
        values: all that are to be printed.
        digits: significant digits of the largest one, at least 1.

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
    if not -6 <= exponent <= 6:
        return f".{digits - 1}e"
    return f"z.{max(0, digits - 1 - exponent)}f"


def model_label(model: ModelPart) -> str:
    """A model's name with what a reader must know to judge its numbers.

    Args:
        model: of a record.

    Returns:
        The name; `(oracle)` if it sees the target; what it is told beyond the pose; the codec of its images if lossy;
        whether they were resized.
    """
    told = [item for item in model.conditioning if item != "pose"]
    badges = [
        "(oracle)" if model.oracle else "",
        f"(told {', '.join(told)})" if told else "",
        f"[{model.codec.upper()}]" if model.codec != "png" else "",
        "[RESIZED]" if model.folder and any("resized" in size for size in model.folder.sizes) else "",
    ]
    return plain(" ".join([model.name, *filter(None, badges)]))


def folder_notes(model: ModelPart) -> list[str]:
    """What is to be said of images that were made elsewhere; nothing of a model that was run.

    Args:
        model: of a record.

    Returns:
        A sentence a line: layout, sizes and codec; pairs and files that did not match; what is doubtful.
    """
    folder = model.folder
    if folder is None:
        return []
    sizes = "; ".join(f"{count} images of {size}" for size, count in folder.sizes.items())
    lines = [f"Layout {folder.layout}: {sizes}; {model.codec.upper()}."]
    if folder.missing:
        lines.append(
            f"{count_and_name(folder.missing, 'pair')} left out for want of an image: another setting than the whole."
        )
    if folder.extra:
        lines.append(f"{count_and_name(folder.extra, 'file')} left out, of no pair.")
    return [plain(line) for line in (*lines, *folder.remarks)]
