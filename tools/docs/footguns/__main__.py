"""python -m tools.docs.footguns RUN: measures the mistakes described in docs/footguns.md, and fills its tables.

RUN is the folder of `fhpt-bench run --model warp --protocols ssim,lpips:vgg-0.1` on studio. The tool uses its images
and its LPIPS values with VGG16, which would take minutes to compute.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from tools.docs.footguns import figures, pairs, people, sets
from tools.docs.footguns.material import Material
from tools.docs.pages import fill

DOCS = Path(__file__).parents[3] / "docs"
TABLES: dict[str, Callable[[Material], str]] = {
    "padding": pairs.padding,
    "settings": pairs.settings,
    "identical": pairs.identical,
    "background": pairs.background,
    "neighbours": pairs.neighbours,
    "pairing": pairs.pairing,
    "colours": pairs.colours,
    "codec": pairs.codec,
    "heads": pairs.heads,
    "scaling": pairs.scaling,
    "references": sets.references,
    "small sets": sets.small_sets,
    "intervals": sets.intervals,
    "filters": sets.filters,
    "missed": people.missed,
    "pixels": people.pixels,
    "strangers": people.strangers,
    "copies": people.copies,
}


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--benchmark", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--only", multiple=True, type=click.Choice(["figures", *TABLES]), help="May be repeated.")
def main(run: Path, benchmark: str, only: tuple[str, ...]) -> None:
    """Measure on the images of RUN, print the tables and write them into docs/footguns.md."""
    material, page = Material.of(run, benchmark), DOCS / "footguns.md"
    for name, measure in TABLES.items():
        if not only or name in only:
            text = measure(material)
            click.echo(f"{name}\n\n{text}\n")
            page.write_text(fill(page.read_text(encoding="utf-8"), {name: text}), encoding="utf-8")
    if not only or "figures" in only:
        figures.draw(material, DOCS / "images")


if __name__ == "__main__":
    main()
