"""`fhpt-bench data keypoints` and `data new`: a benchmark from the user's own images and keypoint files."""

from __future__ import annotations

from pathlib import Path

import click

from fhpt_bench.commands.options import OutputFolder


@click.command()
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Folder of the images.")
@click.option("--to", "table", type=OutputFolder(), required=True, help="The table to write, such as keypoints.csv.")
def keypoints(files: tuple[Path, ...], images: Path, table: Path) -> None:
    """Convert keypoint files of other tools into a benchmark's table.

    FILES are JSON files of OpenPose, DWPose, MMPose, rtmlib, AlphaPose or COCO-WholeBody, or folders with them. Face
    and hands, if there are any, are written next to the table with the ending .npz: name it `truth` in the benchmark's
    TOML file.
    """
    from fhpt_bench.data.keypoint_tables import json_files, pose_table, read_keypoint_folder, truth_table
    from fhpt_bench.data.new_benchmark import find_images
    from fhpt_bench.errors import UserError, count_and_name
    from fhpt_bench.files import write_bytes
    from fhpt_bench.output_folder import check_new
    from fhpt_bench.progress import progress_bar
    from fhpt_bench.reporting.listing import echo

    table = table.expanduser()
    if table.suffix.lower() not in (".csv", ".txt"):
        raise UserError(f"--to {table} is not a CSV file: give a name that ends in .csv.")
    given = [file.expanduser() for file in files]
    names, size = find_images(images.expanduser())
    with progress_bar("keypoint files", len(json_files(given)), shown=True) as done:
        found = read_keypoint_folder(given, names, size, done)
    content = {table: pose_table(found.poses).encode()}
    truth, parts = truth_table(found.points)
    if truth:
        content[table.with_suffix(".npz")] = truth
    for path, text in content.items():
        check_new(path, text)
    for path, text in content.items():
        write_bytes(path, text)
    echo(f"recognised {found.tool}: {found.found('body')} of {len(names)} images with a body")
    if missing := [name for name in names if name not in found.points]:
        echo(f"missing    {count_and_name(missing, 'image')} without keypoints")
    if found.unknown:
        echo(f"ignored    {count_and_name(found.unknown, 'name')} of no image")
    counts = ", ".join(f"{part.replace('_', ' ')} of {found.found(part)} images" for part in parts)
    for path in content:
        echo(f"written    {path}" + (f" ({counts})" if path != table else ""))


@click.command()
@click.argument("folder", metavar="DIR", type=OutputFolder())
@click.option(
    "--images", type=click.Path(path_type=Path), help="Folder of the images, at any depth.  [default: DIR/images]"
)
@click.option("--pairs", type=click.Path(path_type=Path), help="Pair list.  [default: every two images of a person]")
@click.option("--keypoints", type=click.Path(path_type=Path), multiple=True,
              help="Keypoint file or folder, in any format that `data keypoints` reads; may be repeated.  "
              "[default: estimated]")  # fmt: skip
@click.option("--keypoint-frame", "frame", metavar="HEIGHTxWIDTH[:shift|:scale]",
              help="Size of the images to which one keypoint file in PATN's format refers; shift if rows or columns "
              "were cut off since, scale if the images were resized.  [default: the images' own size]")  # fmt: skip
@click.option("--people", type=click.Path(path_type=Path), help="Table of people.  [default: one for each sub-folder]")
@click.option("--id", "name", help="Name of the benchmark.  [default: the name of DIR]")
def new(
    folder: Path, images: Path | None, pairs: Path | None, keypoints: tuple[Path, ...], people: Path | None,
    name: str | None, frame: str | None,
) -> None:  # fmt: skip
    """Make a benchmark of your own images.

    Writes a TOML file and its tables into DIR, and says what was assumed. The images are only read. The same command
    resumes if it was interrupted.
    """
    from fhpt_bench.benchmark import benchmarks
    from fhpt_bench.benchmarks.schema import read_schema
    from fhpt_bench.data.new_benchmark import Given, plan_benchmark
    from fhpt_bench.feature import VectorFeature, features, supplied_features
    from fhpt_bench.files import write_bytes
    from fhpt_bench.output_folder import FolderLock, check_new, check_not_taken
    from fhpt_bench.reporting.listing import echo

    place = folder.expanduser()
    given = Given(
        place, images.expanduser() if images is not None else place / "images",
        pairs.expanduser() if pairs is not None else None, tuple(file.expanduser() for file in keypoints),
        people.expanduser() if people is not None else None, name, frame,
    )  # fmt: skip

    def make_estimator() -> tuple[str, VectorFeature]:
        # The one that keypoint files of the user would replace in a run.
        kind = features.load(supplied_features.load("keypoints").replaces)
        estimator = kind("cpu")
        assert isinstance(estimator, VectorFeature)
        return kind.spec.id, estimator

    # `all` skips a protocol for which the benchmark lacks something, with the reason.
    protocols = read_schema(benchmarks.load("studio")).protocols
    planned = plan_benchmark(given, protocols, make_estimator, progress=True)

    def check() -> None:
        check_not_taken(place)
        for file, content in planned.files.items():
            check_new(place / file, content)

    check()  # before the lock, whose file must not be left in a folder that is refused
    lock = FolderLock(place)
    try:
        check()
        for file, content in planned.files.items():
            write_bytes(place / file, content)
    finally:
        lock.release()
    for label, text in planned.lines:
        echo(f"{label:<11}{text}")
    toml = place / list(planned.files)[-1]
    echo(f"{'written':<11}{toml} and {', '.join(list(planned.files)[:-1])}")
    echo(f"{'next':<11}fhpt-bench run --model warp --benchmark {toml}")
