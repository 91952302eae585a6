"""Verification metrics of biometrics: how well a distance separates images of one person from those of two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EqualError:
    """The threshold at which a distance rejects as many true pairs as it accepts false ones.

    Args:
        threshold: distances below it are accepted.
        rate: mean of the two error rates at this threshold.
    """

    threshold: float
    rate: float


def verification_auc(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the probability that a true pair is nearer than a false one; ties count half.

    Source: Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 1982.

    Args:
        genuine: (N,) distances of two images of one person; infinite if they could not be compared.
        impostor: (M,) distances of two people.

    Returns:
        The area in [0, 1]; chance level is 0.5.

    Raises:
        ValueError: if an array is empty or contains NaN.

    Examples:
        >>> verification_auc(np.array([0.1, 0.5]), np.array([0.5, 0.9]))
        0.875
    """
    _check(genuine, impostor)
    ordered = np.sort(impostor)
    nearer = np.searchsorted(ordered, genuine, "left") + np.searchsorted(ordered, genuine, "right")
    return float(1 - nearer.mean() / (2 * len(ordered)))


def equal_error(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> EqualError:
    """The threshold at which the share of rejected true pairs is nearest to that of accepted false ones.

    Source: ISO/IEC 19795-1 (biometric performance testing). A pair is accepted strictly below the threshold; if a
    range of thresholds gives the same result, its middle is returned.

    Args:
        genuine: (N,) distances of two images of one person.
        impostor: (M,) distances of two people.

    Returns:
        The threshold and its error rate.

    Raises:
        ValueError: if an array is empty or contains NaN.

    Examples:
        >>> equal_error(np.array([0.1, 0.3]), np.array([0.5, 0.9]))
        EqualError(threshold=0.4, rate=0.0)
    """
    _check(genuine, impostor)
    # Between two neighbouring distances nothing changes: it is enough to test one threshold at each distance.
    at = np.unique(np.concatenate([genuine, impostor]))
    accepted = np.searchsorted(np.sort(impostor), at, "left")
    rejected = len(genuine) - np.searchsorted(np.sort(genuine), at, "left")
    # In integers, so that rounding does not decide ties; the lowest threshold wins a tie.
    best = int(np.abs(accepted * len(genuine) - rejected * len(impostor)).argmin())
    rate = (accepted[best] / len(impostor) + rejected[best] / len(genuine)) / 2
    return EqualError(float((at[max(best - 1, 0)] + at[best]) / 2), float(rate))


def _check(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> None:
    for name, distances in (("genuine", genuine), ("impostor", impostor)):
        if not len(distances) or np.isnan(distances).any():
            raise ValueError(f"{name} must have at least one distance, and no NaN")
