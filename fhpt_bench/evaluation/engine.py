"""One pass over the pairs: decode, generate, round to uint8, extract features, score, write the record."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.parsing_maps import read_parsing_folder
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError, check_type
from fhpt_bench.evaluation.generated_folder import AUTO, match_folder
from fhpt_bench.evaluation.generated_images import FolderImages, GeneratedImages, ModelImages, find_model
from fhpt_bench.evaluation.measurement import Measurement
from fhpt_bench.evaluation.options import BATCH_SIZE, RunOptions
from fhpt_bench.evaluation.plan import Selection, Step, load_protocols, make_plan, select_protocols
from fhpt_bench.evaluation.run_folder import RUN_FILE, RunFolder
from fhpt_bench.evaluation.scoring import write_results
from fhpt_bench.feature import SuppliedFeature, supplied_features
from fhpt_bench.files import explained, file_name, sha256_json
from fhpt_bench.model import Generator
from fhpt_bench.networks.encoders import use_encoders
from fhpt_bench.output_folder import check_output
from fhpt_bench.processes import (
    Processes,
    best_count,
    join,
    launched,
    on_device,
    one_thread,
    reuse_memory,
    set_finished,
    start,
)
from fhpt_bench.progress import print_note
from fhpt_bench.protocol import Protocol
from fhpt_bench.records.fingerprint import describe
from fhpt_bench.records.schema import BenchmarkPart, Record, read_record
from fhpt_bench.reporting.formatting import folder_notes

RUNS = "runs"
KEYPOINTS = "keypoints"  # the option, and the name under which its reader is registered


def run(
    model: str | Generator | type[Generator],
    benchmark: str = "studio",
    protocols: str | Sequence[str] = "all",
    *,
    data_root: str | Path | None = None,
    subset: str | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    batch_size: int = BATCH_SIZE,
    device: str | None = None,
    overwrite: bool = False,
    keypoints: str | Path | None = None,
    encoders: str | Path | None = None,
    progress: bool = False,
    processes: int | None = 1,
    checkpoint: str | Path | None = None,
    variants: str | None = None,
    parsing: str | Path | None = None,
    parsing_labels: str | None = None,
) -> Record:
    """Generate a model's images for every pair of a benchmark and measure them.

    Finished work is saved as it is done: the same call resumes a run that was interrupted.

    Args:
        model: a registered name, `path/to/file.py:Class`, or a `Generator` class or instance. The images of an
            instance, or of a class without a file (a notebook's), are never reused by a later call.
        benchmark: a registered name, or the path of a TOML file.
        protocols: "all" (the benchmark's list), or `id` and `id:variant` separated by commas, or a sequence of them.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        subset: only these pairs: "leak-free" (pairs whose items are not in the training list), "men", "women", or the
            target views "view=front" and so on.
        limit: only this many pairs, spread over the people, the same pairs for every model.
        out: the run's folder; default `runs/<benchmark>/<model>`.
        batch_size: pairs per batch; limits the memory that is used.
        device: "cpu", "cuda", or "cuda:1" for the second GPU; default: "cuda" if torch finds a GPU.
        overwrite: delete the run that the folder holds, and start again.
        keypoints: a folder of keypoint files, `<pair id>_keypoints.json`, used in place of the built-in estimator's
            keypoints; such scores are comparable only with each other. The files of the real target images,
            `<image stem>_keypoints.json`, are needed if the benchmark has no keypoints of faces and hands.
        encoders: a TOML file of encoders, whose names are then variants of the protocols on encoders, such as `fd:mine`
            (docs/encoders.md); default: the file that the environment variable FHPT_ENCODERS names, if it is set.
        progress: show progress bars on standard error.
        processes: how many processes share the work; more than 1 only from the command line. None: as many as fit.
        checkpoint: for a trained model, a file that `fhpt-bench train` wrote, in place of the default one.
        variants: "literature" adds every variant that papers have used of each chosen protocol; None measures only
            the chosen ones.
        parsing: a folder of parsing maps of the real target images, `<image stem>.png`, for protocols that compare
            regions, in place of the benchmark's own; such scores are comparable only if the maps are equal. Models do
            not receive them.
        parsing_labels: the table of the maps' labels, a key of `fhpt_bench.data.parsing_maps.LABELS`.

    Returns:
        The record, also written to the folder together with its pairs, images and figures.

    Raises:
        UserError: if an input cannot be used; the message says which one and what to do.

    Examples:
        >>> import fhpt_bench as fb, tempfile
        >>> record = fb.run("copy-source", protocols="psnr", limit=4, out=tempfile.mkdtemp())
        >>> record["psnr"].n
        4
    """
    options = RunOptions(
        benchmark, protocols, data_root, subset, limit, out, batch_size, device, overwrite, keypoints, progress,
        processes, variants, encoders, parsing=parsing, parsing_labels=parsing_labels,
    )  # fmt: skip
    # Everything that can be wrong with the input is checked before torch is imported or a network loads.
    find_model(model)
    loaded, selection, digests = load_inputs(options)
    check_type("checkpoint", checkpoint, (str, Path, type(None)), "a path: str or pathlib.Path")
    file = Path(checkpoint).expanduser() if checkpoint is not None else None
    return _evaluate(options, loaded, selection, digests, lambda real: ModelImages(model, loaded, real, file))


def evaluate(
    images: str | Path,
    name: str | None = None,
    benchmark: str = "studio",
    protocols: str | Sequence[str] = "all",
    *,
    data_root: str | Path | None = None,
    subset: str | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    batch_size: int = BATCH_SIZE,
    device: str | None = None,
    overwrite: bool = False,
    keypoints: str | Path | None = None,
    encoders: str | Path | None = None,
    progress: bool = False,
    processes: int | None = 1,
    variants: str | None = None,
    layout: str = AUTO,
    resize: str | None = None,
    allow_missing: bool = False,
    parsing: str | Path | None = None,
    parsing_labels: str | None = None,
) -> Record:
    """Measure a folder of generated images that another tool wrote.

    Args:
        images: the folder; it is only read.
        name: the model's name; default: the name of the folder.
        benchmark: as in `run`, and so are the other arguments down to `variants`.
        layout: how the files are named and arranged (`fhpt_bench.data.layouts.LAYOUTS`); "auto" recognises it.
        resize: "crop" (the middle, for padded images), "bicubic", "bilinear" or "lanczos" (as a whole, for squeezed
            images): resize images whose size is not the benchmark's. Without it, squares
            as high as the benchmark's images are cropped to the middle, and other sizes are refused; at 512x352, the
            margins of squares decide between "crop" and "bicubic" (docs/evaluate.md).
        allow_missing: measure only the pairs that have an image; the scores are then not comparable with those of all
            pairs. Without it, a pair without a file or a file without a pair is an error.
        parsing: as in `run`, and so is the next one.
        parsing_labels: the table of the maps' labels.

    Returns:
        The record.

    Raises:
        UserError: if an input cannot be used; the message says which one and what to do.
    """
    options = RunOptions(
        benchmark, protocols, data_root, subset, limit, out, batch_size, device, overwrite, keypoints, progress,
        processes, variants, encoders, images, parsing, parsing_labels,
    )  # fmt: skip
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
    generated = FolderImages(matched, name or path.resolve().name, loaded, progress)
    for line in folder_notes(generated.card):
        print_note(line, progress)
    return _evaluate(options, loaded, selection, digests, lambda _: generated)


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


def _evaluate(
    options: RunOptions,
    benchmark: Benchmark,
    selection: Selection,
    digests: dict[str, str],
    make_generated: Callable[[RealImages], GeneratedImages],
) -> Record:
    """Plan, measure in all processes, and write the record in the main one."""
    if launched()[1] == 0:  # the others would take the main process's probe file for a file of the user
        if options.out is not None:
            check_output(options.out, RUN_FILE, _inputs(options, benchmark))
        _check_writable(Path(options.out or RUNS).expanduser())
    supplied = _supplied(options, benchmark)
    real = RealImages(benchmark.folder, benchmark.image_size, digests)
    chosen = load_protocols(selection, options.variants)
    benchmark = _with_parsing(options, benchmark, chosen)
    # A model that is not trained is refused before the weights of any network are fetched.
    generated = make_generated(real)
    part, plan, train = plan_steps(benchmark, chosen, digests, supplied, options.progress)
    with on_device(options.device, options.processes) as device:
        reuse_memory()
        # Before anything moves to a GPU: one per process.
        path, identity = _path(options, part, generated), {"model": generated.identity, "benchmark": part.identity}
        count = options.processes
        if count is None and device == "cpu" and not options.overwrite and _measured(path, identity, plan):
            # More processes would take longer to start than to read what is finished.
            count = one_thread()
        processes = _processes(count, device, benchmark)
        generated.to(device)
        folder = _folder(path, identity, options.overwrite, processes, _inputs(options, benchmark))
        try:
            generated.keep_in(folder)
            measurement = Measurement(
                benchmark, plan, generated, real, train, folder, device, processes, options.batch_size
            )
            measurement.gather(options.progress and processes.main)
            processes.wait()
            if processes.main:
                record = write_results(measurement, part, options.progress)
            processes.wait()
            set_finished()
            return record if processes.main else read_record(folder.path)
        finally:
            folder.release()


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


def _processes(count: int | None, device: str, benchmark: Benchmark) -> Processes:
    start(best_count(device, len(benchmark.pairs)) if count is None else count)
    return join(device)


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


def _folder(
    path: Path, identity: Mapping[str, Any], overwrite: bool, processes: Processes, inputs: Sequence[Path]
) -> RunFolder:
    if processes.main:
        folder = RunFolder(path, identity, overwrite, inputs)
    processes.wait()
    # The others must not delete what the main process has begun to write.
    return folder if processes.main else RunFolder(path, identity, main=False)
