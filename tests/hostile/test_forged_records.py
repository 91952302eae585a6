"""A stranger's record is held against what is installed: it cannot lie to `validate` or to the leaderboard."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fhpt_bench.reading import sha256_file
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.validation import validate_record
from fhpt_bench.statistics import METHOD
from tests.hostile.conftest import Done, Forger

Call = Callable[..., Done]
SSIM, PSNR = "ssim:canonical:ssim", "psnr:canonical:psnr"


def score(key: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    def change(record: dict[str, Any]) -> None:
        for entry in record["scores"]:
            if entry["metric"] == key:
                entry.update(changes)

    return change


def without(column: str) -> Callable[[list[list[str]]], Sequence[Sequence[str]]]:
    return lambda lines: [[cell for i, cell in enumerate(line) if i != lines[0].index(column)] for line in lines]


def with_huge_row(lines: list[list[str]]) -> list[list[str]]:
    """One pair of 1e15 with weight 0, which makes a tolerance that grows with the largest value useless."""
    at = lines[0].index(PSNR)
    heads = [*lines[0], f"{PSNR} weight"]
    return [heads, [*lines[1][:at], "1e15", *lines[1][at + 1 :], "0.0"], *([*line, "1.0"] for line in lines[2:])]


def all_metrics(**changes: Any) -> Callable[[dict[str, Any]], None]:
    """Change every metric in the scores and on the cards that the record brings."""

    def change(record: dict[str, Any]) -> None:
        for entry in (*record["scores"], *(metric for card in record["protocols"] for metric in card["metrics"])):
            entry.update({key: value(entry[key]) if callable(value) else value for key, value in changes.items()})

    return change


def unlimited(record: dict[str, Any]) -> None:
    score("ssim", value=5.0, interval=[4.0, 6.0, METHOD])(record)
    for card in record["protocols"]:
        card["metrics"][0]["range"] = [None, None]


def renamed(record: dict[str, Any]) -> None:
    """A variant of an installed protocol that does not exist."""
    record["scores"][0]["variant"] = record["protocols"][0]["variant"] = "secret"


FORGED = {
    "a removed column": (score("ssim", value=0.9999, interval=None), without(SSIM), "has no values by pair"),
    "a huge value without weight": (score("psnr", value=99.0), with_huge_row, "psnr is 99.0, but its pairs give"),
    "a range taken out": (unlimited, None, r"is 5.0, outside its range \[-1, 1\]"),
    "a direction turned": (all_metrics(higher_is_better=lambda old: not old), None, "has higher_is_better False"),
    "a label of its own": (all_metrics(label="FID"), None, "has label 'FID', the installed card 'SSIM'"),
    "a unit of its own": (all_metrics(unit="%"), None, "has unit '%'"),
    "an interval called exact": (
        lambda record: score("ssim", interval=[(v := record["scores"][0]["value"]) - 1e-6, v + 1e-6, "exact"])(record),
        None, "has an interval by 'exact', its protocol resamples people",
    ),
    "a version of its own": (
        lambda record: [card.update(version=999) for card in record["protocols"]], None,
        "has the fingerprint of version",
    ),
    "a card without a metric": (
        lambda record: record["protocols"][0]["metrics"][0].update(name="other"), None, "is on no card of the record",
    ),
    "a subset that does not exist": (
        lambda record: record["benchmark"].update(subset="easy"), None, "has no subset 'easy'",
    ),
    "another title": (lambda record: record["benchmark"].update(title="studio 2.0"), None, "its title is"),
    "more pairs": (lambda record: record["benchmark"].update(n_pairs=800, limit=None), None, "12 rows"),
    "a value outside of its range on a pair": (
        None, lambda lines: [lines[0], [*lines[1][:2], "1.5", *lines[1][3:]], *lines[2:]], "has a pair with 1.5",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "table", "message"), FORGED.values(), ids=FORGED)
def test_validate_finds_it(forge: Forger, call: Call, change: Any, table: Any, message: str) -> None:
    folder = forge(change=change or (lambda record: None), table=table)
    done = call("validate", folder)
    assert done.code == 1
    assert re.search(message, " ".join(done.out.split()))
    assert re.search(r"\d+ wrong\. \d of 2 scores follow from pairs\.csv", done.out)


def test_a_true_record_passes_and_says_how_much_was_checked(true_record: Path, call: Call) -> None:
    done = call("validate", true_record)
    assert done.code == 0
    assert "Nothing that could be checked is wrong. 2 of 2 scores follow from pairs.csv." in done.out
    assert "--images does" in done.out


def test_an_unknown_variant_or_version_cannot_be_checked(forge: Forger) -> None:
    for change, words in ((renamed, "has no variant 'secret'"), (lambda r: r["protocols"][0].update(version=7), "7")):
        checks = validate_record(read_record(forge(str(len(words)), change))).checks
        assert any(check.status == "cannot" and words in check.detail for check in checks)


def test_images_show_what_files_cannot(true_record: Path, tmp_path: Path, call: Call) -> None:
    """A consistent set of made-up values by pair passes until the images are measured again."""
    import pandas as pd

    from fhpt_bench.records.pair_table import read_pair_values
    from fhpt_bench.statistics import cluster_bootstrap

    folder = shutil.copytree(true_record, tmp_path / "forged")
    record = json.loads((folder / "record.json").read_text())
    table = pd.read_csv(folder / "pairs.csv", dtype={"person": str})
    table[SSIM] = table[SSIM] * 0.5 + 0.5
    table.to_csv(folder / "pairs.csv", index=False)
    values = read_pair_values(folder, 12)[SSIM]
    interval = cluster_bootstrap(
        values["value"].to_numpy(), values["weight"].to_numpy(), values["person"].to_numpy(str)
    )
    score("ssim", value=values["value"].mean(), interval=interval and [interval.low, interval.high, METHOD])(record)
    record["pairs"]["sha256"] = sha256_file(folder / "pairs.csv")
    (folder / "record.json").write_text(json.dumps(record))
    assert call("validate", folder).code == 0
    before = sorted(path.name for path in folder.rglob("*"))
    done = call("validate", folder, "--images")
    assert done.code == 1
    assert re.search(r"ssim:canonical:ssim is 0\.\d+, its images give 0\.\d+", done.out)
    assert "psnr" not in "".join(line for line in done.out.splitlines() if "WRONG" in line)
    assert sorted(path.name for path in folder.rglob("*")) == before
    assert call("validate", true_record, "--images").code == 0


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FORGED
        if name not in ("a subset that does not exist", "another title", "a card without a metric")
    ],
)
def test_the_leaderboard_leaves_it_out_or_apart(forge: Forger, call: Call, name: str) -> None:
    change, table, _ = FORGED[name]
    for other in ("one", "two"):
        forge(other)
    forge("liar", change=change or (lambda record: None), table=table)
    done = call("leaderboard", "--records", forge.place, "--full")
    assert done.code == 0
    main, _, apart = done.out.partition("not installed here: not ranked")
    if name == "a value outside of its range on a pair":
        assert "liar" in done.err  # its mean is another one
        return
    assert "liar" not in main
    assert ("liar" in apart) == (name == "a version of its own")
    assert name == "a version of its own" or "ignored: " in done.err
    assert "SSIM" in main
    assert "FID" not in main


def test_heads_and_ranks_come_from_the_installed_cards(forge: Forger, call: Call) -> None:
    """Two honest records and one of a protocol that nobody has here: its direction and label rank nobody."""

    def foreign(record: dict[str, Any]) -> None:
        for card in record["protocols"]:
            card["id"] = f"my-{card['id']}"
        for entry in record["scores"]:
            entry["protocol"] = f"my-{entry['protocol']}"
        all_metrics(label="BEST", higher_is_better=False)(record)

    forge("one")
    forge("two")
    folder = forge("foreign", foreign)
    (folder / "pairs.csv").write_text((folder / "pairs.csv").read_text().replace("ssim:", "my-ssim:"))
    done = call("leaderboard", "--records", forge.place, "--full")
    main, _, apart = done.out.partition("not installed here: not ranked")
    assert "BEST" not in main
    assert "SSIM ↑" in main
    assert "(1" not in apart


def wide(lines: list[list[str]]) -> list[list[str]]:
    """50,000 columns more in the head of the table: 22 GB with two million of them."""
    return [[*lines[0], *(f"q{i}" for i in range(50_000))], *lines[1:]]


def returns(lines: list[list[str]]) -> list[list[str]]:
    """Two million rows that end with a carriage return, which the parser counts and a count of lines does not."""
    return [*lines[:-1], [*lines[-1][:-1], lines[-1][-1] + "\ra" * 2_000_000]]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("table", [wide, returns])
def test_a_table_that_stops_its_parser(forge: Forger, call: Call, table: Any) -> None:
    forge("fine")
    folder = forge("broken", table=table)
    done = call("leaderboard", "--records", forge.place)
    assert "fine" in done.out
    assert "carriage returns, or more than 3,000 columns" in done.err
    assert call("validate", folder).code == 1


@pytest.mark.timeout(60)
def test_thousands_of_protocols(forge: Forger, call: Call) -> None:
    def change(record: dict[str, Any]) -> None:
        card, entry = record["protocols"][0], record["scores"][0]
        record["protocols"] += [{**card, "id": f"z{i}"} for i in range(5000)]
        record["scores"] += [
            {**entry, "protocol": f"z{i}", "status": "failed", "value": None, "reason": "x"} for i in range(5000)
        ]

    forge("fine")
    forge("broken", change)
    done = call("leaderboard", "--records", forge.place)
    assert "fine" in done.out
    assert "is wrong at protocols" in done.err


def test_pairs_that_are_left_out_are_named(forge: Forger, call: Call) -> None:
    """A record that leaves out its worst pairs is consistent: `validate` says which scores leave out any."""

    def table(lines: list[list[str]]) -> list[list[str]]:
        worst = min(lines[1:], key=lambda line: float(line[2]))
        rows = [[*line, "no face" if line is worst else ""] for line in lines[1:]]
        return [[*lines[0], f"{SSIM} skipped"], *rows]

    done = call("validate", forge(table=table))
    assert "whether pairs are rightly left out or weighted, which moves the mean: ssim" in " ".join(done.out.split())


def test_fewer_pairs_get_a_table_of_their_own(forge: Forger, call: Call) -> None:
    """Ten pairs with the digest of all changed the heading and the n of everybody."""
    forge("one")
    forge("two")
    forge(
        "a-few",
        lambda record: (record["benchmark"].update(n_pairs=11), record["pairs"].update(rows=11)),
        lambda lines: lines[:-1],
    )
    done = call("leaderboard", "--records", forge.place, "--full")
    assert "a-few" not in done.out
    assert "studio 1.0: 12 pairs" in done.out
    for number, change in enumerate(({"people": 3}, {"limit": 0}, {"limit": 11})):
        found = call(
            "validate", forge(f"facts {number}", lambda record, change=change: record["benchmark"].update(change))
        )
        assert found.code == 1, change


UNREADABLE = {
    "a byte that is not UTF-8": b"\xff{}",
    "200,000 levels": b"[" * 200_000,
    "1e308 twice": b'{"schema_version": 1, "scores": [{"value": 1e308}, {"value": -1e308}]}',
    "an infinite number": b'{"schema_version": 1e999}',
    "5,000 digits": b'{"schema_version": ' + b"9" * 5000 + b"}",
    "a name of 40 MB": b'{"schema_version": 1, "name": "' + b"x" * 40_000_000 + b'"}',
    "a list": b"[1, 2]",
    "empty": b"",
    "not a number": b'{"schema_version": NaN}',
    "a million empty objects": b'{"schema_version": 1, "scores": [' + b"{}," * 1_100_000 + b"{}]}",
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_record_costs_one_line(forge: Forger, call: Call, content: bytes) -> None:
    forge("fine")
    folder = forge("broken", raw=content)
    done = call("leaderboard", "--records", forge.place)
    assert done.code == 0
    assert "fine" in done.out
    assert done.err.count("ignored: ") == len(done.err.splitlines()) == 1
    assert len(done.err) < 1000
    assert call("validate", folder).code == 2


FIELDS = {
    "features: 5": lambda record: record["protocols"][0].update(features=5),
    "a card that is a number": lambda record: record.update(protocols=[1]),
    "no metric": lambda record: record["protocols"][0].update(metrics=[]),
    "a name of 201 characters": lambda record: record["model"].update(name="x" * 201),
    "a label of 30,000 characters": score("ssim", label="x" * 30_000),
    "a negative n": score("ssim", n=-1),
    "a size of 10^9": lambda record: record["benchmark"].update(image_size=[10**9, 1]),
    "an interval of text": score("ssim", interval=["a", "b", "c"]),
    "the same card twice": lambda record: record.update(protocols=record["protocols"] * 2),
    "a million rows": lambda record: record["pairs"].update(rows=10**6),
}


@pytest.mark.parametrize("change", FIELDS.values(), ids=FIELDS)
def test_fields_have_limits(forge: Forger, call: Call, change: Any) -> None:
    done = call("validate", forge(change=change))
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert "record.json" in done.err
