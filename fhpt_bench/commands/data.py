"""`fhpt-bench data`: prepare, check and describe the data of a benchmark."""

from __future__ import annotations

from pathlib import Path

import click

from fhpt_bench.commands.landmarks import landmarks
from fhpt_bench.commands.options import OutputFolder
from fhpt_bench.commands.own_data import keypoints, new

_FEWEST_JOINTS = 4  # of 18: fewer cannot be the poses of people
SHOWN = 10  # files that differ are named up to here, then counted


@click.group()
def data() -> None:
    """Prepare and check the data of a benchmark."""


data.add_command(keypoints)
data.add_command(new)
data.add_command(landmarks)


@data.command()
@click.argument("benchmark", type=click.Choice(["deepfashion", "market1501"]))
@click.option(
    "--root",
    "roots",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="Folder with your images and lists, at any depth; may be repeated.",
)
@click.option(
    "--size",
    type=click.Choice(["256x176", "512x352"]),
    default="256x176",
    show_default=True,
    help="Height and width: of deepfashion, or of deepfashion-512, from the high-resolution images.",
)
@click.option("--out", type=OutputFolder(), help="The prepared folder.  [default: ROOT/fhpt-bench, or fhpt-bench-512]")
def prepare(benchmark: str, roots: tuple[Path, ...], size: str, out: Path | None) -> None:
    """Prepare your copy of a benchmark's data.

    Finds the images and lists, checks them, and writes a copy of the benchmark's size for --data-root. Your own files
    are only read. The same command resumes if it was interrupted.
    """
    from fhpt_bench.data.prepare.market import survey_market
    from fhpt_bench.data.prepare.search import SIZES
    from fhpt_bench.data.prepare.survey import survey
    from fhpt_bench.data.prepare.writing import write_prepared
    from fhpt_bench.errors import UserError
    from fhpt_bench.reporting.listing import echo

    folders = [root.expanduser() for root in roots]
    wanted = next(pixels for pixels in SIZES if size == f"{pixels[0]}x{pixels[1]}")
    ending = "" if wanted == SIZES[0] else f"-{wanted[0]}"
    place = out.expanduser() if out is not None else folders[0] / f"fhpt-bench{ending}"
    if benchmark == "market1501" and ending:
        raise UserError("--size is for deepfashion: leave it out, market1501 has one size.")
    found = survey_market(folders, place) if benchmark == "market1501" else survey(folders, place, wanted)
    for word, text in found.lines:
        echo(f"{word:<16}{text}")
    if found.missing:
        raise UserError(f"Missing below {', '.join(map(str, roots))}: {'; and '.join(found.missing)}.")
    write_prepared(found, place, progress=True)
    counts = " and ".join(f"{len(images)} {split}" for split, images in found.images.items())
    echo(f"{'prepared':<16}{counts} images; give --benchmark {benchmark}{ending} --data-root {place}")


@data.command()
@click.argument("benchmark", default="studio")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
def leakage(benchmark: str, data_root: Path | None) -> None:
    """Show what test pairs share with the training split.

    BENCHMARK is a name or a TOML file; default: studio.
    """
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.leakage import find_leakage
    from fhpt_bench.errors import UserError
    from fhpt_bench.reporting.listing import echo

    loaded = load_benchmark(benchmark, data_root)
    if not loaded.train_list:
        raise UserError(
            f"The training list of {loaded.id} is missing, so leaking pairs are unknown: add the list to the data."
        )
    # The keypoint file names every image of the split, those of no pair too.
    found = find_leakage(
        [(pair.source, pair.target) for pair in loaded.pairs], loaded.poses, loaded.train_list, loaded.facts
    )
    leaking, total = sum(found.leaking), len(found.leaking)
    echo(
        f"test       {len(loaded.poses)} images of {len(found.test)} items\n"
        f"training   {len(loaded.train_list)} images of {len(found.train)} items, "
        f"{len(found.train & found.test)} of which are in the test images too\n"
        f"pairs      {total} of {len(found.pairs)} items, "
        f"{len(found.pairs & found.train)} of which are in the training images too\n"
        f"           {leaking} pairs ({100 * leaking / total:.1f} %) show such an item\n"
        f"leak-free  {total - leaking} pairs{': measure them with --subset leak-free' if 0 < leaking < total else ''}"
    )


@data.command("check")
@click.argument("benchmark", default="studio")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.pass_context
def check_data(context: click.Context, benchmark: str, data_root: Path | None) -> None:
    """Check the files of a benchmark.

    Computes every digest of the manifest again, then reads every pair, image and keypoint. The exit code is 1 if a file
    differs. BENCHMARK is a name or a TOML file; default: studio.
    """
    import numpy as np

    from fhpt_bench.benchmark import data_folder, load_benchmark
    from fhpt_bench.data.manifest import MANIFEST, compare_with_manifest, read_manifest
    from fhpt_bench.progress import progress_bar
    from fhpt_bench.reporting.listing import echo

    folder = data_folder(benchmark, data_root)
    manifest = read_manifest(folder)
    if manifest is None:
        echo(f"files      no {MANIFEST} in {folder}: their digests cannot be checked")
    else:
        with progress_bar("digests", len(manifest.files), shown=True) as advance:
            differences = compare_with_manifest(folder, manifest, lambda: advance(1))
        for difference in differences[:SHOWN]:
            echo(f"{difference.state:<11}{folder / difference.path}")
        if differences:
            more = f" ({len(differences) - SHOWN} more than shown)" if len(differences) > SHOWN else ""
            echo(
                f"files      {len(differences)} of {len(manifest.files)} are not as {MANIFEST} says{more}: "
                "get the benchmark's files again"
            )
            context.exit(1)
        size = sum(file.bytes for file in manifest.files.values())
        echo(f"files      {len(manifest.files)} as {MANIFEST} says, {size / 2**20:.1f} MiB")
    loaded = load_benchmark(benchmark, data_root)
    loaded.image_digests(progress=True)
    height, width = loaded.image_size
    joints = np.stack([loaded.poses[name] for name in loaded.images])
    found = float(np.isfinite(joints).all(2).mean()) * joints.shape[1]
    if found < _FEWEST_JOINTS:
        echo(f"keypoints  {found:.1f} of 18 joints of an image on average: estimate the poses again")
        context.exit(1)
    if not loaded.clusters_known:
        echo("people     not named: no score gets an interval; give people = FILE in the benchmark file")
    echo(
        f"pairs      {len(loaded.pairs)} of {loaded.people}; "
        f"{len(loaded.images)} images, each {width} wide and {height} high, with {found:.1f} of 18 joints on average"
    )
