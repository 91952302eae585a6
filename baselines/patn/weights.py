"""The entry of PATN in the weights store."""

from __future__ import annotations

from fhpt_bench.weights.table import to_train

PATN = to_train("patn", "PATN (Zhu et al. 2019)")
