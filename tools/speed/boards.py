"""Measure time and size of leaderboards of many records: `python -m tools.speed.boards`.

The records are copies of those that ship, with other names and shifted SSIM values, in a temporary folder that is
removed at the end.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from leaderboards.measured import REFERENCE

KEY = "ssim:canonical:ssim"


def write_copies(folder: Path, count: int) -> None:
    """Write consistent records: values by pair, value and interval move by the same amount."""
    sources = sorted(path for path in (REFERENCE / "studio").iterdir() if path.name != "real")
    for number in range(count):
        source, shift = sources[number % len(sources)], 1e-4 * number
        rows = [line.split(",") for line in (source / "pairs.csv").read_text(encoding="utf-8").splitlines()]
        at = rows[0].index(KEY)
        for row in rows[1:]:
            row[at] = repr(float(row[at]) + shift)
        table = "".join(",".join(row) + "\n" for row in rows).encode()
        record = json.loads((source / "record.json").read_text(encoding="utf-8"))
        record["model"]["name"] = f"model-{number:03}"
        record["pairs"]["sha256"] = hashlib.sha256(table).hexdigest()
        score = next(s for s in record["scores"] if f"{s['protocol']}:{s['variant']}:{s['metric']}" == KEY)
        score["value"] += shift
        score["interval"][:2] = [end + shift for end in score["interval"][:2]]
        place = folder / f"{number:03}"
        place.mkdir(parents=True)
        (place / "pairs.csv").write_bytes(table)
        (place / "record.json").write_text(json.dumps(record), encoding="utf-8")


def main() -> None:
    """Print a line for each number of records."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=[5, 50, 500])
    click.echo("| records | table | page, one file | its size |\n|---|---|---|---|")
    for count in parser.parse_args().counts:
        with tempfile.TemporaryDirectory() as place:
            write_copies(Path(place) / "runs", count)
            words = [sys.executable, "-m", "fhpt_bench", "leaderboard", "--records", f"{place}/runs"]
            page = [*words, "--format", "html", "--single-file", "--out", f"{place}/page"]
            seconds = []
            for command in (words, page):
                start = time.monotonic()
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                seconds.append(time.monotonic() - start)
                if "ignored" in done.stderr:
                    raise SystemExit(done.stderr)
            size = (Path(place) / "page" / "index.html").stat().st_size / 2**20
        click.echo(f"| {count} | {seconds[0]:.1f} s | {seconds[1]:.1f} s | {size:.1f} MiB |")


if __name__ == "__main__":
    main()
