"""Render the swaps of `studio`: `python -m tools.studio.swaps --assets DIR --data DIR --out DIR`."""

import csv
import hashlib
import json
import shutil
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import track

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
TARGETS = "targets.lst"
COLUMNS = ["kind", "image", "target", "target_sha256", "person", "taken_from"]


@click.command(context_settings={"show_default": True})
@click.option("--assets", type=FOLDER, required=True)
@click.option("--data", type=FOLDER, required=True, help="Folder of the benchmark `studio`.")
@click.option(
    "--out", type=FOLDER, required=True, help=f"Output folder; its {TARGETS} names the images to render again."
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to resume a run from.",
    show_default="OUT/../.studio-swaps-work",
)
def main(assets: Path, data: Path, out: Path, work: Path | None) -> None:
    """Render test images again with one thing taken from another person of the test split.

    One process; a stopped run resumes.
    """
    # Imported late: Blender and the body model take seconds to load, and --help does not need them.
    from . import casting, tables
    from .swapping import KINDS, Swap, SwapSession

    seed = json.loads((data / tables.MANIFEST).read_text())["seed"]
    with (data / "people.csv").open(newline="") as file:
        rows = {row["name"]: row for row in csv.DictReader(file) if row["split"] == "test"}
    cast = casting.cast(seed, "test", len({row["person"] for row in rows.values()}))
    roles = {role.identifier: role for role in cast}
    folder = work or out.parent / ".studio-swaps-work"
    targets = (out / TARGETS).read_text().split()
    swaps = [
        Swap(role=roles[rows[name]["person"]], view=rows[name]["view"], folder=folder, kind=kind)
        for name in targets
        for kind in KINDS
    ]
    missing = [swap for swap in swaps if not swap.is_done()]
    if missing:
        session = SwapSession(assets, cast)
        for swap in track(missing, "swaps", console=Console(stderr=True)):
            session.shoot(swap)
    assemble([(swap.image, swap.truth, json.loads(swap.notes.read_text())) for swap in swaps], data, out)
    (out / tables.MANIFEST).write_text(json.dumps(tables.manifest(out, seed), indent=1) + "\n")


def assemble(rendered: list[tuple[Path, Path, dict]], data: Path, out: Path) -> None:
    """Write the images, their table and their truth; other images in the folders are removed."""
    table, bodies, labels = [], [], []
    rendered = sorted(rendered, key=lambda one: (one[2]["kind"], one[2]["target"]))
    for kind in {notes["kind"] for _, _, notes in rendered}:
        shutil.rmtree(out / kind, ignore_errors=True)
        (out / kind).mkdir()
    for image, truth, notes in rendered:
        place = f"{notes['kind']}/{notes['target']}"
        shutil.copyfile(image, out / place)
        digest = hashlib.sha256((data / "test" / notes["target"]).read_bytes()).hexdigest()
        table.append([notes["kind"], place, notes["target"], digest, notes["person"], notes["taken_from"]])
        with np.load(truth) as stored:
            bodies.append(stored["body"])
            labels.append(stored["labels"])
    with (out / "swaps.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)
    names = np.array([row[1] for row in table])
    np.savez_compressed(out / "truth.npz", names=names, body=np.stack(bodies), labels=np.stack(labels))


if __name__ == "__main__":
    main()
