"""The entry of PATN in the weights store. Its weights are trained on studio 1.0."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped

PATN = shipped(
    "baselines/patn/trained/patn.safetensors",
    "PATN (Zhu et al. 2019), trained on studio 1.0",
    5_225_806,
    "c61906707278333a3aa16048dac9bd393a83d2f9289e67e6614beb5edceccc90",
    "8cf76169163e32f319772845cb97a6f872229080debdf09483c01661ce866828",
)
