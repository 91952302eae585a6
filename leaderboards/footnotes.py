"""The footnotes of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from fhpt_bench.data.images import is_lossy
from fhpt_bench.errors import plain
from fhpt_bench.records.schema import Record
from fhpt_bench.reporting.formatting import number_format
from fhpt_bench.weights import overridden
from leaderboards.columns import Column, sees_pose
from leaderboards.measured import origin_of
from leaderboards.ranking import Ranking


def footnotes(
    columns: Sequence[Column], rankings: Sequence[Ranking], records: Sequence[Record], labels: Sequence[str]
) -> list[str]:
    """What a reader must know to read a table; only the notes that apply to it.

    Args:
        columns: the columns of the table.
        rankings: one per column.
        records: one per row.
        labels: one per row.
    """
    return [
        *_about_ranks(columns, rankings),
        *_about_ties(columns, rankings, labels),
        *_about_poses(columns),
        *_about_fingerprints(columns),
        *_about_weights(records, labels),
        *_about_cells(rankings, records, labels),
    ]


def _about_ranks(columns: Sequence[Column], rankings: Sequence[Ranking]) -> Iterator[str]:
    ranked = [any(cell and cell.rank for cell in ranking.cells) for ranking in rankings]
    if any(ranked):
        yield (
            "(rank): 1 + the number of models that are significantly better: the 95 % interval of the paired "
            "difference, over the people of the pairs that both models have, excludes 0, also after Holm's correction "
            "for all comparisons of the column; = marks a shared rank, * or bold marks rank 1."
        )
    whole = [c.name for c, r, is_ranked in zip(columns, rankings, ranked, strict=True) if is_ranked and not r.paired]
    if whole:
        yield (
            f"{', '.join(whole)}: scores of the whole set; a model is better if the 95 % intervals do not overlap, "
            "which is stricter."
        )
    why = defaultdict(list)
    for column, ranking in zip(columns, rankings, strict=True):
        if ranking.reason:
            why[ranking.reason].append(column.name)
    for reason, names in why.items():
        yield f"{', '.join(names)}: no ranks, because the models cannot be compared ({reason})."


def _about_ties(columns: Sequence[Column], rankings: Sequence[Ranking], labels: Sequence[str]) -> Iterator[str]:
    """The two best models of each column that cannot be told apart, and the difference that so many pairs can show."""
    parts = []
    for column, ranking in zip(columns, rankings, strict=True):
        if (tie := ranking.tie) is not None:
            spec = number_format([tie.power.smallest], 2)
            names = " and ".join(labels[row] for row in tie.rows)
            parts.append(f"{column.name} at n = {tie.power.n}: {names} ({tie.power.smallest:{spec}})")
    if parts:
        yield (
            "The two best cannot be told apart, and the smallest true difference that so many pairs show with a "
            f"probability of 80 % (`fhpt-bench power`): {'; '.join(parts)}."
        )


def _about_poses(columns: Sequence[Column]) -> Iterator[str]:
    blind = [column.name for column in columns if not sees_pose(column.key)]
    if blind:
        yield f"{', '.join(blind)}: cannot see the pose; a copy of the source image can have a good value."


def _about_fingerprints(columns: Sequence[Column]) -> Iterator[str]:
    groups = [(key, list(group)) for key, group in groupby(columns, key=lambda column: column.key)]
    split = [f"{plain(key)} (#{' #'.join(c.tag for c in group)})" for key, group in groups if len(group) > 1]
    if split:
        yield (
            f"{', '.join(split)}: measured with several fingerprints (another version, data or weights). Their values "
            "cannot be compared, so each fingerprint has its own column."
        )


def _about_weights(records: Sequence[Record], labels: Sequence[str]) -> Iterator[str]:
    for record, label in zip(records, labels, strict=True):
        digests = {**record.provenance.weights, **record.model.trained}
        if names := sorted({*record.provenance.overrides, *overridden(digests)}):
            yield plain(f"{label}: uses other weights than the pinned ones of {', '.join(names)}.")


def _about_cells(rankings: Sequence[Ranking], records: Sequence[Record], labels: Sequence[str]) -> Iterator[str]:
    scores = [cell.score for ranking in rankings for cell in ranking.cells if cell]
    total = records[0].benchmark.n_pairs
    origins = {origin_of(record) for record in records}
    applies = {
        "[low, high]: 95 % interval.": any(score.interval for score in scores),
        f"n: number of pairs or images behind a value, if it is not {total}.": any(
            score.value is not None and score.n != total for score in scores
        ),
        "A value without an interval (fewer than 10 people, or no interval is defined) is not ranked.": any(
            score.value is not None and score.interval is None for score in scores
        ),
        "No intervals: the benchmark does not name its people (people = FILE in the benchmark file).": any(
            record.benchmark.people == 0 for record in records
        ),
        "(reference): ships with this package (`--no-reference` leaves it out).": "reference" in origins,
        "(submission): sent by somebody else; `validate FILE` says what cannot be checked.": "submission" in origins,
        "(oracle): uses the target image; never ranked.": any(record.model.oracle for record in records),
        "(given ...): is given more than the source image and both poses.": any(
            set(record.model.conditioning) - {"pose"} for record in records
        ),
        "[JPEG], [WEBP]: measured on images that were stored with lossy compression.": any(
            is_lossy(record.model.codec) for record in records
        ),
        "[RESIZED]: measured on images that were generated at another size.": any(
            "[RESIZED]" in label for label in labels
        ),
        "[RANGE]: the values of the model's output do not look like [-1, 1]; what is outside was clipped.": any(
            record.model.output_range for record in records
        ),
        "failed, skipped: the reason is in the record and in --format csv.": any(
            score.value is None for score in scores
        ),
    }
    yield from (note for note, holds in applies.items() if holds)
