"""`python -m tools.docs.drn_pictures RUN`: the pictures of docs/drn.md.

RUN is the folder of `fhpt-bench run --model drn` on studio.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click
from PIL import Image

from drn.models import DRN
from drn.visualize import guidance_sheet, stages_sheet
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.files import write_bytes
from fhpt_bench.reporting.plots import encode_figure, line_style, new_figure
from tools.docs.random_pairs import IMAGES, random_pairs

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "drn" / "trained"


def loss_curves() -> bytes:
    """Plot the losses of the trainings from the logs that ship, on training and held-out people."""
    both = ("coarse_reconstruction", "reconstruction")
    panels = (
        ("drn.csv", "reconstruction", both, "held_out_{}_reconstruction"),
        ("drn.csv", "perceptual", ("coarse_perceptual", "perceptual"), "held_out_{}_perceptual"),
        ("drn-natural.csv", "reconstruction", both, "held_out_{}_reconstruction"),
        ("drn-natural-2.csv", "reconstruction", both, "held_out_{}_reconstruction"),
        ("drn-face.csv", "reconstruction", ("reconstruction",), "held_out_{}_reconstruction"),
    )
    figure, axes = new_figure(len(panels), (4.4, 3.4), "Training of what ships, and held out")
    for axis, (file, title, names, held_out) in zip(axes, panels, strict=True):
        with (LOGS / file).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for number, name in enumerate(names):
            stage = "coarse" if name.startswith("coarse") else "final"
            curves = ((name, stage, {"alpha": 0.5}), (held_out.format(stage), f"{stage}, held out", {"marker": "o"}))
            for column, label, style in curves:
                points = [(int(row["iteration"]), float(row[column])) for row in rows if row.get(column)]
                options = {**line_style(number), "linestyle": "-", "markersize": 3, **style}
                axis.plot(*zip(*points, strict=True), label=label, **options)
        axis.set(title=f"{file.removesuffix('.csv')}: {title}", xlabel="iteration", ylim=(0, None))
        axis.legend(fontsize=8)
    figure.subplots_adjust(top=0.83)
    return encode_figure(figure)


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(run: Path) -> None:
    """Draw the pictures of docs/drn.md, with the generated images of RUN."""
    write_bytes(IMAGES / "drn-losses.png", loss_curves())
    benchmark = load_benchmark("studio", limit=5)
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    model = DRN()
    sheets = {
        "drn-random": random_pairs(run, "drn"),
        "drn-stages": stages_sheet(model, benchmark, real, benchmark.pairs),
        "drn-guidance": guidance_sheet(model, benchmark, real, benchmark.pairs),
    }
    for name, sheet in sheets.items():
        Image.fromarray(sheet).save(IMAGES / f"{name}.jpg", quality=85)


if __name__ == "__main__":
    main()
