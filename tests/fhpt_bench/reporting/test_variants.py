"""`--variants literature`: every variant that papers have used, in one pass, and a table of which papers used which."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.evaluation.plan import load_protocols, select_protocols
from fhpt_bench.protocol import protocols
from fhpt_bench.records.schema import read_record
from fhpt_bench.reporting.variants import variant_tables

ACME = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"
SSIM = ["canonical", "patn", "market", "gfla", "pidm", "skimage", "cfld-256", "torchmetrics", "grey", "hr-viton"]


def keys(chosen: str, variants: str | None = "literature") -> list[str]:
    return [p.card.key for p in load_protocols(select_protocols(chosen, load_benchmark("studio")), variants)]


def test_literature_stands_beside_what_was_chosen() -> None:
    assert keys("ssim") == [f"ssim:{variant}" for variant in SSIM]
    assert keys("ssim:gfla,psnr") == [
        *(f"ssim:{variant}" for variant in SSIM),
        "psnr:canonical",
        "psnr:unit",
        "psnr:batch16",
    ]
    assert keys("is") == ["is:canonical", "is:drn", "is:hr-viton", "is:market"]
    # A variant that no paper uses is left out unless it is chosen.
    assert keys("kec") == ["kec:canonical"]
    assert keys("kec:in-frame") == ["kec:canonical", "kec:in-frame"]
    assert keys("ssim,ssim:canonical", None) == ["ssim:canonical"]


def test_the_benchmark_s_own_list_is_kept_whole_and_nothing_stands_twice() -> None:
    both, own = keys("all"), keys("all", None)
    assert set(own) < set(both)
    assert len(set(both)) == len(both)
    assert set(both) - set(own) == {
        *(f"ssim:{variant}" for variant in SSIM[1:]), "psnr:unit", "psnr:batch16", "lpips:alex-0.0",
        "lpips:squeeze-0.1", "lpips:alex-128", "lpips:alex-unscaled", "lpips:vgg-unscaled",
        "retrieval:paper-resnet50",
    }  # fmt: skip


def test_a_protocol_that_names_no_papers_works_as_it_did() -> None:
    assert keys(f"{ACME}:FrechetColourHere") == ["colour-here:canonical"]


def test_what_papers_used_is_a_variant() -> None:
    for name in protocols.entries():
        kind = protocols.load(name)
        assert set(kind.used_by) <= set(kind.variants), name
        assert all(kind.used_by.values())


def test_unknown_variants_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(fb.UserError, match="Unknown variants 'all': give literature"):
        fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run", variants="all")


def test_the_table_says_why_an_ssim_differs(tmp_path: Path) -> None:
    words = ["run", "-m", "copy-source", "--limit", "12", "-p", "ssim:patn,psnr", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(cli, [*words, "--variants", "literature", "--processes", "1"])
    assert done.exit_code == 0, done.output
    record = read_record(tmp_path / "run")
    table, other = variant_tables(record)
    assert [row[0] for row in other.rows] == ["canonical", "unit", "batch16"]
    assert table.title == "Why your SSIM differs: SSIM ↑ of copy-source on studio 1.0"
    assert [row[0] for row in table.rows] == SSIM
    for name, value, interval, n, used in table.rows:
        score = record[f"ssim:{name}"]
        assert score.interval is not None
        assert float(value) == pytest.approx(score.value, abs=5e-5)
        assert [float(end) for end in interval.split(" - ")] == pytest.approx(score.interval[:2], abs=5e-5)
        assert n == str(score.n) == "12"
        papers = protocols.load("ssim").used_by[name]
        assert used == (f"recommended here; {papers}" if name == "canonical" else papers)
    assert len({row[1] for row in table.rows}) == len(SSIM)  # otherwise the test could not distinguish them
    text = (tmp_path / "run" / "variants.md").read_text()
    for shown in ("Why your SSIM differs", "docs/footguns.md", *(row[1] for row in table.rows)):
        assert shown in done.output
        assert shown in text
    assert "variants.md" in done.output
    # Without the variants there is nothing to compare, and an older table is removed.
    record = fb.run("copy-source", protocols="ssim", limit=12, out=tmp_path / "run")
    assert variant_tables(record) == []
    assert not (tmp_path / "run" / "variants.md").exists()


def test_variants_without_weights_are_listed_with_the_reason(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setattr("fhpt_bench.weights.fetch", missing)
    record = fb.run("copy-source", str(tiny), "ssim,fid:drn", out=tmp_path / "run", variants="literature")
    _, distances = variant_tables(record)
    assert {row[1:4] for row in distances.rows} == {("skipped", "", "")}
    assert distances.rows[1][4] == "DRN"
    (reason, other) = distances.reasons
    assert reason == "canonical, drn, clean, train skipped: no inception-2015-12-05 here"
    assert other == "gfla, cfld skipped: no inception-imagenet here"
    assert f"- {reason}" in (tmp_path / "run" / "variants.md").read_text()


def missing(name: str) -> str:
    from fhpt_bench.weights import WeightsMissing

    raise WeightsMissing(f"no {name} here")


def test_the_card_says_who_used_it() -> None:
    shown = CliRunner().invoke(cli, ["protocols", "ssim:patn"])
    assert "used by" in shown.output
    assert "used by" not in CliRunner().invoke(cli, ["protocols", "psnr"]).output
