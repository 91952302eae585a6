"""Writing the page: content, plots and sprites into static files; files that would not change are not written."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.files import sha256_bytes, write_bytes
from fhpt_bench.progress import progress_bar
from fhpt_bench.version import VERSION
from leaderboards.literature_tables import published_tables
from leaderboards.page.audit import audit_content
from leaderboards.page.comparisons import EXTREME, MOST_ROWS, compare_rows, extreme_pairs
from leaderboards.page.content import card_content, headline_keys, published_content, table_content, unique_ids
from leaderboards.page.plots import table_plots
from leaderboards.page.retrieval import find_examples
from leaderboards.page.thumbnails import COLUMNS, choose_pairs, make_sprites
from leaderboards.ranking import Measured
from leaderboards.tables import Table

INDEX = "index.html"
MARKER = "page.json"  # by which a page of ours is recognised


@dataclass
class Page:
    """The files of a page.

    Args:
        files: path below the page's folder -> content.
        remarks: what a reader of the terminal should know.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def make_page(
    tables: Sequence[Table], measured: Sequence[Measured], published: Sequence[Any], images: bool, every_image: bool,
    progress: bool = False,
) -> Page:  # fmt: skip
    """Make the page.

    Args:
        tables: all tables, with all columns.
        measured: the records with their values by pair.
        published: published rows, which are shown apart.
        images: whether to make thumbnails, for benchmarks whose images may be published.
        every_image: make thumbnails of the other benchmarks, too.
        progress: show a progress bar.
    """
    page = Page()
    headlines = headline_keys([record for record, _ in measured])
    contents = unique_ids([table_content(table, headlines) for table in tables])
    plots: list[dict[str, str]] = []
    with progress_bar("page", len(tables), progress) as done:
        for table, content in zip(tables, contents, strict=True):
            by_record = {id(record): (record, values) for record, values in measured}
            rows = {row.label: by_record[id(row.record)] for row in table.rows}
            content["compare"] = compare_rows(table, rows)
            content["compared"] = min(len(table.rows), MOST_ROWS)
            plots += [
                {"table": content["id"], "caption": caption, "svg": svg}
                for caption, svg in table_plots(table, headlines, rows)
            ]
            if images:
                _add_pairs(page, content, table, headlines, rows, every_image, progress)
            done(1)
    cards = card_content([column["card"] for content in contents for column in content["columns"]])
    whole = {
        "tables": contents, "cards": cards, "published": published_content(published_tables(list(published))),
        "audit": audit_content(),
        "made": f"Made by fhpt-bench {VERSION} from {len(measured)} records.",
    }  # fmt: skip
    page.files[INDEX] = _html(whole, plots, images).encode()
    page.files[MARKER] = b'{"format": "fhpt-bench page", "version": 1}\n'
    return page


def _add_pairs(
    page: Page, content: dict[str, Any], table: Table, headlines: set[str], rows: dict[str, Measured], every: bool,
    progress: bool,
) -> None:  # fmt: skip
    """Thumbnails and values by pair, if the benchmark is here and its images may be shown."""
    benchmark = _benchmark(table)
    folders = [row.record.folder / "images" if row.record.folder else None for row in table.rows]
    held = [folder if folder is not None and folder.is_dir() else None for folder in folders]
    if benchmark is None or not any(held):
        return
    if not benchmark.shareable and not every:
        page.remarks.append(
            f"{table.heading}: no images, because nothing says that they may be published; --with-images shows them."
        )
        return
    if not benchmark.shareable:
        page.remarks.append(
            f"{table.heading}: the page holds images whose licence may forbid to publish them: keep it to yourself."
        )
    held = [folder if at < MOST_ROWS else None for at, folder in enumerate(held)]
    keys = [column.key for column in table.columns if column.key in headlines]
    extreme = extreme_pairs(keys, [rows[row.label][1] for row in table.rows[:MOST_ROWS]])
    wanted = [
        *extreme,
        *(entry[0] for both in content["compare"].values() for some in both["extremes"].values() for entry in some),
    ]
    pairs = choose_pairs(benchmark.pairs, wanted, sum(folder is not None for folder in held))
    try:
        examples = find_examples(table, benchmark, pairs, held, progress)
    except UserError as error:
        page.remarks.append(f"{table.heading}: no retrieval galleries: {error}")
        examples = None
    if examples is not None:
        content["retrieval"] = examples.content
    sprites = make_sprites(benchmark, pairs, held, examples.images if examples else ())
    content["extreme"] = EXTREME if {*extreme} <= {pair.id for pair in sprites.pairs} else 0
    content["pairs_shown"] = [
        [pair.id, pair.person, shown.view if (shown := benchmark.facts(pair.target)) else ""] for pair in sprites.pairs
    ]
    content["thumb"], content["sprite_columns"] = list(sprites.size), COLUMNS
    content["sprites"] = {}
    for name, data in sprites.files.items():
        path = f"sprites/{content['id']}-{name}-{sha256_bytes(data)[:12]}.webp"
        page.files[path] = data
        content["sprites"][name] = path
    content["pair_values"] = {
        at: [_values(rows[row.label], column.key, [pair.id for pair in pairs]) for row in table.rows]
        for at, column in enumerate(table.columns)
        if column.key in keys and any(column.key in values for _, values in rows.values())
    }


def _values(item: Measured, key: str, pairs: Sequence[str]) -> list[float | None] | None:
    table = item[1].get(key)
    if table is None:
        return None
    values = table["value"].where(table["skipped"] == "").reindex(list(pairs))
    return [None if value != value else float(f"{value:.5g}") for value in values]


def _benchmark(table: Table) -> Benchmark | None:
    """The installed benchmark with the same pairs; its data folder is known only if it is part of a package."""
    part = table.benchmark
    try:
        loaded = load_benchmark(part.id, None, part.limit, part.subset)
    except UserError:
        return None
    return loaded if loaded.pairs_digest == part.pairs_sha256 and loaded.version == part.version else None


def _html(content: dict[str, Any], plots: Sequence[dict[str, str]], images: bool) -> str:
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    folder = importlib.resources.files("leaderboards.page")
    style, script, template = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "template.html")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(template).render(
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        image_source=Markup("'self' file:" if images else "'none'"),
        content=Markup(_in_script(content)),
        plots=[{**plot, "svg": Markup(plot["svg"])} for plot in plots],
    )


def _in_script(content: Any) -> str:
    """JSON that cannot end the element in which it stands."""
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write_page(page: Page, folder: Path) -> int:
    """Write the files that are new or changed, and remove sprites of an earlier page.

    Args:
        page: from `make_page`.
        folder: a folder that `check_output` accepted.

    Returns:
        The number of files written.

    Raises:
        UserError: if a file cannot be written.
    """
    written = 0
    for name, content in page.files.items():
        path = folder / name
        if not (path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content):
            write_bytes(path, content)
            written += 1
    for path in _stale(folder, page.files):
        path.unlink()
    return written


def _stale(folder: Path, files: Iterable[str]) -> list[Path]:
    kept = set(files)
    return [path for path in (folder / "sprites").glob("*-????????????.webp") if f"sprites/{path.name}" not in kept]
