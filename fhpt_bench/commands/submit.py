"""`fhpt-bench submit`: pack a run into one file for others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fhpt_bench.records.schema import Record


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--who", required=True, help="Who submits: names, and how to reach you.")
@click.option("--made", required=True, help="How the images were made: code, weights, settings.")
@click.option("--what", help="What the model is.  [default: as in the record]")
@click.option("--paper", help="Citation or link.  [default: as in the record]")
@click.option("--licence", help="Licence of the images and weights.  [default: as in the record]")
@click.option(
    "--thumbnails/--no-thumbnails", default=None,
    help="Small images of up to 1000 pairs.  [default: only if the benchmark file says shareable = true]",
)  # fmt: skip
@click.option("--out", "-o", type=click.Path(path_type=Path), help="File to write.  [default: MODEL-BENCHMARK.zip]")
def submit(
    run: Path, who: str, made: str, what: str | None, paper: str | None, licence: str | None, thumbnails: bool | None,
    out: Path | None,
) -> None:  # fmt: skip
    """Pack a run into a zip file.

    RUN is the folder of a run. The file has its record, the values by pair, digests of its images, thumbnails, and what
    you say about it. It is checked as `validate` does, and not written if anything is wrong. `validate FILE` checks it
    again.
    """
    import tempfile

    from fhpt_bench.errors import UserError
    from fhpt_bench.files import file_name, write_bytes
    from fhpt_bench.output_folder import check_new
    from fhpt_bench.reading import JSON_BYTES, LIST_BYTES, read_file
    from fhpt_bench.records import submission
    from fhpt_bench.records.pair_table import PAIRS_FILE
    from fhpt_bench.records.schema import RECORD_FILE, read_record
    from fhpt_bench.reporting.listing import echo, print_table

    record = read_record(run)
    model, folder = record.model, record.folder or Path()
    try:
        card = submission.SubmissionCard(
            who=who, made=made, what=what if what is not None else model.title,
            paper=paper if paper is not None else model.paper,
            licence=licence if licence is not None else model.licence, members={},
        )  # fmt: skip
    except ValueError as error:
        raise UserError("--who and --made must not be empty, and texts have at most 2000 characters.") from error
    shown = _shareable(record.benchmark.id) if thumbnails is None else thumbnails
    if thumbnails and not _shareable(record.benchmark.id):
        echo(f"The licence of {record.benchmark.id} may forbid you to publish images of its people.", err=True)
    images, sheet = _images(record, folder / "images", shown)
    if images is None:
        echo(f"{folder} has not kept its images: the file gets no digests of them and no thumbnails.", err=True)
    if images is not None and sheet is not None:
        ids = _chosen(list(images))
        card = card.model_copy(update={"thumbnails": tuple(ids), "columns": _columns(len(ids))})
    packed = submission.pack_submission(
        card, read_file(folder / RECORD_FILE, JSON_BYTES), read_file(folder / PAIRS_FILE, LIST_BYTES), images, sheet
    )
    file = (out or Path(f"{file_name(model.name) or 'model'}-{record.benchmark.id}.zip")).expanduser()
    check_new(file, packed)
    with tempfile.TemporaryDirectory() as place:
        (made_file := Path(place) / "submission.zip").write_bytes(packed)
        unpacked = submission.unpack_submission(made_file, Path(place) / "unpacked")
        found = submission.check_submission(unpacked, progress=True)
    if found.wrong:
        print_table(("", "check", "found"), [(c.status, c.name, c.detail) for c in found.checks if c.status == "WRONG"])
        raise SystemExit(1)
    write_bytes(file, packed)
    echo(f"{found.summary}\nwritten  {file} ({len(packed):,} bytes)")


def _shareable(benchmark: str) -> bool:
    """Whether an installed benchmark says that its images may be published."""
    from fhpt_bench.benchmark import benchmarks
    from fhpt_bench.benchmarks.schema import read_schema

    return benchmark in benchmarks.entries() and read_schema(benchmarks.load(benchmark)).shareable


def _images(record: Record, folder: Path, shown: bool) -> tuple[dict[str, str] | None, NDArray[np.uint8] | None]:
    """Pair id -> digest of its image, and the sheet of thumbnails, if the run kept its images."""
    import numpy as np
    from PIL import Image

    from fhpt_bench.data.images import digest_images, read_image
    from fhpt_bench.records.pair_table import read_people
    from fhpt_bench.records.submission import sheet_size, thumbnail_size

    pairs = list(read_people(record.folder or Path(), record.pairs.rows).index)
    if not folder.is_dir():
        return None, None
    size = record.benchmark.image_size
    found = digest_images([folder / f"{pair}.png" for pair in pairs], size, progress=True)
    images = dict(zip(pairs, found.values(), strict=True))
    if not shown:
        return images, None
    chosen, (height, width) = _chosen(pairs), thumbnail_size(size)
    columns = _columns(len(chosen))
    sheet = np.full((*sheet_size(len(chosen), columns, size), 3), 255, np.uint8)
    for i, pair in enumerate(chosen):
        small = Image.fromarray(read_image(folder / f"{pair}.png", size)).resize((width, height))
        top, left = i // columns * height, i % columns * width
        sheet[top : top + height, left : left + width] = np.asarray(small)
    return images, sheet


def _chosen(pairs: list[str]) -> list[str]:
    """The pairs with thumbnails: all, or as many as allowed, evenly spread over the list."""
    from fhpt_bench.records.submission import THUMBNAILS

    most = min(len(pairs), THUMBNAILS)
    return [pairs[i * len(pairs) // most] for i in range(most)]


def _columns(count: int) -> int:
    import math

    return max(1, math.isqrt(count))
