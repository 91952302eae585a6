"""The headline scores, which the leaderboard shows by default, and the other scores with --full."""

from __future__ import annotations

import csv
import io
import json
import re
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fhpt_bench.errors import UserError
from fhpt_bench.protocol import ProtocolCard, protocols
from fhpt_bench.records.comparison import find_records, read_values
from leaderboards.command import leaderboard
from leaderboards.tables import Table, build_tables

HEADLINES = [
    "ssim:canonical:ssim", "psnr:canonical:psnr", "lpips:alex-0.1:lpips", "fd-effnet-lite0:canonical:fd-effnet-lite0",
    "kd-effnet-lite0:canonical:kd-effnet-lite0", "is-effnet-lite0:canonical:is-effnet-lite0",
    "kec:canonical:body", "kec:canonical:face", "kec:canonical:hands", "pckh:patn:pckh",
    "face-id:canonical:face-id", "retrieval:unique-vgg16:retrieval",
    "gender-bias:canonical:gender-bias", "fid:canonical:fid", "kid:canonical:kid", "is:canonical:is",
]  # fmt: skip


@pytest.fixture
def keys() -> list[str]:
    """All scores of the protocols of `studio`, then of the protocols that need Inception."""
    text = files("fhpt_bench").joinpath("benchmarks/studio.toml").read_text(encoding="utf-8")
    found = []
    for word in [*tomllib.loads(text)["protocols"], "fid", "kid", "is"]:
        protocol, _, variant = word.partition(":")
        loaded = protocols.load(protocol)(variant or None)
        found += [f"{protocol}:{loaded.variant}:{metric.name}" for metric in loaded.metrics]
    return found


@pytest.fixture
def cards(keys: list[str]) -> dict[str, ProtocolCard]:
    """`protocol:variant` -> card."""
    names = dict.fromkeys(":".join(key.split(":")[:2]) for key in keys)
    return {name: protocols.load(name.split(":")[0])(name.split(":")[1]).card for name in names}


@pytest.fixture
def studio(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    keys: list[str],
    cards: dict[str, ProtocolCard],
) -> Path:
    """Two models with all scores of `keys`; one has a long name."""
    spread = np.random.default_rng(0).uniform(-0.02, 0.02, len(people))
    for name, shift in (("warp", 0.0), ("a-model-with-a-rather-long-name-in-version-2", 0.3)):
        scores = []
        for key in keys:
            (metric,) = [m for m in cards[":".join(key.split(":")[:2])].metrics if m.name == key.split(":")[2]]
            value = max(0.0, metric.range[0]) + 0.1 + shift
            whole = given(key, value, interval=(value - 0.01, value + 0.02))
            scores.append(given(key, value + spread) if metric.per_pair else whole)
        make_record(tmp_path / name, scores, people, name=name)
    return tmp_path


def columns_of(folder: Path, **options: Any) -> list[str]:
    """The keys of the columns of the only table."""
    (table,) = tables_of(folder, **options)
    return [column.key for column in table.columns]


def tables_of(folder: Path, **options: Any) -> list[Table]:
    """The tables over all records in a folder."""
    return build_tables([(record, read_values(record)) for record in find_records([folder])[0]], **options)


def shown(*arguments: object, width: int = 100) -> str:
    """The output of the command on a terminal with a given width."""
    result = CliRunner().invoke(leaderboard, list(map(str, arguments)), env={"COLUMNS": str(width)})
    if result.exception:
        raise result.exception
    return result.stdout


def blocks(text: str) -> int:
    """The number of blocks of columns: each has one rule below its heads."""
    return sum(line.startswith("─") for line in text.splitlines())


def test_the_default_shows_the_first_metric_of_the_first_variant_of_each_protocol(
    studio: Path, keys: list[str]
) -> None:
    assert columns_of(studio, full=False) == HEADLINES
    assert columns_of(studio) == columns_of(studio, full=True) == keys
    text = shown("--records", studio)
    assert "alex-0.1" in text
    assert "vgg-0.1" not in text
    assert columns_of(studio, wanted=["kec:canonical:hands"]) == ["kec:canonical:hands"]


def test_the_last_line_says_how_to_see_the_other_scores(studio: Path, three: Path, keys: list[str]) -> None:
    for format_ in ("table", "markdown", "latex"):
        last = shown("--records", studio, "--format", format_).rstrip().splitlines()[-1]
        assert f"`fhpt-bench leaderboard --full` shows all {len(keys)} scores" in last
        assert "`--protocols ID`" in last
        for choice in (["--full"], ["--protocols", "kec"]):
            assert "--full" not in shown("--records", studio, "--format", format_, *choice)
    assert "--full" not in shown("--records", three / "good")


@pytest.mark.parametrize(("width", "most"), [(80, 4), (100, 3), (160, 2)])
def test_the_headlines_need_few_blocks_and_no_number_is_cut(studio: Path, width: int, most: int) -> None:
    text = shown("--records", studio, width=width)
    assert blocks(text) <= most
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert len(re.findall(r"\*[01]\.\d+ \(1\)", text)) == len(HEADLINES)
    assert len(re.findall(r"\[[01]\.\d", text)) == len(re.findall(r"[01]\.\d+\]", text)) == 2 * len(HEADLINES)


def test_full_shows_every_score(studio: Path, keys: list[str]) -> None:
    text = shown("--records", studio, "--full", width=200)
    assert len(re.findall(r"\*[01]\.\d+ \(1\)", text)) == len(keys)
    for format_, mark in (("markdown", "|"), ("latex", "&")):
        default, full = (shown("--records", studio, "--format", format_, *more) for more in ([], ["--full"]))
        assert full.count(mark) > 3 * default.count(mark)


def test_csv_always_has_all_scores(studio: Path, keys: list[str]) -> None:
    text = shown("--records", studio, "--format", "csv")
    lines = list(csv.DictReader(io.StringIO(text)))
    assert [f"{line['protocol']}:{line['variant']}:{line['metric']}" for line in lines] == 2 * keys
    assert shown("--records", studio, "--format", "csv", "--full") == text


def test_protocols_selects_scores_that_are_no_headlines(studio: Path) -> None:
    for full in (False, True):
        kept = columns_of(studio, wanted=["lpips", "kec:canonical:face"], full=full)
        assert kept == ["lpips:alex-0.1:lpips", "lpips:vgg-0.1:lpips", "kec:canonical:face"]


def test_the_column_to_sort_by_is_shown(studio: Path) -> None:
    shown_columns = columns_of(studio, sort="lpips:vgg-0.1", full=False)
    assert [key for key in shown_columns if key not in HEADLINES] == ["lpips:vgg-0.1:lpips"]
    assert columns_of(studio, sort="lpips", full=False) == HEADLINES
    with pytest.raises(UserError, match=r"did you mean lpips:vgg-0\.1:lpips"):
        tables_of(studio, sort="lpips:vgg-0.2:lpips", full=False)


def test_a_headline_with_two_fingerprints_has_two_columns(
    tmp_path: Path, make_record: Callable[..., Path], given: Callable[..., Any], people: list[str]
) -> None:
    key = "lpips:alex-0.1:lpips"
    for mark in ("old", "new"):
        make_record(
            tmp_path / mark,
            [given(key, [0.1] * 60, mark=mark), given("lpips:vgg-0.1:lpips", [0.1] * 60)],
            people,
            name=mark,
        )
    assert columns_of(tmp_path, full=False) == [key, key]


def test_a_heading_has_the_pair_list_only_if_two_would_be_equal(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
) -> None:
    for name in ("a", "b"):
        make_record(tmp_path / name, [given("ssim:canonical:ssim", ability)], people, name=name)
    assert [table.heading for table in tables_of(tmp_path)] == ["synthetic 1: 60 pairs"]
    file = tmp_path / "b" / "record.json"
    record = json.loads(file.read_text())
    record["benchmark"]["pairs_sha256"] = 64 * "f"
    file.write_text(json.dumps(record))
    first, second = (table.heading for table in tables_of(tmp_path))
    assert first.startswith("synthetic 1: 60 pairs, pair list ")
    assert second == "synthetic 1: 60 pairs, pair list ffffff"
