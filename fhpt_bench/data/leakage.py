"""Leakage: test pairs that show a garment of the training split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhpt_bench.data.names import ImageName, parse_name
from fhpt_bench.errors import UserError


@dataclass(frozen=True)
class Leakage:
    """The items that test images and test pairs share with the training images.

    Args:
        test: items of the test images.
        train: items of the training images.
        pairs: items of the pairs' images, which may be fewer than those of the test images.
        leaking: for each pair, whether it shows an item of the training images.
    """

    test: frozenset[str]
    train: frozenset[str]
    pairs: frozenset[str]
    leaking: tuple[bool, ...]


def find_leakage(pairs: Sequence[tuple[str, str]], test: Iterable[str], train: Iterable[str]) -> Leakage:
    """Compare the items of test pairs and test images with those of the training images.

    Items are compared by id: a garment in the training images counts as seen even on another person or in another
    colour.

    Args:
        pairs: (source, target) file names.
        test: file names of the test images.
        train: file names of the training images.

    Raises:
        UserError: if a file name does not contain an item id.

    Examples:
        >>> names = [f"fashionMENPantsid0000000{i}01_1front.jpg" for i in "12"]
        >>> pairs = [(name, name.replace("1front", "2side")) for name in names]
        >>> found = find_leakage(pairs, names, ["fashionMENPantsid0000000204_1front.jpg"])
        >>> found.leaking, sorted(found.pairs & found.train)
        ((False, True), ['00000002'])
    """
    known = items(train)
    shown = [items(pair) for pair in pairs]
    return Leakage(items(test), known, frozenset().union(*shown), tuple(bool(some & known) for some in shown))


def items(names: Iterable[str]) -> frozenset[str]:
    """The item ids in file names.

    Raises:
        UserError: if a name has none.
    """
    return frozenset(require_name(name).item for name in names)


def require_name(name: str) -> ImageName:
    """The parsed file name.

    Raises:
        UserError: if it is not a name of DeepFashion's form.
    """
    parsed = parse_name(name)
    if parsed is None:
        raise UserError(
            f"The file name {name} does not contain gender, item and view as DeepFashion's names do, which "
            "subsets and leakage need: rename the images."
        )
    return parsed
