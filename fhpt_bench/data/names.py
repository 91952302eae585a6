"""DeepFashion's file names and the information in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

VIEWS = ("front", "side", "back", "full", "additional", "flat")
_PATTERN = re.compile(
    r"^(?:fashion|fasion)(?P<gender>WOMEN|MEN)(?P<category>[^/\\]+?)id(?P<item>\d{8})(?P<variant>\d{2})"
    rf"_(?P<shot>\d)(?P<view>{'|'.join(VIEWS)})\.(?:jpg|png)$"
)


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


def stem(name: str) -> str:
    """An image's name as used in pair ids: without its suffix, folders joined by `_`.

    Examples:
        >>> stem("fashionMENDenimid0000008001_1front.jpg"), stem("anna/1.png")
        ('fashionMENDenimid0000008001_1front', 'anna_1')
    """
    path = PurePosixPath(name)
    return "_".join([*path.parts[:-1], path.stem])
