"""The figures of a run: the contact sheet, each protocol's best and worst pairs, and the protocols' own figures."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.data.images import encode_png
from fhpt_bench.errors import plain
from fhpt_bench.evaluation.measurement import Measurement
from fhpt_bench.files import file_name, is_disk_failure
from fhpt_bench.progress import progress_bar
from fhpt_bench.protocol import Exhibits, Interval, Score
from fhpt_bench.records.schema import RECORD_FILE, Record, ScoreEntry, read_record
from fhpt_bench.reporting.contact_sheet import CONTACT_SHEET, FIGURES, contact_sheet
from fhpt_bench.reporting.formatting import model_label, number_format

if TYPE_CHECKING:
    import pandas as pd

    from fhpt_bench.benchmark import Pair
    from fhpt_bench.evaluation.plan import Step

_SHEET_ROWS = 6
_EXTREMES = 3
log = logging.getLogger(__name__)


def write_figures(
    measurement: Measurement, entries: Sequence[ScoreEntry], tables: Mapping[str, pd.DataFrame], progress: bool
) -> None:
    """Draw the figures of a run; they replace those of an earlier attempt.

    An error of a plugin costs one figure and is logged as a warning; it never costs a score.

    Args:
        measurement: after `collect`.
        entries: the record's scores.
        tables: score key -> values by pair.
        progress: show a progress bar.

    Raises:
        UserError: if the disk is full or fails.
    """
    folder = measurement.folder
    with _without_failing("Earlier figures are kept"):
        folder.remove(f"{FIGURES}/*.png")
    others = _neighbouring_records(measurement.folder.path)
    keys = [step.protocol.card.key for step in measurement.plan]
    scores = {
        key: {e.metric: e for e in entries if f"{e.protocol}:{e.variant}" == key and e.value is not None}
        for key in keys
    }
    sheets = _sheets(measurement, scores.values(), tables)
    # Contact sheets are made in a second thread while plots are drawn. Two plots at once would not be safe.
    with (
        ThreadPoolExecutor(1, "sheet") as thread,
        progress_bar("figures", len(measurement.plan) + len(sheets), progress) as done,
    ):
        made = [thread.submit(sheet.make) for sheet in sheets]
        for step in measurement.plan:
            key = step.protocol.card.key
            with _without_failing(f"Figures of {key} are left out"):
                if own := scores[key]:
                    drawn = step.protocol.draw(measurement.evidence(step), _exhibits(measurement, step, own, others))
                    for name, png in drawn.items():
                        folder.write(f"{FIGURES}/{file_name(f'{key}_{name}.png')}", png)
            done(1)
        for sheet, future in zip(sheets, made, strict=True):
            with _without_failing(sheet.without):
                folder.write(sheet.name, future.result())
            done(1)


@dataclass(frozen=True)
class _Sheet:
    """A contact sheet that is to be made: its file, what is said if it fails, and what makes it."""

    name: str
    without: str
    make: Callable[[], bytes]


def _sheets(
    measurement: Measurement, scores: Iterable[Mapping[str, ScoreEntry]], tables: Mapping[str, pd.DataFrame]
) -> list[_Sheet]:
    """The overview, and the best and worst pairs of each protocol by its first metric that has values by pair."""
    found = [_Sheet(CONTACT_SHEET, f"{CONTACT_SHEET} is left out", functools.partial(_overview, measurement))]
    for own in scores:
        headline = next((entry for entry in own.values() if entry.key in tables), None)
        if headline is not None:
            make = functools.partial(_extremes, measurement, headline, tables[headline.key])
            name = f"{FIGURES}/{file_name(f'{headline.key}_best-worst.png')}"
            found.append(_Sheet(name, f"Best and worst pairs of {headline.key} are left out", make))
    return found


def best_and_worst(table: pd.DataFrame, higher_is_better: bool, count: int = _EXTREMES) -> tuple[list[str], list[str]]:
    """The best and the worst pairs of a metric; no pair is in both lists.

    Args:
        table: index = pair id; columns value, skipped ("" if the pair counts).
        higher_is_better: the metric's direction.
        count: pairs per list at most.

    Returns:
        Ids of the best pairs, best first, and of the worst pairs, worst first.

    Examples:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"value": [0.2, 0.9, 0.5], "skipped": ""}, ["a", "b", "c"])
        >>> best_and_worst(table, higher_is_better=True)
        (['b', 'c'], ['a'])
    """
    counted = table.loc[table["skipped"] == "", "value"]
    order = counted.sort_values(ascending=not higher_is_better, kind="stable").index.tolist()
    best = order[: min(count, (len(order) + 1) // 2)]
    return best, order[len(best) :][: -count - 1 : -1]


def _extremes(measurement: Measurement, score: ScoreEntry, table: pd.DataFrame) -> bytes:
    best, worst = best_and_worst(table, score.higher_is_better)
    spec = number_format(table.loc[[*best, *worst], "value"], 4)
    named = [(f"best {i}", pair) for i, pair in enumerate(best, start=1)]
    named += [(f"worst {i}", pair) for i, pair in enumerate(worst, start=1)]
    captions = [f"{place}: {table['value'][pair]:{spec}} {score.unit}".rstrip() + f"  {pair}" for place, pair in named]
    direction = "higher" if score.higher_is_better else "lower"
    heading = f"{score.label} ({score.variant}), {direction} is better: best and worst of {score.n} pairs"
    known = {pair.id: pair for pair in measurement.benchmark.pairs}
    return _sheet(measurement, [known[pair] for _, pair in named], plain(heading), [plain(text) for text in captions])


def _overview(measurement: Measurement) -> bytes:
    """A contact sheet of a few pairs, spread over the list."""
    pairs = measurement.benchmark.pairs
    chosen = np.linspace(0, len(pairs) - 1, min(_SHEET_ROWS, len(pairs))).round().astype(int)
    return _sheet(measurement, [pairs[i] for i in chosen])


def _sheet(
    measurement: Measurement, pairs: Sequence[Pair], heading: str = "", captions: Sequence[str] | None = None
) -> bytes:
    rows = []
    for pair in pairs:
        source, target = measurement.real.stack([pair.source, pair.target])
        generated = measurement.generated.images(0, [pair])[0]
        rows.append((source, measurement.benchmark.poses[pair.target], generated, target))
    return encode_png(contact_sheet(rows, model_label(measurement.generated.card), heading, captions))


def _neighbouring_records(folder: Path) -> list[Record]:
    """The records of the other runs in the parent folder, by name; unreadable ones are left out."""
    here, found = folder.resolve(), []
    for file in sorted({file.resolve() for file in here.parent.glob(f"*/{RECORD_FILE}")}):
        if file.parent != here:
            with _without_failing(f"{file} is left out of figures"):
                found.append(read_record(file))
    return found


def _exhibits(
    measurement: Measurement, step: Step, own: Mapping[str, ScoreEntry], others: Sequence[Record]
) -> Exhibits:
    scores: dict[str, Mapping[str, Score]] = {
        model_label(measurement.generated.card): {metric: as_score(entry) for metric, entry in own.items()}
    }
    for record in others:
        comparable = {
            score.metric: as_score(score)
            for score in record.scores
            if score.fingerprint == step.fingerprint and score.value is not None
        }
        if comparable:
            label = model_label(record.model)
            place = record.folder.name if record.folder else ""
            scores[plain(f"{label} in {place}") if label in scores else label] = comparable
    return Exhibits(scores, lambda pairs: measurement.generated.images(0, pairs), measurement.real.stack)


def as_score(entry: ScoreEntry) -> Score:
    """A record's score in the form that protocols use, without values by pair.

    Args:
        entry: the score.
    """
    interval = Interval(*entry.interval) if entry.interval else None
    return Score(entry.metric, entry.value, entry.n, None, interval, entry.skipped, entry.details)


@contextmanager
def _without_failing(what: str) -> Iterator[None]:
    """Continue without a figure if a plugin's drawing raises."""
    try:
        yield
    except Exception as error:
        if is_disk_failure(error):
            raise
        log.warning("%s: %s", what, plain(f"{type(error).__name__}: {error}"))
