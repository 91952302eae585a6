"""Fingerprints: no text of a card or a benchmark is part of them; everything that can move a number is."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from fhpt_bench.feature import FeatureSpec, features
from fhpt_bench.protocol import MetricCard, ProtocolCard
from fhpt_bench.records.fingerprint import fingerprint
from fhpt_bench.records.schema import BenchmarkPart

PART = BenchmarkPart(
    id="b", version="1", title="t", image_size=(256, 176), n_pairs=8, limit=None, pairs_sha256="p", data_sha256="d",
    train_sha256="x",
)  # fmt: skip
CARD = ProtocolCard("ssim", "canonical", 1, "title", "definition", "citation", (MetricCard("ssim", "SSIM", True),))
FEATURES = [FeatureSpec("net", 1, ("w",), "scaled to [0, 1]").identity({"w": "ab"})]


def made(card: ProtocolCard = CARD, part: BenchmarkPart = PART, feature: list[dict[str, Any]] = FEATURES) -> str:
    return fingerprint(card, part, feature, {"own": "cd"})


@pytest.mark.parametrize(
    "change",
    [
        {"title": "x"}, {"definition": "x"}, {"citation": "x"}, {"used_by": "x"}, {"group": "semantic"},
        {"headlines": ("x",)}, {"metrics": (MetricCard("ssim", "another label", True, "unit"),)},
    ],
)  # fmt: skip
def test_no_text_of_a_card_enters(change: dict[str, Any]) -> None:
    assert made(dataclasses.replace(CARD, **change)) == made()


def test_no_text_of_a_benchmark_enters() -> None:
    assert made(part=PART.model_copy(update={"title": "another title"})) == made()


@pytest.mark.parametrize(
    "change", [{"id": "x"}, {"variant": "x"}, {"version": 2}, {"numerics": "x"}, {"training_images": True}]
)
def test_what_moves_a_number_enters(change: dict[str, Any]) -> None:
    assert made(dataclasses.replace(CARD, **change)) != made()
    assert made(feature=[]) != made()
    assert made(part=PART.model_copy(update={"data_sha256": "x"})) != made()


# The preprocessing is part of a feature's identity: its text names what is done, and may change only with it.
PREPROCESSING = "d20db9ce189e5f749fd52cac25737694e00c4cd75114f4c71029312e5fcaff9a"


def test_texts_that_enter_have_not_changed() -> None:
    """A new wording alone would make every earlier score incomparable; change this digest only with a version."""
    texts = {
        name: [(spec := features.load(name).spec).version, spec.preprocessing, spec.backend, spec.dtype]
        for name, entry in features.entries().items()
        if entry.origin.startswith("fhpt-bench ")
    }
    assert hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest() == PREPROCESSING
