"""One pass over the pairs: decode, generate, quantise, look through the networks, score, record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.folders import AUTO, match_folder
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, file_name, write_bytes
from fhpt_bench.measure import Measurement
from fhpt_bench.model import models
from fhpt_bench.networks.openpose import OpenPoseFolder
from fhpt_bench.plan import Step, load_protocols, make_plan, select_protocols
from fhpt_bench.processes import Processes, fitting, join, over, start
from fhpt_bench.progress import tell
from fhpt_bench.protocol import Protocol
from fhpt_bench.record import BenchmarkPart, Record, describe
from fhpt_bench.run_folder import RunFolder
from fhpt_bench.sources import FolderImages, GeneratedImages, ImageSource, RealImages
from fhpt_bench.text import said_of_folder

BATCH_SIZE = 16
RUNS = "runs"


def run(
    model: str,
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
    progress: bool = False,
    processes: int | None = 1,
    checkpoint: str | Path | None = None,
    variants: str | None = None,
) -> Record:
    """Generate a model's images for every pair of a benchmark and measure them.

    What is finished is saved as it comes: the same call goes on where a killed one stopped.

    Args:
        model: registered name, or `path/to/file.py:Class`.
        benchmark: registered name, or the path of a TOML file.
        protocols: "all" (the benchmark's list), or `id` and `id:variant` with commas between, or a sequence of them.
        data_root: where the benchmark's data lies, if it does not ship with the package.
        subset: only these pairs: "leak-free" (no item of theirs is in the training list), "men", "women", or the target
            views "view=front" and so on.
        limit: only so many pairs, spread over the people, the same for every model.
        out: the run's folder; `runs/<benchmark>/<model>` if not given.
        batch_size: pairs at a time; bounds the memory.
        device: "cpu" or "cuda"; what is there, if not given.
        overwrite: start anew in a folder that holds a run.
        keypoints: folder of OpenPose's JSON files, `<pair id>_keypoints.json`, from which keypoints are read that are
            otherwise MediaPipe's; such scores compare with their like alone. The real targets' files,
            `<image stem>_keypoints.json`, are needed where the benchmark does not know their faces and hands.
        progress: show bars on standard error.
        processes: the command line's alone: more of them start its command again; None: as many as fit.
        checkpoint: of a trained model, a file that `fhpt-bench train` wrote, in place of the one that it would take.
        variants: "literature" for every variant that papers have used of each chosen protocol, beside its canonical
            one; None for the chosen ones alone.

    Returns:
        The record, also written to the folder with its pairs, images and contact sheet.

    Raises:
        UserError: where an input cannot be used; the message says which and what to do.

    Examples:
        >>> import fhpt_bench as fb, tempfile
        >>> record = fb.run("copy-source", protocols="psnr", limit=4, out=tempfile.mkdtemp())
        >>> record["psnr"].n
        4
    """
    # Everything that can be wrong with the input is looked at before torch is imported or a network loads.
    models.find(model)
    setting, selection, digests = _prepare(benchmark, protocols, data_root, subset, limit, batch_size, progress)
    _check_writable(Path(out or RUNS))
    given = _given(keypoints, setting, progress)
    real = RealImages(setting.folder, setting.image_size, digests)
    chosen = load_protocols(selection, variants)
    # A model that lacks its training says so before any other network is fetched.
    source = GeneratedImages(model, setting, real, Path(checkpoint).expanduser() if checkpoint is not None else None)
    described, plan, train = _plan(setting, chosen, digests, given, progress)
    device = _device(device)
    crew = _crew(processes, device, setting)  # before anything moves to a GPU: each process has its own
    source.to(device)
    folder = _folder(out, described, source, overwrite, crew)
    source.keep_in(folder.images)
    return _measure(setting, plan, source, real, train, folder, described, batch_size, device, crew, progress)


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
    progress: bool = False,
    processes: int | None = 1,
    variants: str | None = None,
    layout: str = AUTO,
    resize: str | None = None,
    allow_missing: bool = False,
) -> Record:
    """Measure a folder of images that somebody else generated.

    Args:
        images: the folder; it is only read.
        name: of the model that made them; the folder's own if not given.
        benchmark: as in `run`, and so are the other arguments down to `variants`.
        layout: how the files are named and arranged (`fhpt_bench.data.sheets.LAYOUTS`); "auto" to recognise it.
        resize: "bicubic", "bilinear" or "lanczos": images of another size than the benchmark's are resized as a whole.
            Without it squares as high as the benchmark's images are cropped to the middle, and others refused.
        allow_missing: measure the pairs that are there, which is another setting than the whole; otherwise a pair
            without a file and a file without a pair stop the run.

    Returns:
        The record.

    Raises:
        UserError: where an input cannot be used; the message says which and what to do.
    """
    setting, selection, digests = _prepare(benchmark, protocols, data_root, subset, limit, batch_size, progress)
    path = Path(images).expanduser()
    matched = match_folder(path, setting, layout, resize, allow_missing)
    setting = setting.only(matched.files)
    digests = {image: digests[image] for image in setting.images}
    source = FolderImages(matched, name or path.resolve().name, setting, progress)
    for line in said_of_folder(source.card):
        tell(line, progress)
    _check_writable(Path(out or RUNS))
    given = _given(keypoints, setting, progress)
    real = RealImages(setting.folder, setting.image_size, digests)
    chosen = load_protocols(selection, variants)
    described, plan, train = _plan(setting, chosen, digests, given, progress)
    device = _device(device)
    crew = _crew(processes, device, setting)
    folder = _folder(out, described, source, overwrite, crew)
    return _measure(setting, plan, source, real, train, folder, described, batch_size, device, crew, progress)


def _prepare(
    benchmark: str,
    protocols: str | Sequence[str],
    data_root: str | Path | None,
    subset: str | None,
    limit: int | None,
    batch_size: int,
    progress: bool,
) -> tuple[Benchmark, tuple[tuple[str, str | None], ...], dict[str, str]]:
    if batch_size < 1:
        raise UserError(f"A batch size of {batch_size} holds no pair: give a positive number.")
    setting = load_benchmark(benchmark, Path(data_root) if data_root is not None else None, limit, subset)
    if subset is not None and setting.subset is None:
        tell(f"--subset {subset} is the whole of {setting.id}: all of its pairs are.", progress)
    return setting, select_protocols(protocols, setting), setting.check_images(progress)


def _given(keypoints: str | Path | None, setting: Benchmark, progress: bool) -> dict[str, OpenPoseFolder]:
    """Feature id -> what the user gives in its place."""
    if keypoints is None:
        return {}
    return {OpenPoseFolder.replaces: OpenPoseFolder(Path(keypoints).expanduser(), setting, progress)}


def _plan(
    setting: Benchmark,
    chosen: Sequence[Protocol],
    digests: dict[str, str],
    given: dict[str, OpenPoseFolder],
    progress: bool,
) -> tuple[BenchmarkPart, tuple[Step, ...], RealImages]:
    """The benchmark described, the steps, and its training images, which are read only if asked for."""
    train = setting.check_train_images(progress) if any(protocol.training_images for protocol in chosen) else {}
    described = describe(setting, digests, train)
    plan = make_plan(chosen, setting, described, given)
    return described, plan, RealImages(setting.train_folder, setting.image_size, train)


def _crew(count: int | None, device: str, setting: Benchmark) -> Processes:
    start(fitting(device, len(setting.pairs)) if count is None else count)
    return join(device)


def _check_writable(path: Path) -> None:
    """Find a full disk or a forbidden folder before anything costs time."""
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    probe = path / ".writable"
    write_bytes(probe, b"?")
    probe.unlink()


def _device(device: str | None) -> str:
    import torch

    if device is None:
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no GPU here; give --device cpu.")
    return device


def _folder(
    out: str | Path | None, described: BenchmarkPart, source: ImageSource, overwrite: bool, processes: Processes
) -> RunFolder:
    if out is None:
        # A cut-down run is another setting: it must not stand in the whole run's way.
        suffix = f"-{described.subset}" if described.subset else ""
        suffix += f"-limit{described.limit}" if described.limit else ""
        suffix += "-incomplete" if described.missing else ""
        out = Path(RUNS) / described.id / f"{file_name(source.card.name) or 'model'}{file_name(suffix)}"
    identity = {"model": source.identity, "benchmark": described.identity}
    if processes.main:
        folder = RunFolder(Path(out), identity, overwrite)
    processes.wait()
    # The others must not clear what the main process has begun to write.
    return folder if processes.main else RunFolder(Path(out), identity)


def _measure(
    setting: Benchmark,
    plan: tuple[Step, ...],
    source: ImageSource,
    real: RealImages,
    train: RealImages,
    folder: RunFolder,
    described: BenchmarkPart,
    batch_size: int,
    device: str,
    processes: Processes,
    progress: bool,
) -> Record:
    """Let all processes measure, and the main one write the record."""
    from fhpt_bench.outcome import write_outcome

    measurement = Measurement(setting, plan, source, real, train, folder, device, processes, batch_size)
    measurement.gather(progress and processes.main)
    processes.wait()
    if processes.main:
        record = write_outcome(measurement, described, progress)
    processes.wait()
    over()
    if not processes.main:
        from fhpt_bench.record import read_record

        record = read_record(folder.path)
    return record
