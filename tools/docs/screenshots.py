"""Screenshots of the leaderboard's page for the documents: `python -m tools.docs.screenshots`.

They show the runs of `make reference`, whose images do not ship. Needs Chromium and Playwright.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import click
from PIL import Image

from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from leaderboards.literature import load_published
from leaderboards.measured import read_measured
from leaderboards.page.writing import INDEX, make_page, write_page
from leaderboards.tables import build_tables

PICTURES = Path(__file__).parents[2] / "docs" / "images"
# Name -> address, width, height, colour scheme.
SHOTS = {
    "leaderboard-table": ("", 1440, 860, "light"),
    "leaderboard-pairs": ("#v=pairs&o=disputed", 1440, 860, "dark"),
    "leaderboard-compare": ("#v=compare", 1440, 860, "light"),
    "leaderboard-galleries": ("#v=plots", 1440, 860, "light"),
    "leaderboard-phone": ("", 390, 760, "dark"),
}


@click.command()
@click.option("--records", type=click.Path(path_type=Path), default=Path("runs/reference"), show_default=True)
def main(records: Path) -> None:
    """Make the page of some records and take its pictures."""
    from playwright.sync_api import sync_playwright

    if (chromium := shutil.which("chromium")) is None:
        raise UserError("Chromium is not installed: install the package chromium.")
    measured = read_measured([str(records)])
    page = make_page(build_tables(measured), measured, load_published(), images=True, every_image=False, progress=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        write_page(page, Path(folder))
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for name, (place, width, height, scheme) in SHOTS.items():
            size = {"width": width, "height": height}
            context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
            opened = context.new_page()
            opened.goto((Path(folder) / INDEX).as_uri() + place)
            opened.wait_for_timeout(500)
            if name == "leaderboard-galleries":
                opened.locator("section:has(.gallery)").nth(2).evaluate("section => section.scrollIntoView()")
            buffer = io.BytesIO()
            with Image.open(io.BytesIO(opened.screenshot())) as image:
                image.convert("RGB").save(buffer, "JPEG", quality=85, optimize=True)
            write_bytes(PICTURES / f"{name}.jpg", buffer.getvalue())
            click.echo(PICTURES / f"{name}.jpg")
            context.close()
        browser.close()


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
