"""Writes damaged images, and measures them as the images of so many models; finished work is kept."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.images import encode_png
from fhpt_bench.errors import UserError, did_you_mean
from fhpt_bench.evaluation.kept_maps import keep_target_maps
from fhpt_bench.files import write_bytes
from fhpt_bench.processes import end_with
from fhpt_bench.progress import progress_bar
from fhpt_bench.records.comparison import read_values
from fhpt_bench.records.pair_table import PairValues
from fhpt_bench.records.schema import Record, read_record
from protocols.audit import adversaries
from protocols.audit.confusion import confusions
from protocols.audit.damage import Damage
from protocols.audit.damages import DAMAGES, lacking, subjects
from protocols.audit.findings import examine
from protocols.audit.groups import MILD, SERIOUS
from protocols.audit.results import Results

REAL = "real"
IMAGES = "images"
_MEMORY = 1 << 30  # bytes of maps of targets that each process keeps


@dataclass(frozen=True)
class Request:
    """What to measure.

    Args:
        benchmark: name of the benchmark.
        data_root: folder of its data, if it does not ship with the package.
        protocols: as in `run`.
        limit: number of target images, spread over the people.
        out: folder of the images, the records and the report.
        device: as in `run`.
    """

    benchmark: str
    data_root: Path | None
    protocols: str
    limit: int
    out: Path
    device: str | None

    def load(self) -> Benchmark:
        """The benchmark with the chosen target images, each with up to two source images of its person.

        With one pair of each person there would be nothing to retrieve but the pair's own source image. The two pairs
        of a target image have the same damaged image, so that the second one costs little.

        Raises:
            UserError: if all pairs are of one person.
        """
        whole = load_benchmark(self.benchmark, self.data_root)
        chosen = set()
        for pair in whole.limited(self.limit).pairs:
            others = [other for other in whole.pairs if other.target == pair.target and other.id != pair.id]
            chosen |= {pair.id, *(other.id for other in others[:1])}
        found = whole.only(chosen)
        if len({pair.person for pair in found.pairs}) < 2:
            raise UserError(f"The pairs of {self.benchmark} are of one person: an audit needs at least two.")
        return found


def folders(damage: Damage) -> list[str]:
    """Names of the folders of a damage's five strengths."""
    return [f"{damage.name}-{number}" for number in range(1, len(damage.strengths) + 1)]


def chosen(names: Sequence[str], benchmark: Benchmark) -> tuple[list[Damage], dict[str, str]]:
    """The kinds of damage that can be done to a benchmark, and name -> reason for those that cannot.

    Args:
        names: names of the wanted ones; none for all.
        benchmark: the benchmark.

    Raises:
        UserError: if there is no damage of a name.
    """
    known = [damage.name for damage in DAMAGES]
    for name in names:
        if name not in known:
            raise UserError(f"There is no damage {name!r}: {did_you_mean(name, known)}")
    wanted = [damage for damage in DAMAGES if not names or damage.name in names]
    reasons = {damage.name: lacking(damage, benchmark) for damage in wanted}
    left_out = {name: reason for name, reason in reasons.items() if reason is not None}
    return [damage for damage in wanted if damage.name not in left_out], left_out


def write_images(damages: Sequence[Damage], benchmark: Benchmark, out: Path, progress: bool) -> None:
    """Write the damaged images as `out/images/<damage>-<number>/<pair id>.png`, and the undamaged ones.

    Args:
        damages: the kinds of damage.
        benchmark: the benchmark.
        out: the folder.
        progress: show a progress bar.

    Raises:
        UserError: if a file cannot be read or written.
    """
    images = out / IMAGES
    kept: dict[str, bytes] = {}  # the files of one target image, which the next pair may have, too
    target = ""
    with progress_bar("damaged images", len(benchmark.pairs), progress) as done:
        for subject in subjects(benchmark):
            if subject.target != target:
                kept, target = {REAL: encode_png(subject.image)}, subject.target
            write_bytes(images / REAL / f"{subject.key}.png", kept[REAL])
            for damage in damages:
                for name, strength in zip(folders(damage), damage.strengths, strict=True):
                    if damage.source or name not in kept:
                        kept[name] = encode_png(damage.apply(subject, strength))
                    write_bytes(images / name / f"{subject.key}.png", kept[name])
            done(1)


def measure(request: Request, names: Sequence[str], processes: int, progress: bool) -> None:
    """Measure the folders of images, and the adversaries that are models, several at a time.

    Args:
        request: what to measure.
        names: names of the folders and models. The first is measured alone, so that the cache of real images is filled.
        processes: how many of the others to measure at a time.
        progress: show a progress bar.

    Raises:
        UserError: if a folder cannot be measured.
    """
    keep_target_maps(_MEMORY)
    try:
        with progress_bar("audit", len(names), progress) as done:
            alone = names if processes == 1 else names[:1]
            for name in alone:
                _measure(request, name)
                done(1)
            if others := names[len(alone) :]:
                context = multiprocessing.get_context("spawn")
                with ProcessPoolExecutor(processes, context, _begin, (os.getpid(),)) as pool:
                    for future in as_completed([pool.submit(_measure, request, name) for name in others]):
                        future.result()
                        done(1)
    finally:
        keep_target_maps(0)


def _begin(main: int) -> None:
    import torch

    end_with(main)
    torch.set_num_threads(1)
    keep_target_maps(_MEMORY)


def _measure(request: Request, name: str) -> None:
    from fhpt_bench.evaluation.engine import evaluate

    evaluate(
        request.out / IMAGES / name, name, request.benchmark, request.protocols, data_root=request.data_root,
        allow_missing=True, figures=False, out=request.out / "records" / name, device=request.device,
    )  # fmt: skip


def results(
    heading: str, damages: Sequence[Damage], painted: Sequence[str], out: Path, progress: bool = False
) -> Results:
    """What every score says of every damage, and what it confuses.

    Args:
        heading: benchmark and pairs, in words.
        damages: the kinds of damage that were measured.
        painted: names of the models that were measured.
        out: the folder.
        progress: show a progress bar.

    Raises:
        UserError: if a record is missing or was changed.
    """
    real, found = _read(out, REAL), []
    mild, serious = [], []
    with progress_bar("findings", len(damages) + 1, progress) as done:
        for damage in damages:
            records = [_read(out, name) for name in folders(damage)]
            found += examine(damage.name, real, records)
            mild += [(name, number, records[number - 1]) for name, number in MILD if name == damage.name]
            serious += [(damage.name, records[-1])] if damage.name in SERIOUS else []
            done(1)
        confused = confusions(mild, serious)
        done(1)
    measured = adversaries.folders(damages, painted)
    standings = adversaries.judge(real, {name: _read(out, folder) for name, folder in measured.items()})
    return Results(heading, tuple(found), tuple(confused), tuple(standings))


def _read(out: Path, name: str) -> tuple[Record, PairValues]:
    record = read_record(out / "records" / name)
    return record, read_values(record)
