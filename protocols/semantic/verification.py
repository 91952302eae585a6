"""How well a distance tells one person from another: what biometrics asks of any verification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EqualError:
    """Where a distance rejects as many true pairs as it accepts false ones.

    Args:
        threshold: distances below it are accepted.
        rate: mean of the two error rates there.
    """

    threshold: float
    rate: float


def verification_auc(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> float:
    """Area under the ROC curve: the chance that a true pair is nearer than a false one, ties counting half.

    Source: Hanley and McNeil, The Meaning and Use of the Area under a ROC Curve, Radiology 1982.

    Args:
        genuine: (N,) distances of two images of one person; infinite where nothing could be compared.
        impostor: (M,) distances of two people.

    Returns:
        0 to 1, where chance gives 0.5.

    Raises:
        ValueError: where either is empty or holds NaN.

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

    Source: ISO/IEC 19795-1 (biometric performance testing). A pair is accepted strictly below the threshold; where a
    whole range of thresholds does equally well, its middle is taken.

    Args:
        genuine: (N,) distances of two images of one person.
        impostor: (M,) distances of two people.

    Returns:
        The threshold and its error rate.

    Raises:
        ValueError: where either is empty or holds NaN.

    Examples:
        >>> equal_error(np.array([0.1, 0.3]), np.array([0.5, 0.9]))
        EqualError(threshold=0.4, rate=0.0)
    """
    _check(genuine, impostor)
    # Between two neighbouring distances nothing changes: a threshold at each of them stands for all down to the last.
    at = np.unique(np.concatenate([genuine, impostor]))
    accepted = np.searchsorted(np.sort(impostor), at, "left")
    rejected = len(genuine) - np.searchsorted(np.sort(genuine), at, "left")
    # In whole numbers, so that rounding decides no tie; the lowest threshold wins it.
    best = int(np.abs(accepted * len(genuine) - rejected * len(impostor)).argmin())
    rate = (accepted[best] / len(impostor) + rejected[best] / len(genuine)) / 2
    return EqualError(float((at[max(best - 1, 0)] + at[best]) / 2), float(rate))


def _check(genuine: NDArray[np.float64], impostor: NDArray[np.float64]) -> None:
    for name, distances in (("genuine", genuine), ("impostor", impostor)):
        if not len(distances) or np.isnan(distances).any():
            raise ValueError(f"{name} must hold distances, and no NaN")
