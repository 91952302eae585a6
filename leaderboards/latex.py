"""A sheet as LaTeX (booktabs) that pastes into a paper of two columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaderboards.text_table import Entry, Line, TextTable, deal

PREAMBLE = "% Made by `fhpt-bench leaderboard --format latex`. Needs \\usepackage{booktabs}.\n"
# In points, of the usual 10 pt class: a page's width and a column's, characters of \footnotesize and \scriptsize, the
# gap between columns.
_PAGE, _COLUMN = 500.0, 245.0
_LARGE, _SMALL, _GAP = 4.3, 3.8, 6.0
_LINES = 55  # of a float, its references included, so that a page holds it
_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "[": "{[}", "]": "{]}",
    "*": "{*}", '"': "{''}", **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def latex(sheet: TextTable) -> str:
    """A table as LaTeX floats: as many as keep columns within a page's width and rows within its height.

    Values of rank 1 are bold, intervals stand below their values in small type. Each float names the fingerprints of
    its columns and the references of its rows; the footnotes stand under the last.

    Args:
        sheet: with at least one row.
    """
    blocks = deal([_width(sheet, i) for i in range(len(sheet.columns))], _PAGE - _name_width(sheet))
    parts = [(block, rows) for block in blocks for rows in _pages(sheet.rows)]
    floats = []
    for i, (block, rows) in enumerate(parts, 1):
        part = f" (part {i} of {len(parts)})" if len(parts) > 1 else ""
        notes = sheet.notes if i == len(parts) else ()
        floats.append(_float(sheet, block, rows, part, notes))
    return "\n".join(floats)


def _points(lines: Sequence[str]) -> float:
    """The width of a cell: its first line is larger than the others."""
    return max(len(line) * (_SMALL if i else _LARGE) for i, line in enumerate(lines))


def _width(sheet: TextTable, i: int) -> float:
    return _GAP + max(_points(sheet.columns[i].lines), *(_points(row.entries[i].lines) for row in sheet.rows))


def _name_width(sheet: TextTable) -> float:
    return max(_points(row.label) for row in sheet.rows)


def _pages(rows: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Deal the rows into floats that fit on a page; a reference takes about two lines."""
    seen: set[int] = set()
    heights = []
    for row in rows:
        new = set(row.references) - seen
        seen |= new
        heights.append(max(map(len, (row.label, *(entry.lines for entry in row.entries)))) + 2 * len(new))
    for page in deal(heights, _LINES):
        yield [rows[i] for i in page]


def _float(sheet: TextTable, block: Sequence[int], rows: Sequence[Line], part: str, notes: Sequence[str]) -> str:
    wide = _name_width(sheet) + sum(_width(sheet, i) for i in block) > _COLUMN
    prints = [sheet.columns[i].fingerprint[:6] or "none" for i in block]
    used = sorted({number for row in rows for number in row.references})
    small = [
        *([f"Fingerprints of the columns: {', '.join(prints)}."] if any(c.fingerprint for c in sheet.columns) else []),
        *notes,
        *(f"[{number}] {sheet.references[number - 1]}" for number in used),
    ]
    environment = "table*" if wide else "table"
    lines = [
        rf"\begin{{{environment}}}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escaped(sheet.heading + part)}}}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(block)}@{{}}}}",
        r"\toprule",
        *_row(Line(("model",), tuple(Entry(sheet.columns[i].lines) for i in block))),
        r"\midrule",
        *(line for row in rows for line in _row(replace(row, entries=tuple(row.entries[i] for i in block)))),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip{{\raggedright\scriptsize {escaped(note)}\par}}" for note in small),
        rf"\end{{{environment}}}",
    ]
    return "\n".join([*lines, ""])


def _row(row: Line) -> Iterator[str]:
    """A line of LaTeX for each line of the row's tallest cell, all but the first in small type."""
    cells = [row.label, *(entry.lines for entry in row.entries)]
    best = [False, *(entry.best for entry in row.entries)]
    height = max(map(len, cells))
    for i in range(height):
        texts = [escaped(lines[i]) if i < len(lines) else "" for lines in cells]
        if i:
            texts = [rf"{{\scriptsize {text}}}" if text else "" for text in texts]
        else:
            texts = [rf"\textbf{{{text}}}" if bold else text for text, bold in zip(texts, best, strict=True)]
        yield " & ".join(texts) + (r" \\[2pt]" if 0 < i == height - 1 else r" \\")


def escaped(text: str) -> str:
    r"""Text in which LaTeX finds nothing to act upon, and no letter that its default fonts lack.

    Examples:
        >>> print(escaped("50 % of a_b [-1.5], Fréchet \u2191"))
        50 \% of a\_b {[}$-$1.5{]}, Fréchet $\uparrow$
    """
    signs = "".join(_SIGNS.get(sign) or _letter(sign) for sign in text)
    return re.sub(r"(?<![\w}])-(?=\d)|(?<=\{\[\})-(?=\d)", "$-$", signs)


def _letter(sign: str) -> str:
    """A letter of Latin-1 as it is, another one without its accents, or a question mark."""
    if sign < "\u0100" and (sign.isascii() or unicodedata.decomposition(sign)) and sign.isprintable():
        return sign
    bare = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return "".join(_SIGNS.get(letter, letter) for letter in bare) or "?"
