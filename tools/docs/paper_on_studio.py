"""Write docs/paper-on-studio.md, the paper's tables and figures on studio: `python -m tools.docs.paper_on_studio`.

The tables are those of the records that ship. The figures need the images of `make reference`, which do not ship.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import click
from PIL import Image

from fhpt_bench.files import write_bytes, write_text
from leaderboards.literature import load_published
from leaderboards.measured import REFERENCE, read_measured
from leaderboards.paper.choice import choose_records
from leaderboards.paper.contents import FIGURES, TABLES
from leaderboards.paper.tables import paper_table
from leaderboards.text_table import markdown

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "paper-on-studio.md"
_WIDTH = 1200  # pixels of a picture in the documents
_TEXT = """# The paper's tables and figures on studio

Tables II to VI and Figures 5 to 10 of Yang et al., arXiv:2005.12494, on `studio`. Made by
`python -m tools.docs.paper_on_studio`; do not edit. `fhpt-bench paper tables` prints the same tables, and
`fhpt-bench paper figures` draws the figures from your own runs ([all commands](reproduce.md)).

A dash stands for a system without a record: it is not trained yet. The people are rendered and the networks are small,
so that no value can be compared with the paper's. What the records say of the paper's claims: [claims](claims.md).
"""


def page(reference: Path = REFERENCE, benchmark: str = "studio") -> str:
    """The text of the page.

    Args:
        reference: the folder of the reference records.
        benchmark: the benchmark whose records are used.
    """
    choice = choose_records(read_measured([str(reference)]), benchmark)
    published = load_published()
    parts = [
        _TEXT,
        "## Tables\n",
        *(markdown(paper_table(table, choice, published)) for table in TABLES),
        "## Figures\n",
    ]
    for figure in FIGURES:
        if (DOCS / _picture(figure.number)).is_file():
            parts.append(f"![Figure {figure.number}: {figure.title}]({_picture(figure.number)})\n")
    return "\n".join(parts)


def _picture(number: int) -> str:
    return f"images/paper-figure-{number}.jpg"


@click.command()
@click.option("--records", type=click.Path(path_type=Path), default=Path("runs/reference"), show_default=True)
@click.option("--tables-only", is_flag=True, help="Keep the pictures.")
@click.pass_context
def main(context: click.Context, records: Path, tables_only: bool) -> None:
    """Draw the figures from the images of some records, and write the page."""
    from fhpt_bench.cli import cli

    if not tables_only:
        with tempfile.TemporaryDirectory() as folder:
            words = ["paper", "figures", "--records", str(records), "--no-reference", "--count", "4", "--out", folder]
            cli.main(args=words, standalone_mode=False)
            for figure in FIGURES:
                with Image.open(Path(folder) / f"figure-{figure.number}.png") as image:
                    image.thumbnail((_WIDTH, 4 * _WIDTH))
                    buffer = io.BytesIO()
                    image.convert("RGB").save(buffer, "JPEG", quality=85, optimize=True)
                write_bytes(DOCS / _picture(figure.number), buffer.getvalue())
    write_text(PAGE, page())


if __name__ == "__main__":
    main()
