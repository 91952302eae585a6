"""The inception score of a set of class logits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def inception_score(logits: NDArray[np.floating[Any]], splits: int = 10) -> tuple[float, float]:
    """exp of the mean divergence of each image's classes from the set's: Salimans et al., NeurIPS 2016, section 4.

    Split i of n images holds those from i*n//splits to (i+1)*n//splits in the order given, as in the authors' code.

    Args:
        logits: (N, C) float, before the softmax, sorted by whatever fixes the splits (a pair's id).
        splits: how many.

    Returns:
        Mean and standard deviation (ddof 0) over the splits; each split's score lies in [1, C].

    Raises:
        ValueError: where the logits are not such an array of finite numbers, or fewer than the splits.

    Examples:
        >>> inception_score(np.eye(4) * 1000, splits=1)
        (4.0, 0.0)
        >>> inception_score(np.zeros((20, 4)))
        (1.0, 0.0)
    """
    if logits.ndim != 2 or not np.issubdtype(logits.dtype, np.floating) or not np.isfinite(logits).all():
        raise ValueError(f"logits must be (N, C) finite floats, not {logits.shape} {logits.dtype}")
    n = len(logits)
    if not 1 <= splits <= n:
        raise ValueError(f"{n} images cannot be dealt into {splits} splits")
    from scipy.special import log_softmax

    log_p = log_softmax(logits.astype(np.float64), axis=1)
    p = np.exp(log_p)
    scores = []
    for i in range(splits):
        part = slice(i * n // splits, (i + 1) * n // splits)
        # A class that no image of the split has at all adds nothing: its probability times any logarithm is 0.
        log_mean = np.log(np.maximum(p[part].mean(0), np.finfo(np.float64).tiny))
        divergence = (p[part] * (log_p[part] - log_mean)).sum(1)
        scores.append(np.exp(divergence.mean()))
    return float(np.mean(scores)), float(np.std(scores))
