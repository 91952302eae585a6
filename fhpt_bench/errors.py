"""What a user can mend is a `UserError`: one sentence, no traceback, exit code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """The user's input cannot be used; the message names it and says what to do."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Name the known words that are nearest to a mistyped one, or all of them where none is near.

    Args:
        word: what the user typed.
        known: what could have been typed.

    Returns:
        A clause to put behind the complaint.

    Examples:
        >>> did_you_mean("simm", ["ssim", "psnr"])
        'did you mean ssim?'
        >>> did_you_mean("fid", ["ssim", "psnr"])
        'known: psnr, ssim.'
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known: {', '.join(names)}." if names else "none is installed."
