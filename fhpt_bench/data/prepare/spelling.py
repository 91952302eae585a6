"""Image names of DeepFashion and Market-1501: conversion of all known forms into one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from fhpt_bench.data.names import VIEWS, parse_market_name

_SHOT = rf"(?P<shot>\d)_?(?P<view>{'|'.join(VIEWS)})\.(?i:jpe?g|png)"
# As in img.zip, img/WOMEN/Blouses_Shirts/id_00000693/02_3_back.jpg; and with the folder names joined.
_TREE = re.compile(
    rf"(?P<folder>|.*/)(?P<who>WOMEN|MEN)/(?P<what>[A-Za-z_]+)/id_(?P<id>\d{{8}})/(?P<variant>\d{{2}})_{_SHOT}"
)
_FLAT = re.compile(
    rf"(?P<folder>|.*/)(?:fashion|fasion)(?P<who>WOMEN|MEN)(?P<what>[A-Za-z_]+?)id(?P<id>\d{{8}})(?P<variant>\d{{2}})_{_SHOT}"
)


def plain_name(text: str) -> str | None:
    """The stem of an image's name with the folder names joined, as in pair lists.

    Args:
        text: a name or path from a list or a folder, with slashes or backslashes.

    Returns:
        The stem, or None if it is not one of DeepFashion's images, or the path contains `..`.

    Examples:
        >>> plain_name("img/WOMEN/Blouses_Shirts/id_00000693/02_3_back.jpg")
        'fashionWOMENBlouses_Shirtsid0000069302_3back'
        >>> plain_name("train\\\\fasionMENDenimid0000008001_7additional.png")
        'fashionMENDenimid0000008001_7additional'
        >>> plain_name("../../etc/passwd") is None
        True
    """
    return split_path(text)[1]


def split_path(text: str) -> tuple[str, str | None]:
    """The folder to which an image's name is relative ("" or with a slash at its end), and the result of `plain_name`.

    Examples:
        >>> split_path("a/img/MEN/Denim/id_00000080/01_1_front.jpg")
        ('a/img/', 'fashionMENDenimid0000008001_1front')
    """
    path = text.replace("\\", "/")
    found = _TREE.fullmatch(path) or _FLAT.fullmatch(path)
    if found is None or ".." in path.split("/"):
        return "", None
    name = f"fashion{found['who']}{found['what']}id{found['id']}{found['variant']}_{found['shot']}{found['view']}"
    return found["folder"], name


def split_market_path(text: str) -> tuple[str, str | None]:
    """As `split_path`, for Market-1501, whose names contain no folder.

    Examples:
        >>> split_market_path("Market/bounding_box_test/1488_c5s3_071862_01.jpg.jpg")
        ('Market/bounding_box_test/', '1488_c5s3_071862_01')
    """
    folder, slash, name = text.replace("\\", "/").rpartition("/")
    found = parse_market_name(name)
    if found is None or ".." in folder.split("/"):
        return "", None
    return folder + slash, found.stem


class Spelling(NamedTuple):
    """How a data set names its images.

    Args:
        data_set: its name.
        split: a path -> the folder to which the image's name is relative, and the stem in the form used here, or None.
    """

    data_set: str
    split: Callable[[str], tuple[str, str | None]]

    def plain(self, text: str) -> str | None:
        """The stem in the form used here, or None if it is not the name of an image of this data set."""
        return self.split(text)[1]


DEEPFASHION = Spelling("DeepFashion", split_path)
MARKET = Spelling("Market-1501", split_market_path)
