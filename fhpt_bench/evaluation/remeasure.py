"""Measuring the images of a record again, to see whether its numbers belong to them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from fhpt_bench.benchmark import benchmarks
from fhpt_bench.errors import UserError, name_some
from fhpt_bench.evaluation.engine import evaluate
from fhpt_bench.protocol import protocols
from fhpt_bench.records.schema import Record
from fhpt_bench.records.validation.checks import Check, judge

# Chosen, not measured: room for networks on another kind of CPU, and for one pair of a share.
_TOLERANCE = 2e-3


def remeasure(record: Record, data_root: Path | None = None, progress: bool = False) -> list[Check]:
    """Measure a record's images with the installed protocols, and compare the scores.

    Nothing is written into the record's folder. Only registered benchmarks and protocols are used, since a path in a
    record could run code.

    Args:
        record: a record in its folder, with its generated images in `images/`.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        progress: show progress bars.

    Returns:
        What belongs to the images, what does not, and what cannot be measured here.
    """
    part, folder = record.benchmark, (record.folder or Path()) / "images"
    chosen = [f"{card.id}:{card.variant}" for card in record.protocols if card.id in protocols.entries()]
    if not folder.is_dir() or part.id not in benchmarks.entries() or not chosen:
        return [Check("cannot", "measured again", "its images, its benchmark or its protocols are not here")]
    try:
        with tempfile.TemporaryDirectory() as place:
            again = evaluate(
                folder, "again", part.id, chosen, data_root=data_root, subset=part.subset, limit=part.limit,
                out=Path(place) / "run", progress=progress, layout="plain", allow_missing=part.missing > 0,
            )  # fmt: skip
    except UserError as error:
        return [Check("cannot", "measured again", str(error))]
    differing, unknown = list(_differing(record, again)), list(_unknown(record, again))
    same = sum(score.status == "ok" for score in record.scores) - len(differing) - len(unknown)
    checks = judge("measured again", differing, f"{same} scores belong to the images")
    if unknown:
        detail = f"another fingerprint or no value here: {name_some(unknown, 10)}"
        checks.append(Check("cannot", "measured again", detail))
    return checks


def _unknown(record: Record, again: Record) -> Iterator[str]:
    found = {score.key: score for score in again.scores}
    for score in record.scores:
        here = found.get(score.key)
        if score.status == "ok" and (here is None or here.value is None or here.fingerprint != score.fingerprint):
            yield score.key


def _differing(record: Record, again: Record) -> Iterator[str]:
    unknown, found = set(_unknown(record, again)), {score.key: score for score in again.scores}
    for score in record.scores:
        if score.value is None or score.key in unknown:
            continue
        value = found[score.key].value or 0.0
        if abs(score.value - value) > _TOLERANCE * max(abs(score.value), abs(value)) + 1 / max(score.n, 1):
            yield f"{score.key} is {score.value!r}, its images give {value!r}"
