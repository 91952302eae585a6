"""The result of one check of a record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One check: `ok`, `WRONG`, or `cannot` be checked here."""

    status: Literal["ok", "WRONG", "cannot"]
    name: str
    detail: str


def judge(name: str, problems: Iterable[str], detail: str) -> list[Check]:
    """One check per problem, or one check that states what is right.

    Args:
        name: what was checked.
        problems: what is wrong.
        detail: what is right, if nothing is wrong.

    Examples:
        >>> judge("counts", [], "3 follow")
        [Check(status='ok', name='counts', detail='3 follow')]
    """
    return [Check("WRONG", name, problem) for problem in problems] or [Check("ok", name, detail)]
