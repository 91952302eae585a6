"""A user's mistake is a `UserError`: one sentence, no traceback, exit code 2; and what such sentences are made of."""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable, Sequence

_HOST = os.sep + "fhpt_bench" + os.sep
_LISTED = 40  # names that a message lists at most


class UserError(Exception):
    """The user's input cannot be used; the message names it and says what to do.

    Args:
        lines: one sentence, and further lines if there are details. File names and texts of others can be part of
            it: control characters are replaced.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)

    def __str__(self) -> str:
        return "\n".join(map(plain, self.args))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest the known words that are closest to a mistyped one, or list all of them if none is close.

    Args:
        word: what the user typed.
        known: the valid words.

    Returns:
        A clause for the end of an error message.

    Examples:
        >>> did_you_mean("simm", ["ssim", "psnr"]), did_you_mean("SSIM", ["ssim", "psnr"])
        ('did you mean ssim?', 'did you mean ssim?')
        >>> did_you_mean("fid", ["ssim", "psnr"])
        'choose one of psnr, ssim.'
    """
    names = sorted(known)
    folded = {name: name.casefold() for name in names}
    typed = word.casefold()
    same = [name for name in names if folded[name] == typed]
    near = same or [name for name in names if typed and folded[name].startswith(typed)][:3]
    if not near:
        close = difflib.get_close_matches(typed, dict.fromkeys(folded.values()), n=3)
        near = [name for one in close for name in names if folded[name] == one][:3]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"choose one of {name_some(names, _LISTED)}." if names else "there is none."


def plain(text: str) -> str:
    """Replace control characters and direction marks, so that a text cannot control a terminal; it becomes one line.

    Args:
        text: from a record, a file name or any other source that is not trusted. A byte of a file name that is not
            UTF-8 becomes its number.

    Examples:
        >>> plain("a\\x1b[31mb"), plain("caf\\udce9")
        ('a�[31mb', 'caf\\\\xe9')
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _replaced(character) for character in text)


def _replaced(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if "\udc80" <= character <= "\udcff":  # Python's form of a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return "\N{REPLACEMENT CHARACTER}"


def check_type(name: str, value: object, kinds: tuple[type, ...], words: str) -> None:
    """Refuse an argument of a wrong type.

    Args:
        name: name of the argument.
        value: its value.
        kinds: the types that are accepted; bool is no int.
        words: what is accepted, in words.

    Raises:
        UserError: if it has another type.

    Examples:
        >>> check_type("limit", 3.5, (int,), "a whole number")
        Traceback (most recent call last):
        fhpt_bench.errors.UserError: limit must be a whole number, not float.
    """
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise UserError(f"{name} must be {words}, not {type(value).__name__}.")


def with_location(error: BaseException) -> str:
    """An exception with the file and line that raised it, for a plugin's author.

    The line is the last one outside installed packages, if there is one: an error that torch raises is usually caused
    by the line that called it.

    Args:
        error: an exception that was raised.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = ("site-packages", _HOST, "<string>")
    own = [frame for frame in frames if not any(mark in frame.filename for mark in ours)]
    last = next(iter([*own[-1:], *frames[-1:]]), None)
    return f"{type(error).__name__}: {error}" + (f" ({last.filename}:{last.lineno})" if last else "")


def name_some(names: Sequence[str], most: int = 3) -> str:
    """List the first few of many names.

    Args:
        names: all of them.
        most: how many are listed.

    Examples:
        >>> name_some(["a", "b", "c", "d"])
        'a, b, c, …'
    """
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def count_and_name(names: Sequence[str], noun: str) -> str:
    """Say how many there are, and list the first few.

    Args:
        names: all of them.
        noun: what they name, in the singular.

    Examples:
        >>> count_and_name(["a.png"], "image"), count_and_name(["a", "b"], "pair")
        ('1 image (a.png)', '2 pairs (a, b)')
    """
    return f"{len(names)} {noun}{'' if len(names) == 1 else 's'} ({name_some(names)})"
