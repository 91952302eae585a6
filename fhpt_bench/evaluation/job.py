"""What a run measures: its input is checked, protocols are planned, processes joined, and the folder is opened."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.parsing_maps import read_parsing_folder
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.devices import on_device, reuse_memory
from fhpt_bench.errors import UserError, check_type
from fhpt_bench.evaluation.differences import check_alike
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.evaluation.generated_images import FolderImages, GeneratedImages
from fhpt_bench.evaluation.measurement import Measurement, Share
from fhpt_bench.evaluation.model_images import ModelImages, find_model
from fhpt_bench.evaluation.options import RunOptions
from fhpt_bench.evaluation.plan import Selection, Step, load_protocols, make_plan, select_protocols
from fhpt_bench.evaluation.run_folder import RUN_FILE, SHARDS, RunFolder
from fhpt_bench.evaluation.shared_folders import check_shared
from fhpt_bench.feature import SuppliedFeature, supplied_features
from fhpt_bench.files import explained, file_name, sha256_json
from fhpt_bench.model import Generator
from fhpt_bench.networks.encoders import use_encoders
from fhpt_bench.output_folder import check_output
from fhpt_bench.processes import Processes, best_count, by_launcher, join, launched, one_thread, start
from fhpt_bench.progress import print_note, progress_bar
from fhpt_bench.protocol import Protocol
from fhpt_bench.records.fingerprint import describe
from fhpt_bench.records.schema import BenchmarkPart, read_record
from fhpt_bench.reporting.formatting import folder_notes

RUNS = "runs"
KEYPOINTS = "keypoints"  # the option, and the name under which its reader is registered


@dataclass(frozen=True)
class Job:
    """What is to be measured; everything that can be checked without a network has been checked.

    Args:
        options: as the user gave them.
        benchmark: the pairs.
        selection: the chosen protocols.
        digests: the digest of each image's pixels.
        make_generated: makes the generated images, for the benchmark's own images.
    """

    options: RunOptions
    benchmark: Benchmark
    selection: Selection
    digests: dict[str, str]
    make_generated: Callable[[RealImages], GeneratedImages]


def model_job(options: RunOptions, model: str | Generator | type[Generator], checkpoint: str | Path | None) -> Job:
    """Check the input of `run`; torch is not imported.

    Args:
        options: what to measure.
        model: as in `run`.
        checkpoint: as in `run`.

    Raises:
        UserError: if an input cannot be used.
    """
    find_model(model)
    loaded, selection, digests = load_inputs(options)
    check_type("checkpoint", checkpoint, (str, Path, type(None)), "a path: str or pathlib.Path")
    file = Path(checkpoint).expanduser() if checkpoint is not None else None
    return Job(options, loaded, selection, digests, lambda real: ModelImages(model, loaded, real, file))


def folder_job(
    options: RunOptions, images: str | Path, name: str | None, layout: str, resize: str | None, allow_missing: bool
) -> Job:
    """Check the input of `evaluate`, whose arguments these are; torch is not imported.

    Raises:
        UserError: if an input cannot be used.
    """
    check_type("images", images, (str, Path), "the path of a folder: str or pathlib.Path")
    check_type("name", name, (str, type(None)), "a text")
    check_type("layout", layout, (str,), "a text")
    check_type("resize", resize, (str, type(None)), "a text")
    check_type("allow_missing", allow_missing, (bool,), "True or False")
    loaded, selection, digests = load_inputs(options)
    path = Path(images).expanduser()
    matched = match_folder(path, loaded, layout, resize, allow_missing)
    loaded = loaded.only(matched.files)
    digests = {image: digests[image] for image in loaded.images}
    progress = options.progress
    generated = FolderImages(matched, name or path.resolve().name, loaded, progress)
    for line in folder_notes(generated.card):
        print_note(line, progress)
    return Job(options, loaded, selection, digests, lambda _: generated)


def load_inputs(options: RunOptions) -> tuple[Benchmark, Selection, dict[str, str]]:
    """The benchmark, the chosen protocols by name, and the digest of each image's pixels."""
    if options.batch_size < 1:
        raise UserError(f"--batch-size {options.batch_size} is not positive: give 1 or more.")
    use_encoders(Path(options.encoders) if options.encoders is not None else None)
    root = Path(options.data_root) if options.data_root is not None else None
    benchmark = load_benchmark(options.benchmark, root, options.limit, options.subset)
    if options.subset is not None and benchmark.subset is None:
        print_note(f"--subset {options.subset} contains all pairs of {benchmark.id}.", options.progress)
    return benchmark, select_protocols(options.protocols, benchmark), benchmark.image_digests(options.progress)


# How a job opens its folder; a job that measures a part of the pairs has a share.
Opening = Callable[["Opened"], tuple[RunFolder, Share | None]]


@dataclass(frozen=True)
class Opened:
    """A job that is about to open its folder.

    Args:
        job: what is to be measured.
        path: the run's folder.
        identity: what identifies the run.
        main: whether this is the main process.
        device: "cpu" or "cuda".
        plan: the protocols with their fingerprints.
    """

    job: Job
    path: Path
    identity: dict[str, Any]
    main: bool
    device: str
    plan: tuple[Step, ...]

    @property
    def inputs(self) -> list[Path]:
        """The folders that the job reads."""
        return _inputs(self.job.options, self.job.benchmark)


@contextlib.contextmanager
def measuring(job: Job, opening: Opening) -> Iterator[tuple[Measurement, BenchmarkPart, Processes]]:
    """Plan a job, join its processes, and hold its folder.

    Args:
        job: what is to be measured.
        opening: opens the folder; called in the main process first.

    Yields:
        The measurement, what the record says of the benchmark, and the processes.

    Raises:
        UserError: if anything cannot be used.
    """
    options, benchmark, selection, digests = job.options, job.benchmark, job.selection, job.digests
    if launched()[1] == 0:  # the others would take the main process's probe file for a file of the user
        if options.out is not None:
            check_output(options.out, RUN_FILE, _inputs(options, benchmark))
        _check_writable(Path(options.out or RUNS).expanduser())
    supplied = _supplied(options, benchmark)
    real = RealImages(benchmark.folder, benchmark.image_size, digests)
    chosen = load_protocols(selection, options.variants)
    benchmark = _with_parsing(options, benchmark, chosen)
    # A model that is not trained is refused before the weights of any network are fetched.
    generated = job.make_generated(real)
    part, plan, train = plan_steps(benchmark, chosen, digests, supplied, options.progress)
    with on_device(options.device, options.processes) as device:
        reuse_memory()
        path, identity = _path(options, part, generated), {"model": generated.identity, "benchmark": part.identity}
        count = options.processes
        if count is None and device == "cpu" and not options.overwrite and _measured(path, identity, plan):
            # More processes would take longer to start than to read what is finished.
            count = one_thread()
        # Before anything moves to a GPU: one per process.
        processes = _processes(count, device, benchmark, options.progress)
        check_alike(processes, identity, plan, options.batch_size, device)  # before the main one removes anything
        generated.to(device)
        opened = Opened(replace(job, benchmark=benchmark), path, identity, processes.main, device, plan)
        if processes.main:
            folder, share = opening(opened)
        processes.wait()
        # The others must not delete what the main process has begun to write.
        if not processes.main:
            folder, share = opening(opened)
        try:
            check_shared(folder, processes)
            generated.keep_in(folder)
            yield (
                Measurement(
                    benchmark, plan, generated, real, train, folder, device, processes, options.batch_size, share
                ),
                part,
                processes,
            )
        finally:
            folder.release()


def open_folder(opened: Opened) -> tuple[RunFolder, None]:
    """The folder of a job that measures all pairs.

    Args:
        opened: the job.

    Raises:
        UserError: as `RunFolder`, or if it holds shards.
    """
    if (opened.path / SHARDS).exists():
        raise UserError(
            f"{opened.path} holds shards: give `fhpt-bench merge {opened.path}`, or --out with another folder."
        )
    overwrite = opened.job.options.overwrite and opened.main
    return RunFolder(opened.path, opened.identity, overwrite, opened.inputs if opened.main else (), opened.main), None


def _supplied(options: RunOptions, benchmark: Benchmark) -> dict[str, SuppliedFeature]:
    """Feature id -> the values that the user supplies in place of its own."""
    if options.keypoints is None:
        return {}
    kind = supplied_features.load(KEYPOINTS)
    return {kind.replaces: kind(Path(options.keypoints).expanduser(), benchmark, options.progress)}


def _with_parsing(options: RunOptions, benchmark: Benchmark, chosen: Sequence[Protocol]) -> Benchmark:
    """The benchmark with the regions by the user's parsing maps, if they are given."""
    if options.parsing is None:
        if options.parsing_labels is not None:
            raise UserError("--parsing-labels is given without --parsing: give the folder of the maps too.")
        return benchmark
    if not any(protocol.parsing for protocol in chosen):
        raise UserError(
            "--parsing is given, but no chosen protocol uses parsing maps: leave it out, or choose one that does."
        )
    folder = Path(options.parsing).expanduser()
    regions = read_parsing_folder(
        folder, options.parsing_labels, benchmark.targets, benchmark.image_size, options.progress
    )
    return replace(benchmark, given_regions=regions)


def plan_steps(
    benchmark: Benchmark,
    chosen: Sequence[Protocol],
    digests: dict[str, str],
    supplied: dict[str, SuppliedFeature],
    progress: bool,
) -> tuple[BenchmarkPart, tuple[Step, ...], RealImages]:
    """What the record says of the benchmark, the steps, and the training images, which are read only if needed."""
    needed = any(protocol.training_images for protocol in chosen)
    train = benchmark.train_image_digests(progress) if needed else {}
    part = describe(benchmark, digests, train, any(protocol.parsing for protocol in chosen))
    plan = make_plan(chosen, benchmark, part, supplied)
    return part, plan, RealImages(benchmark.train_folder, benchmark.image_size, train)


def _processes(count: int | None, device: str, benchmark: Benchmark, progress: bool) -> Processes:
    total = best_count(device, len(benchmark.pairs)) if count is None else count
    if by_launcher():
        total = launched()[0]
    # Several take seconds until they have loaded what this one has.
    with progress_bar("processes", total, progress and total > 1) as done:
        start(total)
        done(1)
        processes = join(device)
        done(total - 1)
    return processes


def _check_writable(path: Path) -> None:
    """Find a full disk or a folder without write permission before anything takes time."""
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
        # Without a name: a kill would leave a file that the next command takes for one of the user.
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"?")
            probe.flush()
            os.fsync(probe.fileno())


def _inputs(options: RunOptions, benchmark: Benchmark) -> list[Path]:
    """The folders that the run reads."""
    folders = (options.images, options.keypoints, options.parsing)
    given = [Path(folder).expanduser() for folder in folders if folder is not None]
    return [benchmark.folder, *([benchmark.train_folder] if benchmark.train_images else []), *given]


def _path(options: RunOptions, part: BenchmarkPart, generated: GeneratedImages) -> Path:
    """The run's folder."""
    if options.out is not None:
        return Path(options.out).expanduser()
    # Scores of fewer pairs are not comparable with those of all: they must not replace them.
    suffix = f"-{part.subset}" if part.subset else ""
    suffix += f"-limit{part.limit}" if part.limit else ""
    suffix += "-incomplete" if part.missing else ""
    return Path(RUNS) / part.id / f"{file_name(generated.card.name) or 'model'}{file_name(suffix)}"


def _measured(path: Path, identity: Mapping[str, Any], plan: Sequence[Step]) -> bool:
    """Whether the folder says that a run has measured all protocols; what it holds is checked later."""
    try:
        record = read_record(path)
    except UserError:
        return False
    done = {score.fingerprint for score in record.scores if score.status != "failed"}
    return record.run_id == sha256_json(identity) and all(step.fingerprint in done for step in plan)
