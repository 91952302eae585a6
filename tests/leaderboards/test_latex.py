"""Tables for a paper: the output is valid LaTeX, and names cannot break it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leaderboards.latex import PREAMBLE, latex
from leaderboards.literature import load_published
from leaderboards.literature_tables import published_tables
from leaderboards.rendering import as_text_table
from leaderboards.tables import Table

TablesOf = Callable[..., list[Table]]
SSIM = "ssim:canonical:ssim"
FLOAT = re.compile(
    r"\\begin\{(table\*?)\}\n\\centering.*?\n\\caption\{(?P<caption>.*?)\}\n\\begin\{tabular\}\{@\{\}(?P<columns>lr*)@\{\}\}\n"
    r"\\toprule\n(?P<head>.*?)\\midrule\n(?P<body>.*?)\\bottomrule\n\\end\{tabular\}\n(?P<small>.*?)\\end\{\1\}\n",
    re.DOTALL,
)


def floats(text: str) -> list[re.Match[str]]:
    """The floats of a text that contains only floats; each row must have as many cells as the table has columns."""
    found = list(FLOAT.finditer(text))
    assert found
    assert not FLOAT.sub("", text).strip()
    for match in found:
        for line in (match["head"] + match["body"]).splitlines():
            cells = re.fullmatch(r"(.*) \\\\(\[2pt\])?", line)
            assert cells, line
            assert len(re.split(r"(?<!\\)&", cells[1])) == len(match["columns"]), line
            assert not line.startswith(("[", "*"))  # a preceding \\ would read it as its own option
        assert unescaped(match[0]).count("{") == unescaped(match[0]).count("}")
    return found


def unescaped(text: str) -> str:
    return re.sub(r"\\[{}]", "", text)


def test_a_table_of_records(three: Path, tables_of: TablesOf) -> None:
    (table,) = tables_of(three)
    (match,) = floats(latex(as_text_table(table)))
    assert match[1] == "table"
    assert "synthetic 1: 60 pairs" in match["caption"]
    assert table.columns[0].fingerprint[:6] in match["small"]
    assert r"SSIM $\uparrow$" in match["head"]
    rows = match["body"].splitlines()
    bold = [line.split(" & ")[0] for line in rows if r"\textbf" in line]
    assert bold == [row.label for row in table.rows if row.cells[0] and row.cells[0].rank == 1]
    assert len(bold) == 2
    assert re.fullmatch(r" & \{\\scriptsize \{\[\}0\.\d{4}, 0\.\d{4}\{\]\}\} \\\\\[2pt\]", rows[1])
    assert "(oracle): uses the target image" in match["small"]
    assert "booktabs" in PREAMBLE


def test_columns_and_rows_that_do_not_fit_go_into_further_floats(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    keys = [f"metric{i}:canonical:metric{i}" for i in range(9)]
    make_record(tmp_path / "a", [given(key, ability, i % 2 > 0) for i, key in enumerate(keys)], people)
    make_record(tmp_path / "b", [given(key, ability) for key in keys[:1]], people, name="b")
    (table,) = tables_of(tmp_path)
    found = floats(latex(as_text_table(table)))
    assert len(found) == 2
    assert {match[1] for match in found} == {"table*", "table"}
    assert sum(len(match["columns"]) - 1 for match in found) == 9
    assert [f"(part {i} of 2)" in match["caption"] for i, match in enumerate(found, 1)] == [True, True]
    assert all(f"METRIC{i} $" in found[0]["head"] + found[1]["head"] for i in range(9))
    assert "Fingerprints" in found[0]["small"]
    assert ["95 \\% interval" in match["small"] for match in found] == [False, True]


def test_published_rows_fit_on_pages_and_each_float_has_their_sources() -> None:
    for table in published_tables(load_published()):
        found = floats(latex(table))
        assert sum(len(re.findall(r"\\\\\[2pt\]", match["body"])) for match in found) == len(table.rows)
        for match in found:
            assert len(match["body"].splitlines()) <= 55
            assert r"\textbf" not in match[0]
            assert "Fingerprints" not in match["small"]
            for numbers in re.findall(r"\{\[\}([\d, ]+)\{\]\}", match["body"]):
                for number in numbers.split(", "):
                    assert f"{{[}}{number}{{]}} " in match["small"]


def test_names_cannot_break_the_table(
    tmp_path: Path,
    make_record: Callable[..., Path],
    given: Callable[..., Any],
    people: list[str],
    ability: NDArray[np.float64],
    tables_of: TablesOf,
) -> None:
    name = r"[x] \input{/etc/passwd} 5 % & $a_1^2$ #1 {~ } <|> été 模 ł"
    make_record(tmp_path / "a", [given(SSIM, ability - 1.3)], people, name=name)
    make_record(tmp_path / "b", [given(SSIM, ability)], people, name="*b")
    (table,) = tables_of(tmp_path)
    (match,) = floats(latex(as_text_table(table)))
    assert (
        r"{[}x{]} \textbackslash{}input\{/etc/passwd\} 5 \% \& \$a\_1\textasciicircum{}2\$ \#1 \{\textasciitilde{} \} "
        r"\textless{}\textbar{}\textgreater{} été ? ?"
    ) in match["body"]
    assert "{*}b &" in match["body"]
    assert re.search(r"& \$-\$0\.\d+ ", match["body"])
    assert re.search(r"\{\[\}\$-\$0\.\d+, \$-\$0\.\d+\{\]\}", match["body"])
