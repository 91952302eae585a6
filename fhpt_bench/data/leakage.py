"""Leakage: which test pairs show a garment that the training split shows too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fhpt_bench.data.names import ImageName, parse_name
from fhpt_bench.errors import UserError


@dataclass(frozen=True)
class Leakage:
    """What test images and test pairs share with the training images, by item id.

    Args:
        test: items of the test images.
        train: items of the training images.
        pairs: items of the pairs' images, which may be fewer than the test images.
        leaking: a pair each, whether it shows an item of the training images.
    """

    test: frozenset[str]
    train: frozenset[str]
    pairs: frozenset[str]
    leaking: tuple[bool, ...]


def find_leakage(pairs: Sequence[tuple[str, str]], test: Iterable[str], train: Iterable[str]) -> Leakage:
    """Compare the items of test pairs and test images with those of the training images.

    An item id counts wherever it stands: a garment that was seen on another person, or in another colour, was seen.

    Args:
        pairs: (source, target) file names.
        test: file names of the test images.
        train: file names of the training images.

    Raises:
        UserError: where a name does not say which item it shows.

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
    """The item ids that file names say.

    Raises:
        UserError: where one does not.
    """
    return frozenset(said(name).item for name in names)


def said(name: str) -> ImageName:
    """What a file name says.

    Raises:
        UserError: where it is not one of DeepFashion's.
    """
    parsed = parse_name(name)
    if parsed is None:
        raise UserError(
            f"The file name {name} does not say gender, item and view as DeepFashion's names do: rename the images to "
            "tell subsets and leakage."
        )
    return parsed
