"""A text table as LaTeX (booktabs) for a paper with two columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from leaderboards.text_table import TextCell, TextRow, TextTable, pack

PREAMBLE = "% Made by `fhpt-bench`. Needs \\usepackage{booktabs}.\n"
# In points, for the usual 10 pt class: the width of a page and of a column, of a character in \footnotesize and in
# \scriptsize, and the gap between columns.
_PAGE, _COLUMN = 500.0, 245.0
_LARGE, _SMALL, _GAP = 4.3, 3.8, 6.0
_LINES = 55  # the greatest height of a float with its references, so that it fits on a page
_SIGNS = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "[": "{[}", "]": "{]}",
    "*": "{*}", '"': "{''}", **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}  # fmt: skip


def latex(table: TextTable) -> str:
    """A table as LaTeX floats; columns or rows that do not fit on a page go into further floats.

    Values of rank 1 are bold; intervals are below their values in small type. Each float lists the fingerprints of its
    columns and the references of its rows; the footnotes are below the last float.

    Args:
        table: a table with at least one row.
    """
    blocks = pack([_width(table, i) for i in range(len(table.columns))], _PAGE - _name_width(table))
    parts = [(block, rows) for block in blocks for rows in _pages(table.rows)]
    floats = []
    for i, (block, rows) in enumerate(parts, 1):
        part = f" (part {i} of {len(parts)})" if len(parts) > 1 else ""
        notes = table.notes if i == len(parts) else ()
        floats.append(_float(table, block, rows, part, notes))
    return "\n".join(floats)


def _points(lines: Sequence[str]) -> float:
    """The width of a cell; its first line is in larger type than the others."""
    return max(len(line) * (_SMALL if i else _LARGE) for i, line in enumerate(lines))


def _width(table: TextTable, i: int) -> float:
    return _GAP + max(_points(table.columns[i].lines), *(_points(row.cells[i].lines) for row in table.rows))


def _name_width(table: TextTable) -> float:
    return max(_points(row.label) for row in table.rows)


def _pages(rows: Sequence[TextRow]) -> Iterator[Sequence[TextRow]]:
    """Distribute the rows over floats that fit on a page; a reference takes about two lines."""
    seen: set[int] = set()
    heights = []
    for row in rows:
        new = set(row.references) - seen
        seen |= new
        heights.append(max(map(len, (row.label, *(cell.lines for cell in row.cells)))) + 2 * len(new))
    for page in pack(heights, _LINES):
        yield [rows[i] for i in page]


def _float(table: TextTable, block: Sequence[int], rows: Sequence[TextRow], part: str, notes: Sequence[str]) -> str:
    wide = _name_width(table) + sum(_width(table, i) for i in block) > _COLUMN
    prints = [table.columns[i].fingerprint[:6] or "none" for i in block]
    used = sorted({number for row in rows for number in row.references})
    small = [
        *([f"Fingerprints of the columns: {', '.join(prints)}."] if any(c.fingerprint for c in table.columns) else []),
        *notes,
        *(f"[{number}] {table.references[number - 1]}" for number in used),
    ]
    environment = "table*" if wide else "table"
    lines = [
        rf"\begin{{{environment}}}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{escaped(table.heading + part)}}}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(block)}@{{}}}}",
        r"\toprule",
        *_row(TextRow(("model",), tuple(TextCell(table.columns[i].lines) for i in block))),
        r"\midrule",
        *(line for row in rows for line in _row(replace(row, cells=tuple(row.cells[i] for i in block)))),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip{{\raggedright\scriptsize {escaped(note)}\par}}" for note in small),
        rf"\end{{{environment}}}",
    ]
    return "\n".join([*lines, ""])


def _row(row: TextRow) -> Iterator[str]:
    """One line of LaTeX per line of the tallest cell of the row; all except the first are in small type."""
    cells = [row.label, *(cell.lines for cell in row.cells)]
    best = [False, *(cell.best for cell in row.cells)]
    height = max(map(len, cells))
    for i in range(height):
        texts = [escaped(lines[i]) if i < len(lines) else "" for lines in cells]
        if i:
            texts = [rf"{{\scriptsize {text}}}" if text else "" for text in texts]
        else:
            texts = [rf"\textbf{{{text}}}" if bold else text for text, bold in zip(texts, best, strict=True)]
        yield " & ".join(texts) + (r" \\[2pt]" if 0 < i == height - 1 else r" \\")


def escaped(text: str) -> str:
    r"""Text without characters that LaTeX would interpret and without letters that its default fonts do not have.

    Examples:
        >>> print(escaped("50 % of a_b [-1.5], Fréchet \u2191"))
        50 \% of a\_b {[}$-$1.5{]}, Fréchet $\uparrow$
    """
    signs = "".join(_SIGNS.get(sign) or _letter(sign) for sign in text)
    return re.sub(r"(?<![\w}])-(?=\d)|(?<=\{\[\})-(?=\d)", "$-$", signs)


def _letter(sign: str) -> str:
    """A letter of Latin-1 unchanged; another letter without its accents, or a question mark."""
    if sign < "\u0100" and (sign.isascii() or unicodedata.decomposition(sign)) and sign.isprintable():
        return sign
    bare = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return "".join(_SIGNS.get(letter, letter) for letter in bare) or "?"
