"""Markdown tables, and pages with blocks that a tool fills in between marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table.

    Examples:
        >>> print(table(["metric", "value"], [["a|b", 0.5]]))
        | metric | value |
        |---|---|
        | a\\|b | 0.5 |
    """
    lines = [list(map(str, row)) for row in rows]
    if any(len(line) != len(columns) for line in lines):
        raise ValueError(f"a row does not have {len(columns)} cells")
    cells = [list(columns), *lines]
    written = ["| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in line) + " |" for line in cells]
    return "\n".join([written[0], "|" + "---|" * len(columns), *written[1:]])


def marks(name: str) -> tuple[str, str]:
    """The start and end marks of a block that a tool fills in."""
    return f"<!-- measured: {name} -->", f"<!-- end: {name} -->"


def fill(page: str, blocks: Mapping[str, str]) -> str:
    """Replace the text between the marks of a page.

    Args:
        page: text that contains the marks of each block once.
        blocks: block name -> new text.

    Raises:
        ValueError: if the marks of a block are missing in the page.

    Examples:
        >>> fill("A\\n<!-- measured: x -->\\nold\\n<!-- end: x -->\\nB", {"x": "new"}).splitlines()
        ['A', '<!-- measured: x -->', 'new', '<!-- end: x -->', 'B']
    """
    for name, text in blocks.items():
        start, end = marks(name)
        if page.count(start) != 1 or page.count(end) != 1 or page.index(start) > page.index(end):
            raise ValueError(f"the page has no block {name!r}: add {start} and {end} at its place")
        before, _, rest = page.partition(start)
        page = f"{before}{start}\n{text}\n{end}{rest.partition(end)[2]}"
    return page
