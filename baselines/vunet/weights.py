"""The entry of VUNet in the weights store."""

from __future__ import annotations

from fhpt_bench.weights.table import to_train

VUNET = to_train("vunet", "VUNet (Esser et al. 2018)")
