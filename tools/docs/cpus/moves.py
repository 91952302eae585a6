"""How far the scores and images of one model move between runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.images import read_image
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.reporting.formatting import score_format
from tools.docs.cpus.settings import FIRST, SETTINGS
from tools.docs.pages import table
from tools.docs.precision.rows import rounded_up

ALL = 15  # decimals: a float64 has no more


@dataclass(frozen=True)
class Move:
    """One score in several runs.

    Args:
        key: `protocol:variant:metric`.
        unit: "" for a number without a unit.
        value: the score of the run without a limit.
        printed: the decimals that tables print of it.
        away: setting -> the absolute difference of its score from that; None if it was not measured there.
        apart: the largest difference between the scores of any two runs on CPUs that can run all protocols.
        pair: the largest difference between the values of one pair in any two runs; None for one number of a set.
        moved: the number of pairs whose values differ, or that only some runs skip; None as above.
        n: the number of pairs that count in the run without a limit.
    """

    key: str
    unit: str
    value: float
    printed: int
    away: Mapping[str, float | None]
    apart: float
    pair: float | None
    moved: int | None
    n: int


def find_moves(records: Mapping[str, Record]) -> list[Move]:
    """The moves of all scores that tables show.

    Args:
        records: setting -> its record, all of one model.

    Raises:
        ValueError: if a run has a score without a value, or with another fingerprint.
    """
    return [_move(score, records) for score in records[FIRST].headlines if score.value is not None]


def _move(first: ScoreEntry, records: Mapping[str, Record]) -> Move:
    scores = {name: one for name, record in records.items() for one in record.scores if one.key == first.key}
    values = {name: one.value for name, one in scores.items() if one.value is not None}
    if len(values) < len(scores) or len({one.fingerprint for one in scores.values()}) > 1:
        raise ValueError(f"not all runs have a value of {first.key} with one fingerprint")
    metric = standing(records[FIRST], first).metric
    pair, moved = None, None
    if metric is not None and metric.per_pair:
        order = first.per_pair.index
        pair, moved = largest_spread(np.stack([one.per_pair.loc[order].to_numpy() for one in scores.values()]))
    printed = len(format(values[FIRST], score_format([values[FIRST]], metric)).partition(".")[2])
    away = {name: abs(values[name] - values[FIRST]) if name in values else None for name in records if name != FIRST}
    full = [value for name, value in values.items() if SETTINGS[name].complete]
    apart = max(full) - min(full)
    return Move(first.key, first.unit, values[FIRST], printed, away, apart, pair, moved, first.n)


def largest_spread(values: NDArray[np.float64]) -> tuple[float, int]:
    """By how much the values of a pair differ between runs.

    Args:
        values: (runs, pairs), NaN where a run skips a pair.

    Returns:
        The largest difference of one pair, among the runs that do not skip it; the number of pairs whose values are not
        the same in all runs.

    Examples:
        >>> largest_spread(np.array([[1.0, 2.0, np.nan, np.nan], [1.0, 2.5, np.nan, 3.0]]))
        (0.5, 2)
    """
    counted = np.isfinite(values)
    low = np.where(counted, values, np.inf).min(0)
    high = np.where(counted, values, -np.inf).max(0)
    spread = np.where(counted.any(0), high - low, 0.0)
    return float(spread.max()), int(((spread > 0) | (counted.any(0) & ~counted.all(0))).sum())


def decimals_that_hold(apart: float) -> int:
    """How many decimals of a score hold: the score moves by at most half a unit of the last one.

    Two such scores, rounded, are equal or differ by one unit of the last decimal.

    Args:
        apart: the largest difference between two runs, at least 0.

    Returns:
        At most `ALL`; negative if not even whole numbers hold.

    Examples:
        >>> [decimals_that_hold(apart) for apart in (0.0, 0.5, 0.05, 0.051, 3e-5, 6.0)]
        [15, 0, 1, 0, 4, -2]
    """
    return ALL if apart == 0 else min(ALL, math.floor(-math.log10(2 * apart) + 1e-9))


@dataclass(frozen=True)
class Repainted:
    """How the generated images of two runs differ.

    Args:
        images: the number of images.
        changed: the number of images with any difference.
        values: the share of values (pixels times channels) that differ.
        levels: the largest difference of a value, of 255 levels.
    """

    images: int
    changed: int
    values: float
    levels: int


def compare_images(first: Path, other: Path) -> Repainted:
    """Compare the images of two runs.

    Args:
        first: the folder of the images of one run.
        other: that of the other run, whose images are all or some of them.
    """
    names = sorted(path.name for path in other.glob("*.png"))
    changed, differ, count, levels = 0, 0, 0, 0
    for name in names:
        apart = np.abs(read_image(first / name).astype(np.int16) - read_image(other / name))
        changed += bool(apart.any())
        differ += int((apart > 0).sum())
        count += apart.size
        levels = max(levels, int(apart.max()))
    return Repainted(len(names), changed, differ / count, levels)


def images_table(found: Mapping[str, Mapping[str, Repainted]]) -> str:
    """The Markdown table of how the images change.

    Args:
        found: model -> setting -> the comparison with the run without a limit.
    """
    rows = [
        [model, SETTINGS[name].title, f"{one.changed} of {one.images}", f"{one.values * 1e6:,.1f}", one.levels]
        for model, settings in found.items()
        for name, one in settings.items()
    ]
    head = ["model", "setting", "images that change", "values that change, of a million", "largest change, of 255"]
    return table(head, rows)


def moves_table(moves: Sequence[Move]) -> str:
    """The Markdown table of the moves of one model.

    Args:
        moves: from `find_moves`.
    """
    names = list(moves[0].away)
    rows = [
        [
            f"`{move.key}`", f"{move.value:.{move.printed}f} {move.unit}".rstrip(),
            "" if move.moved is None else f"{move.moved} of {move.n}",
            "" if move.pair is None else rounded_up(move.pair, ""),
            *("" if (away := move.away[name]) is None else rounded_up(away, "") for name in names),
            "all" if (holds := decimals_that_hold(move.apart)) == ALL else holds, move.printed,
        ]
        for move in moves
    ]  # fmt: skip
    titles = [SETTINGS[name].title for name in names]
    return table(["score", "value", "pairs that move", "largest move of a pair", *titles, "hold", "printed"], rows)
