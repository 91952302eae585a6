"""Entries of the weights store: networks that ship, trained on studio 1.0, and networks that a user trains."""

from __future__ import annotations

from fhpt_bench.weights.table import shipped, to_train

DRN = shipped(
    "drn/trained/drn.safetensors",
    "the Detail Replenishing Network without its face module, trained on studio 1.0",
    15_472_772,
    "a92f9021afe7326cd61c2dc5ac46953e04c258fef24461627864bad01ed43ed5",
    "281f39aa7a2488b8a70d05076641c065180e1e5f52f1e6ccb2ab6b40e047b3c1",
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
