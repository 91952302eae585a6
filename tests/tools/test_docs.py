"""The pages of docs/ that are generated from the code, and the tools that fill in measured tables."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from click.testing import CliRunner

from fhpt_bench.cli import cli
from leaderboards.page.audit import AUDIT
from protocols.audit.results import Results
from tools.docs import audit, protocol_pages
from tools.docs.footguns.__main__ import TABLES
from tools.docs.pages import fill, marks, table
from tools.docs.precision.rows import Row, apart, golden_table


def test_protocol_pages_match_the_code() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in protocol_pages.FOLDER.glob("*.md")}
    made = protocol_pages.pages()
    stale = sorted(name for name in committed.keys() | made.keys() if committed.get(name) != made.get(name))
    assert not stale, f"docs/protocols/ does not match the code ({', '.join(stale)}): run {protocol_pages.COMMAND}"


def test_the_page_of_the_audit_matches_its_results() -> None:
    committed = (audit.DOCS / "audit.md").read_text(encoding="utf-8")
    assert committed == audit.text(Results.read(AUDIT)), "docs/audit.md is stale: run python -m tools.docs.audit"


def test_pages_are_only_of_built_in_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    from fhpt_bench import registry

    known = registry.entry_points
    plugin = registry.Entry("acme", "protocols.perceptual.psnr:PSNR", "acme-hpt 1.0")
    monkeypatch.setattr(registry, "entry_points", lambda group: (*known(group), plugin))
    assert "acme" in protocol_pages.protocols.entries()
    assert "acme.md" not in protocol_pages.pages()


@pytest.mark.parametrize("name", protocol_pages.built_in())
def test_examples_of_the_pages_run(name: str) -> None:
    code = protocol_pages.pages()[f"{name}.md"].replace("```", "\n")
    test = doctest.DocTestParser().get_doctest(code, {}, name, None, None)
    assert test.examples
    assert doctest.DocTestRunner().run(test).failed == 0


def test_the_card_on_the_terminal_lists_what_moves_a_number() -> None:
    shown = CliRunner().invoke(cli, ["protocols", "psnr"])
    assert shown.exit_code == 0
    assert "also changes with" in shown.output
    assert "identical pairs: excluded here" in " ".join(shown.output.split())


def test_a_page_covers_all_variants() -> None:
    page = protocol_pages.pages()["fid.md"]
    assert "| `inception-2015-12-05` |" in page
    assert "`canonical`, `drn`, `clean`, `train` |" in page, "the variants that need the weights"
    assert "`train`, `gfla`, `cfld` would be skipped: “The benchmark yours " in page
    assert "import kid" not in page
    assert "import fid" not in protocol_pages.pages()["fd-effnet-lite0.md"]


def test_blocks_are_filled_in_between_their_marks() -> None:
    page = "a\n<!-- measured: x -->\nold\n<!-- end: x -->\nb\n<!-- measured: y -->\n<!-- end: y -->\n"
    once = fill(page, {"x": table(["n"], [[1]]), "y": "1"})
    assert once == fill(once, {"y": "1", "x": table(["n"], [[1]])})
    assert "old" not in once
    assert once.startswith("a\n<!-- measured: x -->\n| n |\n|---|\n| 1 |\n<!-- end: x -->\nb\n")
    for wrong in ("", page + page, page.replace("end: x", "end: z")):
        with pytest.raises(ValueError, match="has no block 'x'"):
            fill(wrong, {"x": "new"})
    with pytest.raises(ValueError, match="does not have 2 cells"):
        table(["a", "b"], [["1"]])


def row(allowed: float, observed: float) -> Row:
    return Row("psnr", "`psnr`", "numpy", "2x2", allowed, observed, "dB", "protocols/perceptual/test_psnr.py")


@pytest.mark.parametrize(
    ("observed", "shown"),
    [
        (0, "0 dB"),
        (1e-10, "1e-10 dB"),
        (1.01e-10, "2e-10 dB"),
        (9.5e-10, "1e-9 dB **too much**"),
        (3, "3 dB **too much**"),
    ],
)
def test_a_difference_is_never_shown_smaller_than_it_is(observed: float, shown: str) -> None:
    cells = golden_table([row(5e-10, observed)]).splitlines()[2].split(" | ")
    assert cells[3:5] == ["5e-10 dB", shown]
    assert row(5e-10, observed).holds == ("too much" not in shown)


def test_values_that_cannot_be_compared_raise() -> None:
    assert apart([1.0, 2.0], [1.0, 2.5]) == 0.5
    for a, b in (([np.nan], [1.0]), ([1.0], [np.inf]), ([1.0, 1.0], [1.0])):
        with pytest.raises(ValueError, match="cannot compare"):
            apart(a, b)


@pytest.mark.parametrize(
    ("page", "blocks"),
    [
        ("footguns.md", [*TABLES]),
        (
            "precision.md",
            [
                "made",
                "pairs",
                "sets",
                "inceptions",
                "classifiers",
                "people",
                "cpus made",
                "cpus limits",
                "cpus images",
                "cpus warp",
                "cpus drn",
            ],
        ),
    ],
)
def test_every_block_of_the_measured_pages_is_filled(page: str, blocks: list[str]) -> None:
    text = (protocol_pages.FOLDER.parent / page).read_text(encoding="utf-8")
    emptied = fill(text, dict.fromkeys(blocks, ""))
    assert emptied.count("<!-- measured:") == len(blocks)
    for name in blocks:
        start, end = marks(name)
        assert text.partition(start)[2].partition(end)[0].strip(), f"{page} has nothing in {name!r}"
    assert "too much" not in text
