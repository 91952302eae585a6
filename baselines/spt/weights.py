"""The entry of SPT in the weights store."""

from __future__ import annotations

from fhpt_bench.weights.table import to_train

SPT = to_train("spt", "SPT (Song et al. 2019)")
