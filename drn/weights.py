"""Trained networks as the weights store knows them: what ships, learnt on studio 1.0, and what a user trains."""

from __future__ import annotations

from fhpt_bench.weights.readers import safetensors_file
from fhpt_bench.weights.sources import PackageFile
from fhpt_bench.weights.table import WeightSpec


def _untrained(name: str, description: str) -> WeightSpec:
    return WeightSpec(name, description, "whoever trains it", "whoever trains it", ())


def _shipped(name: str, description: str, size: int, sha256: str, digest: str) -> WeightSpec:
    source = PackageFile(f"drn/trained/{name}.safetensors", size, sha256, safetensors_file, digest)
    return WeightSpec(name, f"{description}, learnt on studio 1.0", "Apache-2.0", "this project", (source,))


DRN = _shipped(
    "drn",
    "the Detail Replenishing Network without its face module",
    15_472_748,
    "995698d0ef126569663d16a38a3d4bd68932919bf5703317da378f519a545b2b",
    "7092696041b8b4de6ee2f54301969b488e05ced8bfad62e369463bde4936fce8",
)
FACE = _shipped(
    "drn-face",
    "DRN's face module",
    3_919_078,
    "80d1f8d75ae51ee53b4c83d58070ccc377b228a950fd5ce84efe525a87802e4c",
    "76034df03b39244f376043d9b2f9fe79d175d2cba1d716481cb4d624b03ac013",
)
PB_ONLY = _untrained("drn-pb-only", "DRN's transfer branch alone")
TEXTURE64 = _untrained("drn-tex64", "DRN with a style code of 64")
END2END = _untrained("drn-end2end", "DRN trained without a coarse step")
