"""`run` and `evaluate`: one pass over the pairs, then scores, record and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fhpt_bench.evaluation.generated_folder import AUTO
from fhpt_bench.evaluation.job import Job, folder_job, measuring, model_job, open_folder
from fhpt_bench.evaluation.options import BATCH_SIZE, RunOptions
from fhpt_bench.evaluation.scoring import write_results
from fhpt_bench.model import Generator
from fhpt_bench.processes import set_finished
from fhpt_bench.records.schema import Record, read_record


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
    return _evaluate(model_job(options, model, checkpoint))


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
    figures: bool = True,
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
        figures: draw the figures; without them, many folders are measured faster.

    Returns:
        The record.

    Raises:
        UserError: if an input cannot be used; the message says which one and what to do.
    """
    options = RunOptions(
        benchmark, protocols, data_root, subset, limit, out, batch_size, device, overwrite, keypoints, progress,
        processes, variants, encoders, images, parsing, parsing_labels, figures,
    )  # fmt: skip
    return _evaluate(folder_job(options, images, name, layout, resize, allow_missing))


def _evaluate(job: Job) -> Record:
    """Plan, measure in all processes, and write the record in the main one."""
    with measuring(job, open_folder) as (measurement, part, processes):
        measurement.gather(job.options.progress and processes.main)
        processes.wait()
        if processes.main:
            record = write_results(measurement, part, job.options.progress, figures=job.options.figures)
        processes.wait()
        set_finished()
        return record if processes.main else read_record(measurement.folder.path)
