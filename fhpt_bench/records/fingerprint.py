"""What two scores must share to be comparable: the benchmark's data, the protocol, its networks and their weights."""

from __future__ import annotations

from typing import Any

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.files import sha256_json
from fhpt_bench.protocol import ProtocolCard
from fhpt_bench.records.schema import BenchmarkPart


def describe(
    benchmark: Benchmark, images: dict[str, str], train: dict[str, str], parsing: bool = False
) -> BenchmarkPart:
    """The part of a record that describes the benchmark.

    Args:
        benchmark: the benchmark, with all pairs or some.
        images: image name -> digest of its pixels (`Benchmark.image_digests`).
        train: the same for the training images (`Benchmark.train_image_digests`), empty if no protocol needs them.
        parsing: whether a protocol uses parsing maps of the target images.
    """
    regions = benchmark.regions if parsing else None
    return BenchmarkPart(
        id=benchmark.id, version=benchmark.version, title=benchmark.title, image_size=benchmark.image_size,
        n_pairs=len(benchmark.pairs), subset=benchmark.subset, limit=benchmark.limit,
        pairs_sha256=benchmark.pairs_digest, data_sha256=benchmark.data_digest(images),
        train_sha256=sha256_json(list(train.items())) if train else None, missing=benchmark.missing,
        landmarks_sha256=benchmark.landmarks_digest, landmarks_by=benchmark.truth.estimator,
        parsing_sha256=regions.sha256 if regions else None, parsing_labels=regions.labels if regions else None,
        people=len({pair.person for pair in benchmark.pairs}) if benchmark.clusters_known else 0,
    )  # fmt: skip


def fingerprint(
    card: ProtocolCard,
    benchmark: BenchmarkPart,
    features: list[dict[str, Any]],
    weights: dict[str, str],
    code: str | None = None,
) -> str:
    """The fingerprint of a score: two scores are comparable if and only if theirs are equal.

    No text of a card (title, definition, citation) is part of it.

    Args:
        card: the card of the protocol.
        benchmark: the benchmark on which it is measured.
        features: the identity of each feature that it uses (`Feature.identity`).
        weights: name -> digest of the protocol's own weights.
        code: digest of the protocol's code if it was loaded from a file: such a protocol is edited without a version.

    Returns:
        64 hexadecimal digits.
    """
    content: dict[str, Any] = {
        "protocol": [card.id, card.variant, card.version, card.numerics],
        "benchmark": benchmark.identity,
        "features": features,
        "weights": weights,
    }
    if code:
        content["code"] = code
    if card.training_images:
        content["training images"] = benchmark.train_sha256
    if card.landmarks and benchmark.landmarks_sha256:
        content["landmarks"] = benchmark.landmarks_sha256
    if card.parsing:
        content["parsing"] = benchmark.parsing_sha256
    return sha256_json(content)
