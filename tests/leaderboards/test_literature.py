"""Published rows: as their sources print them, with their sources, separate from measured rows, never ranked."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhpt_bench.errors import UserError
from leaderboards.command import leaderboard
from leaderboards.literature import PublishedRow, load_published, select
from leaderboards.literature_tables import published_tables

SHARED = next(
    (p / "shared" / "published" for p in Path(__file__).parents if (p / "shared" / "published").is_dir()), None
)
DRN = "https://arxiv.org/abs/2005.12494"
ROW = """
benchmark = "deepfashion"

[[source]]
name = "A paper, Table 1"
url = "https://example.org/paper"
grade = "A"

[[source.row]]
system = "First"
scores = { "ssim:patn" = 0.770 }

[[source.row]]
system = "Second"
scores = { "ssim:unknown" = 0.7, "face-id:canonical:acc@0.6" = 0.25 }
"""


@pytest.fixture(scope="module")
def rows() -> list[PublishedRow]:
    return load_published()


def values(row: PublishedRow) -> dict[str, str]:
    return {score.key: str(score.value) for score in row.scores}


def shown(*arguments: object, width: int = 80) -> Result:
    result = CliRunner().invoke(leaderboard, list(map(str, arguments)), env={"COLUMNS": str(width)})
    if result.exception:
        raise result.exception
    return result


def test_the_papers_tables(rows: list[PublishedRow]) -> None:
    drn = [row for row in rows if row.source.url == DRN]
    assert len(drn) == 10 + 4 + 16 + 3
    found = {(row.system, row.setting, row.source.name.removeprefix("DRN, "), *row.scores[0].key.split(":")[1:2]): row
             for row in drn}  # fmt: skip
    full = found["DRN", "full", "Tables II and III", "patn"]
    assert list(values(full).values()) == ["0.774", "3.125", "14.611", "0.218"]
    assert full.n == 8570
    assert list(values(found["PATN", "retrained", "Tables II and III", "patn"]).values())[2] == "19.816"
    face = values(found["DRN", "without the face module", "Table IV", "unknown"])
    assert face == {"face-id:unknown:face-id": "0.647", "face-id:unknown:acc@0.6": "0.247",
                    "face-id:unknown:acc@0.7": "0.752"}  # fmt: skip
    real = values(found["Real images", "", "Table V", "paper-resnet50"])
    assert real == {f"retrieval:paper-resnet50:{name}": value for name, value in
                    (("retrieval@3", "0.2613"), ("retrieval@5", "0.4136"), ("retrieval", "0.6789"))}  # fmt: skip
    assert values(found["DSC", "retrained", "Table V", "paper-vgg16"])["retrieval:paper-vgg16:retrieval"] == "0.2893"
    assert values(found["DSC", "retrained", "Table VI", "unknown"]) == {"gender-bias:unknown:gender-bias": "0.177"}


def test_a_note_marks_rows_that_the_paper_did_not_measure(rows: list[PublishedRow]) -> None:
    table = {(row.system, row.setting): row for row in rows if row.source.name == "DRN, Tables II and III"}
    assert "PATN" in table["VUNet", "UV-Net in the paper"].note
    assert "own paper" in table["SPT", ""].note
    dsc = table["DSC", "retrained"]
    assert dsc.n == 8144
    assert "426" in dsc.note


@pytest.mark.skipif(SHARED is None, reason="the tables that the rows were taken from are missing")
def test_every_row_equals_its_source_and_no_second_hand_row_is_shipped(rows: list[PublishedRow]) -> None:
    assert SHARED is not None

    def table(name: str) -> list[dict[str, str]]:
        with (SHARED / name).open(newline="") as file:
            return list(csv.DictReader(file))

    names = ("ssim", "is", "fid", "lpips", "psnr")
    mine = [row for row in rows if row.source.name == "DRN, Tables II and III"]
    printed = Counter(tuple(line[name] for name in names[:4]) for line in table("results.csv"))
    assert printed == Counter(
        tuple({score.protocol: str(score.value) for score in row.scores}.get(name, "") for name in names[:4])
        for row in mine
    )

    read: Counter[tuple[str, frozenset[str]]] = Counter()
    second_hand = set()
    for line in table("other_systems.csv"):
        url = line["source_url"].split()[0]
        if "evidence=C" in line["protocol_note"]:
            second_hand.add(url)
            continue
        more = re.findall(r"(?:PCKh|CX [a-z/]+)=([\d.]+)", line["other"])
        read[url, frozenset([line[name] for name in names if line[name]] + more)] += 1
    read["https://github.com/RenYurui/Global-Flow-Local-Attention/issues/42", frozenset(["0.68"])] += 1
    others = [row for row in rows if row.source.url != DRN and row.benchmark == "deepfashion"]
    assert read == Counter((row.source.url, frozenset(values(row).values())) for row in others)
    assert not second_hand & {row.source.url for row in rows}


def test_market1501(rows: list[PublishedRow]) -> None:
    """As the issues print them; the numbers of papers on Market-1501 were not read."""
    own = {row.source.url.rpartition("/")[2]: values(row) for row in rows if row.benchmark == "market1501"}
    assert own == {
        "31": {"ssim:market:ssim": "0.281508094", "is:market:is": "3.1618128",
               "mask-ssim:market:mask-ssim": "0.799356671", "mask-is:market:mask-is": "3.735669"},
        "27": {"ssim:unknown:ssim": "0.281", "is:unknown:is": "3.16"},
    }  # fmt: skip


def test_contradictions_stand_side_by_side(rows: list[PublishedRow]) -> None:
    table = published_tables(rows)[0]
    labels = [column.lines[0] for column in table.columns]
    systems = [row.label[0].split(",")[0] for row in table.rows]
    assert systems == sorted(systems, key=str.casefold)
    gfla = [row.cells[labels.index("FID ↓")].lines[0] for row in table.rows if row.label[0].startswith("GFLA,")]
    assert {"10.573", "10.57", "9.87"} <= set(gfla)
    psnr = {Decimal(row.cells[labels.index("PSNR ↑")].lines[0].replace("-", "0")) for row in table.rows} - {0}
    assert min(psnr) < 18 < 31 < max(psnr)


def test_each_row_shows_its_source(rows: list[PublishedRow]) -> None:
    for table in published_tables(rows):
        for row in table.rows:
            cited = " ".join(table.references[number - 1] for number in row.references)
            assert re.search(r"https?://\S+ \([AB]\)", cited)
            assert row.label[1].split(" [")[0] in cited
            assert not any(cell.best for cell in row.cells)


@pytest.mark.parametrize("format_", ["table", "markdown", "latex"])
def test_published_rows_do_not_change_measured_tables(three: Path, format_: str) -> None:
    alone = shown("--records", three, "--format", format_).stdout
    both = shown("--records", three, "--format", format_, "--published").stdout
    assert both.startswith(alone)
    published = both[len(alone) :]
    assert "as published" in published
    assert "never ranked" in published
    assert not re.search(r"\(1=?\)|textbf|\*\d", published)


def test_published_rows_are_shown_without_any_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    alone = shown("--published", "--no-reference").stdout
    for name in ("deepfashion", "market1501"):
        lines = shown("--published", "--no-reference", "--benchmark", name).stdout.splitlines()
        assert f"{name}, as published" in lines[0]
        assert set(lines) <= set(alone.splitlines())
    assert max(map(len, alone.splitlines())) <= 80
    assert "…" not in alone
    with pytest.raises(UserError, match="choose one of deepfashion, market1501"):
        shown("--published", "--no-reference", "--benchmark", "studio")
    with pytest.raises(UserError, match="There is no folder"):
        shown("--published", "--records", tmp_path / "absent")
    with pytest.raises(UserError, match="There is no folder"):
        shown("--no-reference")
    with pytest.raises(UserError, match="never ranked"):
        shown("--published", "--no-reference", "--sort", "fid")


def test_published_rows_belong_to_their_benchmark(three: Path) -> None:
    text = shown("--records", three, "--published", "--benchmark", "synthetic").stdout
    assert text == shown("--records", three, "--benchmark", "synthetic").stdout
    assert "synthetic" not in shown("--records", three, "--published", "--benchmark", "deepfashion").stdout


def test_csv_marks_published_rows(three: Path, rows: list[PublishedRow]) -> None:
    text = shown("--records", three, "--published", "--format", "csv").stdout
    lines = list(csv.DictReader(io.StringIO(text)))
    published = [line for line in lines if line["published"] == "True"]
    assert len(published) == sum(len(row.scores) for row in rows)
    assert {line["published"] for line in lines[: len(lines) - len(published)]} == {"False"}
    for line in published:
        assert (line["rank"], line["fingerprint"], line["status"]) == ("", "", "published")
        assert line["source"]
        assert line["url"]
        assert line["grade"] in ("A", "B")
    (full,) = (
        line for line in published if (line["model"], line["setting"]) == ("DRN", "full") and line["value"] == "14.611"
    )
    assert (full["protocol"], full["variant"], full["n"], full["higher_is_better"]) == ("fid", "drn", "8570", "False")
    assert "0.7725931243170262" in {line["value"] for line in published}


def test_scores_can_be_chosen(three: Path, rows: list[PublishedRow]) -> None:
    lines = csv.DictReader(io.StringIO(shown("--records", three, "--published", "--protocols", "ssim:patn, fid",
                                             "--format", "csv").stdout))  # fmt: skip
    assert {(line["protocol"], line["variant"]) for line in lines} == {
        ("ssim", "patn"), ("fid", "unknown"), ("fid", "drn"), ("fid", "gfla"), ("fid", "train")
    }  # fmt: skip
    assert select(rows, "deepfashion", ["psnr"])
    assert not select(rows, "studio", [])
    with pytest.raises(UserError, match=r"no score 'ssim:gflaa' to show: did you mean .*ssim:gfla"):
        shown("--records", three, "--published", "--protocols", "ssim:gflaa")


def test_a_row_keeps_its_digits(tmp_path: Path) -> None:
    (tmp_path / "paper.toml").write_text(ROW)
    first, second = load_published(tmp_path)
    assert values(first) == {"ssim:patn:ssim": "0.770"}
    (table,) = published_tables([first, second])
    assert [cell.lines for cell in table.rows[0].cells] == [("0.770", "patn"), ("-",)]
    assert table.rows[1].label == ("Second", "A paper, Table 1 [1]")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('grade = "A"', 'grade = "C"', r"source 1 \(A paper, Table 1\), grade: "),
        ("0.25", "25", r"row 2 \(Second\), scores: 'face-id:canonical:acc@0.6' is 25, outside 0 to 1"),
        ("ssim:patn", "ssim:patm", r"row 1 \(First\), scores: Protocol ssim has no variant 'patm': did you mean patn"),
        ("ssim:patn", "simm:patn", r"row 1 \(First\), scores: Unknown protocol 'simm': did you mean ssim"),
        ("ssim:patn", "ssim", r"row 1 \(First\), scores: 'ssim' is not protocol:variant"),
        ("acc@0.6", "acc@0.5", r"scores: face-id has no metric 'acc@0.5'"),
        ("ssim:unknown", "face-id:unknown:acc@0.6", "scores: 'acc@0.6' of face-id is given twice"),
        ('system = "First"', 'system = "First"\nranked = 1', r"row 1 \(First\), ranked: extra inputs"),
        ('{ "ssim:patn" = 0.770 }', "{ }", r"row 1 \(First\), scores: "),
        ("0.770", '"high"', r"row 1 \(First\), scores, ssim:patn: "),
        ("0.770", "nan", r"row 1 \(First\), scores, ssim:patn: "),
        ("https://", "", r"source 1 \(A paper, Table 1\), url: "),
        ("[[source]]", "[[source", "is not valid TOML"),
        ('benchmark = "deepfashion"', "", "is wrong at benchmark: field required"),
    ],
)  # fmt: skip
def test_an_error_in_a_row_is_reported_in_one_sentence(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "paper.toml").write_text(ROW.replace(old, new, 1))
    with pytest.raises(UserError, match=message) as caught:
        load_published(tmp_path)
    assert str(tmp_path / "paper.toml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "paper.toml").write_bytes(ROW.replace("First", "é").encode("latin-1"))
    with pytest.raises(UserError, match=r"paper\.toml is not valid TOML"):
        load_published(tmp_path)
