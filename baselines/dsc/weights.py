"""The entry of DSC in the weights store. Its weights are trained on studio 1.0."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped

DSC = shipped(
    "baselines/dsc/trained/dsc.safetensors",
    "DSC (Siarohin et al. 2018), trained on studio 1.0",
    10_278_326,
    "68298e2c26e52801b2cdf868904f33783970f2348468a3941d7a8293b03961cd",
    "817a7a1b5167590cbc87f7151f27116237d2f0ce6b41bf36d2d572210995d72d",
)
