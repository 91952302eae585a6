"""Who is shown on an image: a table of the user's, or file names of DeepFashion or Market-1501."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fhpt_bench.data.names import VIEWS, parse_market_name, parse_name
from fhpt_bench.data.tables import read_table
from fhpt_bench.errors import UserError
from fhpt_bench.reading import NAME

COLUMNS = ("image", "person", "item", "gender", "view")
_GENDERS = ("MEN", "WOMEN", "")


@dataclass(frozen=True)
class Shown:
    """What an image shows.

    Args:
        person: the unit that intervals resample.
        item: the garment, or "".
        gender: "MEN", "WOMEN" or "".
        view: front, side, back, full, additional, flat, or "".
    """

    person: str
    item: str = ""
    gender: str = ""
    view: str = ""


def read_people(path: Path) -> dict[str, Shown]:
    """Read a table of people with the columns image and person, and optionally item, gender and view.

    Args:
        path: the file, see `read_table`.

    Returns:
        Image name -> what it shows, in the order of the file.

    Raises:
        UserError: if a column is missing or unknown, a row is incomplete, or an image occurs twice.
    """
    columns, rows = read_table(path, "table of people")
    people: dict[str, Shown] = {}
    if not {"image", "person"} <= set(columns) <= set(COLUMNS) or len(set(columns)) < len(columns):
        raise UserError(f"The first line of the table of people {path} must be {','.join(COLUMNS)}, or its first two.")
    for number, values in rows:
        row, line = dict(zip(columns, values, strict=True)), f"Line {number} of the table of people {path}"
        if not row["image"] or not row["person"]:
            raise UserError(f"{line} does not have an image and a person.")
        shown = _shown(row, line)
        if people.setdefault(row["image"], shown) != shown:
            raise UserError(f"{line} gives {row['image']} a second person: keep one line.")
    if not people:
        raise UserError(f"The table of people {path} is empty.")
    return people


def _shown(row: Mapping[str, str], line: str) -> Shown:
    found = Shown(row["person"], row.get("item", ""), row.get("gender", "").upper(), row.get("view", "").lower())
    if found.gender not in _GENDERS:
        raise UserError(f"{line} has the gender {row['gender']!r}: write MEN, WOMEN or nothing.")
    if found.view not in (*VIEWS, ""):
        raise UserError(f"{line} has the view {row['view']!r}: write {', '.join(VIEWS)} or nothing.")
    if any(len(text) > NAME for text in row.values()):
        raise UserError(f"{line} has a text of more than {NAME} characters.")
    return found


def people_table(people: Mapping[str, Shown]) -> str:
    """The text of a table of people, with the columns that any image has.

    Args:
        people: image name -> what it shows.

    Examples:
        >>> people_table({"a/1.png": Shown("a", view="back")})
        'image,person,view\\na/1.png,a,back\\n'
    """
    columns = [name for name in COLUMNS[1:] if name == "person" or any(getattr(one, name) for one in people.values())]
    buffer = io.StringIO()
    rows = [[image, *(getattr(shown, name) for name in columns)] for image, shown in people.items()]
    csv.writer(buffer, lineterminator="\n").writerows([["image", *columns], *rows])
    return buffer.getvalue()


def people_of(names: Iterable[str], table: Mapping[str, Shown] | None, where: str = "") -> dict[str, Shown]:
    """What each image shows, from the table if there is one, else from names in DeepFashion's or Market-1501's form.

    Args:
        names: image names.
        table: from `read_people`, or None.
        where: the table's file, for the message.

    Returns:
        Image name -> what it shows. Without a table, images whose names do not name a person are left out.

    Raises:
        UserError: if the table has no row for an image.

    Examples:
        >>> found = people_of(["fashionMENDenimid0000008001_1front.jpg", "x.jpg"], None)
        >>> [(shown.person, shown.view) for shown in found.values()]
        [('MEN-Denim-00000080-01', 'front')]
        >>> people_of(["0188_c2s2_149727_03.jpg", "-1_c1s1_000401_03.jpg"], None)
        {'0188_c2s2_149727_03.jpg': Shown(person='0188', item='', gender='', view='')}
    """
    found = {}
    for name in names:
        if table is not None:
            if name not in table:
                raise UserError(f"The table of people {where} has no line for {name}: add one.")
            found[name] = table[name]
        elif parsed := parse_name(name):
            found[name] = Shown(parsed.person, parsed.item, parsed.gender, parsed.view)
        elif (market := parse_market_name(name)) and market.named:
            found[name] = Shown(market.person)
    return found


def check_people(pairs: Iterable[tuple[str, str]], shown: Mapping[str, Shown], where: str) -> None:
    """Refuse a pair of two people, whose target does not show what a model has to generate.

    Args:
        pairs: source and target, image names.
        shown: from `people_of`.
        where: the table's file, for the message.

    Raises:
        UserError: if a pair shows two people.
    """
    for source, target in pairs:
        one, other = shown[source].person, shown[target].person
        if one != other:
            raise UserError(
                f"The pair {source}, {target} shows two people, {one} and {other}, by the table {where}: "
                "remove the pair, or correct the table."
            )
