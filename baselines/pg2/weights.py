"""The entry of PG2 in the weights store."""

from __future__ import annotations

from fhpt_bench.weights.table import to_train

PG2 = to_train("pg2", "PG2 (Ma et al. 2017)")
