"""The entry of DSC in the weights store."""

from __future__ import annotations

from fhpt_bench.weights.table import to_train

DSC = to_train("dsc", "DSC (Siarohin et al. 2018)")
