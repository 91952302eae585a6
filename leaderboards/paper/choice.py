"""Which records the paper's tables and figures are made from: one of each model, all on the same pairs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhpt_bench.benchmark import benchmarks
from fhpt_bench.benchmarks.schema import read_schema
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.records.schema import BenchmarkPart, Record
from leaderboards.measured import is_reference
from leaderboards.ranking import Measured
from leaderboards.tables import conditions


@dataclass(frozen=True)
class Choice:
    """Records of several models.

    Args:
        benchmark: what the records of the same pairs share.
        measured: model -> record with its values by pair; on the same pairs, except models that leave pairs out.
        others: records of the same models on the same pairs that are not used.
    """

    benchmark: BenchmarkPart
    measured: Mapping[str, Measured]
    others: tuple[Record, ...] = ()


def choose_records(measured: Sequence[Measured], benchmark: str, subset: str | None = None) -> Choice:
    """Choose one record of each model.

    Of the installed version of the benchmark; of several pair lists, the longest, then the one with the most records;
    of several records of a model, the newest, and one that ships only if there is no other. A model without a record on
    these pairs may have one that leaves some of them out.

    Args:
        measured: records with their values by pair.
        benchmark: id of the benchmark.
        subset: only records of this subset; None for all pairs.

    Raises:
        UserError: if there is no record of this benchmark and subset.
    """
    own = [item for item in measured if item[0].benchmark.id == benchmark]
    if not own:
        known = {record.benchmark.id for record, _ in measured}
        if benchmark in benchmarks.entries():
            raise UserError(
                f"No record of {benchmark} was found: run a model on it (`fhpt-bench run --benchmark {benchmark}`), or "
                "name the folder of its records with --records."
            )
        raise UserError(f"No record of a benchmark {benchmark!r} was found: {did_you_mean(benchmark, known)}")
    fitting = [item for item in own if item[0].benchmark.subset == subset]
    if not fitting:
        raise UserError(
            f"No record of {benchmark} has {f'the subset {subset}' if subset else 'all pairs'}: measure a model on it."
        )
    here = read_schema(benchmarks.load(benchmark)).version if benchmark in benchmarks.entries() else None
    groups: dict[object, list[Measured]] = defaultdict(list)
    for item in fitting:
        groups[conditions(item)].append(item)
    main = max(groups.values(), key=lambda group: _preference(group, here))
    part = main[0][0].benchmark
    chosen = _newest(main)
    incomplete = [
        item
        for item in fitting
        if item[0].benchmark.missing and item[0].benchmark.version == part.version
        and item[0].benchmark.limit == part.limit and item[0].model.name not in chosen
    ]  # fmt: skip
    chosen |= _newest(incomplete)
    used = [record for record, _ in chosen.values()]
    others = tuple(record for record, _ in main if not any(record is one for one in used))
    return Choice(part, chosen, others)


def _preference(group: Sequence[Measured], here: str | None) -> tuple[bool, bool, int, int]:
    part = group[0][0].benchmark
    return part.version == here, not part.missing, part.n_pairs, len(group)


def _newest(group: Sequence[Measured]) -> dict[str, Measured]:
    """Model -> its newest record; a record that ships only if there is no other."""
    found: dict[str, Measured] = {}
    for item in sorted(group, key=lambda item: (not is_reference(item[0]), item[0].provenance.created)):
        found[item[0].model.name] = item
    return found
