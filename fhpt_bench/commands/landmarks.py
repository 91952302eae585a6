"""`fhpt-bench data landmarks`: keypoints of face and hands on a benchmark's real images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fhpt_bench.evaluation.landmarks import Images, Landmarks


@click.command()
@click.argument("benchmark")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option(
    "--from", "files", type=click.Path(path_type=Path), metavar="DIR",
    help="Folder of keypoint files <image>_keypoints.json of another tool, in place of the built-in estimator.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Print how many images there are and how long it would take.")
def landmarks(benchmark: str, data_root: Path | None, files: Path | None, dry_run: bool) -> None:
    """Estimate face and hands on the real images.

    Reads the 68 points of the face and 21 of each hand on the test images, and on the training images of frontal pairs,
    and writes them into the data folder as the tables that the benchmark file names. The same command resumes if it was
    interrupted. BENCHMARK is a name or a TOML file.
    """
    from fhpt_bench.benchmark import data_folder, load_benchmark
    from fhpt_bench.errors import UserError
    from fhpt_bench.evaluation.landmarks import (
        estimate_landmark_cost,
        estimate_landmarks,
        landmark_images,
        read_landmarks,
    )
    from fhpt_bench.reporting.listing import echo

    wanted = landmark_images(load_benchmark(benchmark, data_root))
    if files is not None and dry_run:
        raise UserError("--dry-run measures the built-in estimator: leave --from out.")
    if dry_run:
        for images in wanted:
            for fact, value in estimate_landmark_cost(images, progress=True).items():
                echo(f"{fact:<11}{value}")
        return
    root = data_folder(benchmark, data_root)
    for images in wanted:
        if files is None:
            found = estimate_landmarks(images, progress=True)
        elif (read := read_landmarks(images, files.expanduser(), progress=True)) is not None:
            found = read
        else:
            echo(f"{images.split:<11}no keypoint files")
            continue
        _write(root, images, found)
        echo(f"{images.split:<11}{_summary(images, found)}")
    if [images.split for images in wanted] == ["test"]:
        echo("training   no frontal pairs of training images: a face module cannot be trained")


def _write(root: Path, images: Images, found: Landmarks) -> None:
    """Write the table, and its digest into the manifest of the folder."""
    from fhpt_bench.data.manifest import manifest_entry, read_manifest, write_manifest
    from fhpt_bench.data.truth import write_landmarks

    manifest = read_manifest(root)
    content = write_landmarks(images.table, images.names, found.keypoints, found.estimator)
    if manifest is not None and images.table.is_relative_to(root):
        files = {name: file.model_dump() for name, file in manifest.files.items()}
        write_manifest(root, {**files, images.table.relative_to(root).as_posix(): manifest_entry(content)})


def _summary(images: Images, found: Landmarks) -> str:
    from fhpt_bench.data.keypoints import SLICES

    seen: Sequence[str] = [
        f"{int((found.keypoints[:, place, 2] > 0).any(1).sum()):,} with {what}"
        for what, place in (
            ("a face", SLICES["face"]), ("a left hand", SLICES["hand_left"]), ("a right hand", SLICES["hand_right"]),
        )
    ]  # fmt: skip
    return f"{len(images.names):,} images, {', '.join(seen)}, by {found.estimator}; in {images.table}"
