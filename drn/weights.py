"""Entries of the weights store: networks that ship, trained on studio 1.0, and networks that a user trains."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped, to_train

DRN = shipped(
    "drn/trained/drn.safetensors",
    "the Detail Replenishing Network without its face module, trained on studio 1.0",
    15_472_772,
    "158c43ab5b164eea98bed8ba170f4a0da743d4726e6275b5d52d48e2d751a342",
    "6142baf6ed29c83ada4d710c4350d3eb67464fa91c69116b7d972e6a44212dee",
)
FACE = shipped(
    "drn/trained/drn-face.safetensors",
    "DRN's face module, trained on studio 1.0",
    3_919_078,
    "80d1f8d75ae51ee53b4c83d58070ccc377b228a950fd5ce84efe525a87802e4c",
    "76034df03b39244f376043d9b2f9fe79d175d2cba1d716481cb4d624b03ac013",
)
PB_ONLY = to_train("drn-pb-only", "DRN's transfer branch alone")
TEXTURE64 = to_train("drn-tex64", "DRN with a style code of length 64")
PB_FIXED = to_train("drn-pb-fixed", "a trained PATN with DRN's detail branch")
END2END = to_train("drn-end2end", "DRN trained without a coarse step")
