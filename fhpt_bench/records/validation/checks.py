"""What a check of a record says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `ok`, `WRONG`, or `cannot` be judged from what is here."""

    status: Literal["ok", "WRONG", "cannot"]
    name: str
    detail: str


def judge(name: str, problems: Iterable[str], detail: str) -> list[Check]:
    """A check a problem, or one that says what is right.

    Args:
        name: of what was looked at.
        problems: what is wrong with it.
        detail: what is right where nothing is wrong.

    Examples:
        >>> judge("counts", [], "3 follow")
        [Check(status='ok', name='counts', detail='3 follow')]
    """
    return [Check("WRONG", name, problem) for problem in problems] or [Check("ok", name, detail)]
