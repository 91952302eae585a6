"""From evidence to files: scores, the table of pairs, the record and the figures."""

from __future__ import annotations

import dataclasses
import functools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fhpt_bench.errors import with_location
from fhpt_bench.evaluation.figures import write_figures
from fhpt_bench.evaluation.finished import Work
from fhpt_bench.evaluation.measurement import Measurement
from fhpt_bench.evaluation.provenance import provenance
from fhpt_bench.evaluation.run_folder import RunFolder
from fhpt_bench.evaluation.score_contract import broken_contract
from fhpt_bench.files import sha256_bytes
from fhpt_bench.protocol import Evidence, MetricCard, ProtocolCard, Score
from fhpt_bench.records.pair_table import PAIRS_FILE, images_digest, pair_table
from fhpt_bench.records.schema import (
    RECORD_FILE,
    SCHEMA_VERSION,
    BenchmarkPart,
    CardPart,
    PairsPart,
    Record,
    ScoreEntry,
    ShardPart,
    Stage,
)
from fhpt_bench.reporting.variants import VARIANTS_FILE, variants_text

if TYPE_CHECKING:
    import pandas as pd

    from fhpt_bench.evaluation.plan import Step


def write_results(
    measurement: Measurement,
    part: BenchmarkPart,
    progress: bool,
    shards: Sequence[ShardPart] = (),
    figures: bool = True,
) -> Record:
    """Compute the scores and write the run's files.

    Args:
        measurement: after `gather` in all processes.
        part: what the record says of the benchmark.
        progress: show a progress bar.
        shards: the jobs that have measured the pairs, if there were several.
        figures: draw the figures.

    Returns:
        The record.

    Raises:
        UserError: if a file cannot be written.
    """
    benchmark, folder = measurement.benchmark, measurement.folder
    stages = measurement.collect()
    entries: list[ScoreEntry] = []
    tables: dict[str, pd.DataFrame] = {}
    for step in measurement.plan:
        start = time.perf_counter()
        reason = measurement.accounting.failed.get(step.protocol.card.key)
        for entry, table in score_step(step, reason, functools.partial(measurement.evidence, step)):
            entries.append(entry)
            if table is not None:
                tables[entry.key] = table
        stages[f"score {step.protocol.card.key}"] = Work(time.perf_counter() - start)
    measurement.book_read(stages)
    start = time.perf_counter()
    table = pair_table([p.id for p in benchmark.pairs], [p.person for p in benchmark.pairs], tables)
    content = table.to_csv(lineterminator="\n").encode()
    folder.write(PAIRS_FILE, content)
    stages["write"] = Work(time.perf_counter() - start)
    record = Record(
        schema_version=SCHEMA_VERSION,
        run_id=folder.run_id,
        benchmark=part,
        model=measurement.generated.card.model_copy(
            update={"output_range": measurement.output_range, "batch_size": measurement.drawn_batch_size}
        ),
        provenance=provenance(
            measurement.plan, stages, measurement.processes.count, measurement.accounting.device, shards
        ),
        protocols=tuple(_card(step.card) for step in measurement.plan),
        stages=tuple(
            Stage(
                name=name, seconds=round(work.seconds, 3), images=work.images, forwards=work.forwards,
                devices=work.devices,
            )
            for name, work in stages.items()
        ),
        pairs=PairsPart(
            file=PAIRS_FILE, sha256=sha256_bytes(content), rows=len(benchmark.pairs),
            images_sha256=images_digest(measurement.image_digests),
        ),
        scores=tuple(entries),
    )  # fmt: skip
    _write(record, folder)
    folder.remove(VARIANTS_FILE)
    if text := variants_text(record):
        folder.write(VARIANTS_FILE, text.encode())
    if not figures:
        return record.placed(folder.path)
    # The record is written before the figures are drawn, and again with the time that they took.
    start = time.perf_counter()
    write_figures(measurement, entries, tables, progress)
    drawing = Stage(name="figures", seconds=round(time.perf_counter() - start, 3), images=0, forwards=0)
    record = record.model_copy(update={"stages": (*record.stages, drawing)})
    _write(record, folder)
    return record.placed(folder.path)


def _write(record: Record, folder: RunFolder) -> None:
    folder.write(RECORD_FILE, f"{record.model_dump_json(indent=1)}\n".encode())


def score_step(
    step: Step, reason: str | None, evidence: Callable[[], Evidence]
) -> list[tuple[ScoreEntry, pd.DataFrame | None]]:
    """The entries of one protocol with their values by pair; if it raises, its entries have the status failed.

    Args:
        step: the protocol.
        reason: why it has failed before, or None.
        evidence: returns the evidence; called only if it has not failed.
    """
    card = step.protocol.card
    if step.skip:
        return [(_entry(card, metric, step, "skipped", step.skip), None) for metric in card.metrics]
    if reason is None:
        try:
            given = evidence()
            found = step.protocol.score(given)
            if not isinstance(found, tuple | list) or not all(isinstance(score, Score) for score in found):
                raise TypeError(f"score returned {type(found).__name__}, not a tuple of Score")
            scores = {score.metric: score for score in found}
            if len(scores) < len(found):
                raise ValueError("score returned two values of one metric")
            pairs = [pair.id for pair in given.pairs]
            return [_checked(card, metric, step, scores, pairs) for metric in card.metrics]
        except Exception as error:  # a plugin may raise anything; the others continue
            reason = with_location(error)
    return [(_entry(card, metric, step, "failed", reason), None) for metric in card.metrics]


def _checked(
    card: ProtocolCard, metric: MetricCard, step: Step, scores: Mapping[str, Score], pairs: Sequence[str]
) -> tuple[ScoreEntry, pd.DataFrame | None]:
    """The entry of a metric; a score that breaks the contract of its card has the status failed."""
    if metric.name not in scores:
        return _entry(card, metric, step, "failed", f"score returned no value of {metric.name}"), None
    score = scores[metric.name]
    if problem := broken_contract(score, metric, pairs):
        return _entry(card, metric, step, "failed", problem), None
    if score.value is None:
        why = ", ".join(f"{count} pairs {reason}" for reason, count in score.skipped.items()) or "no pair"
        return _entry(card, metric, step, "skipped", f"nothing to average: {why}", score), score.per_pair
    return _entry(card, metric, step, "ok", None, score), score.per_pair


def _entry(
    card: ProtocolCard, metric: MetricCard, step: Step, status: Any, reason: str | None, score: Score | None = None
) -> ScoreEntry:
    interval = score.interval if score else None
    return ScoreEntry(
        protocol=card.id, variant=card.variant, metric=metric.name, label=metric.label, status=status,
        value=score.value if score else None, unit=metric.unit, higher_is_better=metric.higher_is_better,
        interval=(interval.low, interval.high, interval.method) if interval else None,
        n=score.n if score else 0, skipped=dict(score.skipped) if score else {}, fingerprint=step.fingerprint,
        details=dict(score.details) if score else {}, reason=reason,
    )  # fmt: skip


def _card(card: ProtocolCard) -> CardPart:
    """A card as the record keeps it; an infinite end of a range becomes None."""
    plain = dataclasses.asdict(card)
    for metric in plain["metrics"]:
        metric["range"] = [end if math.isfinite(end) else None for end in metric["range"]]
    return CardPart.model_validate(plain)
