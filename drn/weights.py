"""Trained networks as the weights store knows them: what ships, learnt on studio 1.0, and what a user trains."""

from __future__ import annotations

from fhpt_bench.weights.table import WeightSpec


def _untrained(name: str, description: str) -> WeightSpec:
    return WeightSpec(name, description, "whoever trains it", "whoever trains it", ())


DRN = _untrained("drn", "the Detail Replenishing Network without its face module")
FACE = _untrained("drn-face", "DRN's face module")
PB_ONLY = _untrained("drn-pb-only", "DRN's transfer branch alone")
TEXTURE64 = _untrained("drn-tex64", "DRN with a style code of 64")
END2END = _untrained("drn-end2end", "DRN trained without a coarse step")
