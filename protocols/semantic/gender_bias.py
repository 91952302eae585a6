"""Gender bias: is the person still taken for a woman or a man, and for which of the two does that go wrong?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GenderError:
    """How often a gender is answered wrongly. All rates lie in [0, 1], lower is better.

    Args:
        n: how many images were judged.
        error: share of wrong answers.
        by_gender: true gender -> share of wrong answers among its images.
        balanced: mean of those, so that the rarer gender weighs as much.
        majority: what always answering the most frequent true gender would get; an error above it has learnt nothing.
        confusion: true gender -> answered gender -> how many images.
    """

    n: int
    error: float
    by_gender: Mapping[str, float]
    balanced: float
    majority: float
    confusion: Mapping[str, Mapping[str, int]]


def gender_error(answered: Sequence[str], true: Sequence[str]) -> GenderError:
    """Error rates of a gender classifier: Yang et al., Detail Replenishing Network, gender recognition.

    Balanced error: Brodersen et al., The Balanced Accuracy and Its Posterior Distribution, ICPR 2010.

    Args:
        answered: N labels, what the classifier says of the generated images.
        true: N labels, what the file names say.

    Returns:
        The rates, over all and by gender, and the counts that they come from.

    Raises:
        ValueError: where the lengths differ or nothing is given.

    Examples:
        >>> found = gender_error(["WOMEN", "WOMEN", "WOMEN", "MEN"], ["WOMEN", "WOMEN", "MEN", "MEN"])
        >>> found.error, found.balanced, found.majority
        (0.25, 0.25, 0.5)
        >>> found.by_gender, found.confusion["MEN"]
        ({'MEN': 0.5, 'WOMEN': 0.0}, {'MEN': 1, 'WOMEN': 1})
    """
    if len(answered) != len(true):
        raise ValueError(f"{len(answered)} answers do not fit {len(true)} true genders")
    if not len(true):
        raise ValueError("no image was judged")
    said, is_so = np.asarray(answered, str), np.asarray(true, str)
    labels = sorted({*said.tolist(), *is_so.tolist()})
    confusion = {
        gender: {label: int(((is_so == gender) & (said == label)).sum()) for label in labels}
        for gender in sorted(set(is_so.tolist()))
    }
    size = {gender: sum(row.values()) for gender, row in confusion.items()}
    by_gender = {gender: 1 - row[gender] / size[gender] for gender, row in confusion.items()}
    return GenderError(
        n=len(true),
        error=float((said != is_so).mean()),
        by_gender=by_gender,
        balanced=sum(by_gender.values()) / len(by_gender),
        majority=1 - max(size.values()) / len(true),
        confusion=confusion,
    )
