"""The page of the paper's tables and figures on studio follows from the records that ship."""

from __future__ import annotations

from tools.docs.paper_on_studio import DOCS, PAGE, page


def test_the_page_that_ships_follows_from_the_records_that_ship() -> None:
    assert PAGE.read_text() == page()


def test_it_has_every_table_and_every_figure() -> None:
    text = PAGE.read_text()
    for number in ("II", "III", "IV", "V", "VI"):
        assert f"**Table {number}: " in text
    for number in range(5, 11):
        picture = f"images/paper-figure-{number}.jpg"
        assert f"]({picture})" in text
        assert (DOCS / picture).is_file()
