"""File names of DeepFashion and Market-1501, and the information in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

VIEWS = ("front", "side", "back", "full", "additional", "flat")
_PATTERN = re.compile(
    r"^(?:fashion|fasion)(?P<gender>WOMEN|MEN)(?P<category>[^/\\]+?)id(?P<item>\d{8})(?P<variant>\d{2})"
    rf"_(?P<shot>\d)(?P<view>{'|'.join(VIEWS)})\.(?:jpg|png)$"
)


# 18 files of Market-1501 end with .jpg twice.
_MARKET = re.compile(
    r"^(?P<person>-1|\d{4})_c(?P<camera>\d)s(?P<sequence>\d)_(?P<frame>\d{6})_(?P<box>\d{2})(?:\.(?i:jpe?g|png)){0,2}$"
)
_NO_PERSON = ("0000", "-1")


@dataclass(frozen=True)
class ImageName:
    """The parts of a DeepFashion file name.

    Args:
        gender: "WOMEN" or "MEN".
        category: category of the garment, as "Blouses_Shirts".
        item: the item id, as "00000693".
        variant: the colour variant of the item, as "02".
        view: front, back, side, full, additional or flat.
    """

    gender: str
    category: str
    item: str
    variant: str
    view: str

    @property
    def person(self) -> str:
        """Gender, category, item and variant together: the unit that is resampled."""
        return f"{self.gender}-{self.category}-{self.item}-{self.variant}"


def parse_name(name: str) -> ImageName | None:
    """Parse a file name of DeepFashion In-shop, in the form used in pose transfer.

    Args:
        name: the file's name, without a folder.

    Returns:
        The parts of the name, or None if it is not such a name.

    Examples:
        >>> parse_name("fashionWOMENBlouses_Shirtsid0000069302_3back.jpg").person
        'WOMEN-Blouses_Shirts-00000693-02'
        >>> parse_name("fasionMENDenimid0000008001_7additional.jpg").view
        'additional'
        >>> parse_name("portrait.jpg") is None
        True
    """
    found = _PATTERN.match(name)
    if not found:
        return None
    return ImageName(found["gender"], found["category"], found["item"], found["variant"], found["view"])


@dataclass(frozen=True)
class MarketName:
    """The parts of a Market-1501 file name.

    Args:
        person: four digits; "0000" (a distractor) and "-1" (junk) name no person.
        camera: "1" to "6".
        sequence: one digit.
        frame: six digits.
        box: two digits.
    """

    person: str
    camera: str
    sequence: str
    frame: str
    box: str

    @property
    def named(self) -> bool:
        """Whether the name says who is shown."""
        return self.person not in _NO_PERSON

    @property
    def stem(self) -> str:
        """The name without any suffix."""
        return f"{self.person}_c{self.camera}s{self.sequence}_{self.frame}_{self.box}"


def parse_market_name(name: str) -> MarketName | None:
    """Parse a file name of Market-1501.

    Args:
        name: the file's name, without a folder; without a suffix, or with one or two.

    Returns:
        The parts of the name, or None if it is not such a name.

    Examples:
        >>> found = parse_market_name("1488_c5s3_071862_01.jpg.jpg")
        >>> found.person, found.camera, found.stem
        ('1488', '5', '1488_c5s3_071862_01')
        >>> parse_market_name("-1_c1s1_000401_03.jpg").named
        False
        >>> parse_market_name("portrait.jpg") is None
        True
    """
    found = _MARKET.match(name)
    return MarketName(**found.groupdict()) if found else None


def stem(name: str) -> str:
    """An image's name as used in pair ids: without its suffix, folders joined by `_`.

    Examples:
        >>> stem("fashionMENDenimid0000008001_1front.jpg"), stem("anna/1.png")
        ('fashionMENDenimid0000008001_1front', 'anna_1')
    """
    path = PurePosixPath(name)
    return "_".join([*path.parts[:-1], path.stem])
