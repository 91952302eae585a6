"""DeepFashion's image names: conversion of all known forms into one."""

from __future__ import annotations

import re

from fhpt_bench.data.names import VIEWS

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
