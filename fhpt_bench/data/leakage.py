"""Leakage: test pairs that show a garment of the training split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fhpt_bench.data.people import Shown, people_of
from fhpt_bench.errors import UserError

Facts = Callable[[str], Shown | None]


def named(name: str) -> Shown | None:
    """What a file name in DeepFashion's form says."""
    return people_of([name], None).get(name)


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


def find_leakage(
    pairs: Sequence[tuple[str, str]], test: Iterable[str], train: Iterable[str], facts: Facts = named
) -> Leakage:
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
    known = items(train, facts)
    shown = [items(pair, facts) for pair in pairs]
    return Leakage(items(test, facts), known, frozenset().union(*shown), tuple(bool(some & known) for some in shown))


def items(names: Iterable[str], facts: Facts = named) -> frozenset[str]:
    """The item ids of images.

    Args:
        names: image names.
        facts: image name -> what it shows, or None.

    Raises:
        UserError: if an image's item is not known.
    """
    return frozenset(require(name, "item", facts) for name in names)


def require(name: str, what: str, facts: Facts = named) -> str:
    """What an image shows.

    Args:
        name: the image's name.
        what: "item", "gender" or "view".
        facts: image name -> what it shows, or None.

    Raises:
        UserError: if it is not known.
    """
    shown = facts(name)
    found: str = getattr(shown, what) if shown else ""
    if not found:
        raise UserError(
            f"The {what} of {name} is not known, which subsets and leakage need: add it to the benchmark's table of "
            "people, or name the images as DeepFashion does."
        )
    return found
