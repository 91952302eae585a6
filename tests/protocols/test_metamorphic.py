"""Changes of the input that must or must not move a score, for every registered protocol in every variant."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest

from fhpt_bench import weights
from fhpt_bench.networks.encoders import known_encoders
from fhpt_bench.protocol import Protocol, Score, protocols

MADE = [protocols.load(name)(variant) for name in protocols.entries() for variant in protocols.load(name).variants]
# A head that does not ship must be trained by the user; heads on other backbones use the same code.
UNTRAINED = {protocol.card.key for protocol in MADE if not all(map(weights.available, protocol.weights))}
every_protocol = pytest.mark.parametrize(
    "protocol",
    [
        pytest.param(
            protocol,
            id=protocol.card.key,
            marks=pytest.mark.skipif(protocol.card.key in UNTRAINED, reason="its head is not trained"),
        )
        for protocol in MADE
    ],
)

# Order, batches and threads change only the order of float64 sums.
SAME = 1e-9

# Symmetric in generated and target images, if no target occurs twice. All others must change with the swap. If single
# metrics are listed, these are symmetric, and another metric or detail of the protocol is not.
SYMMETRIC = {
    # Not patn, market, pidm and cfld-256, which use the range of the generated image.
    "ssim:canonical", "ssim:gfla", "ssim:skimage", "ssim:torchmetrics", "ssim:grey", "ssim:hr-viton",
    "psnr:canonical", "psnr:unit", "psnr:batch16", "lpips:alex-0.1", "lpips:vgg-0.1", "lpips:alex-0.0",
    "lpips:squeeze-0.1", "lpips:alex-128", "lpips:alex-unscaled", "lpips:vgg-unscaled",
    "fid:canonical", "fid:drn", "fid:clean", "kid:canonical", "fd-effnet-lite0:canonical", "kd-effnet-lite0:canonical",
    "kid:vton",  # of two sets of one size, up to 1000 images: each subset is the whole set
    # Over the pairs with two faces; not `detected`, and not metrics that depend on real faces of other people.
    "regions:canonical",
    "face-id:canonical:face-id", "face-id:canonical:acc@0.6", "face-id:canonical:acc@0.7",
    *(f"{protocol}:{name}" for protocol in ("fd", "kd", "cmmd", "similarity") for name in known_encoders()),
}  # fmt: skip

# With every pair twice the mean is the same, but not the set: covariances divide by n - 1, an unbiased kernel uses
# copies as pairs of images, splits and batches have other borders, and `paper` keeps the copies in its gallery. (The
# recall of `prdc` can move too; here the balls of noisy images hold all targets: see perceptual/test_encoded.py.)
MOVED_BY_REPEATS = {
    "psnr:batch16", "fid", "kid", "fd-effnet-lite0", "kd-effnet-lite0", "is", "is-effnet-lite0", "fd", "kd", "mask-is",
}  # fmt: skip
NOT_MOVED_BY_REPEATS = {
    "is:canonical:one-split", "is:drn:one-split", "is:market:one-split", "is-effnet-lite0:canonical:one-split",
    "is:hr-viton:is", "is:hr-viton:one-split", "mask-is:market:one-split",
}  # fmt: skip

# These use only generated images, and damage may increase their variety.
WITHOUT_REFERENCE = {"is", "is-effnet-lite0", "mask-is"}


def key(protocol: Protocol, metric: str) -> str:
    return f"{protocol.card.key}:{metric}"


def differences(a: object, b: object, rel: float, place: str = "") -> list[str]:
    """Places at which two trees of JSON values differ."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return [found for name in a for found in differences(a[name], b[name], rel, f"{place}.{name}")]
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return [
            found for i, pair in enumerate(zip(a, b, strict=True)) for found in differences(*pair, rel, f"{place}.{i}")
        ]
    if isinstance(a, float) and isinstance(b, float):
        same = (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=rel, abs_tol=1e-12)
        return [] if same else [f"{place}: {a!r} and {b!r}"]
    return [] if a == b else [f"{place}: {a!r} and {b!r}"]


def plain(scores: dict[str, Score]) -> dict[str, object]:
    """All contents of scores, with values per pair sorted by pair id."""
    return {
        metric: {
            **{name: getattr(score, name) for name in ("value", "n", "details")},
            "interval": score.interval and dataclasses.asdict(score.interval),
            "per_pair": None if score.per_pair is None else score.per_pair.sort_index().to_dict(),
            "skipped": dict(score.skipped),
        }
        for metric, score in scores.items()
    }


@every_protocol
def test_scores_are_in_the_range_of_the_card(trial, protocol: Protocol) -> None:
    scores = trial.score(protocol)
    assert list(scores) == [metric.name for metric in protocol.metrics]
    for metric in protocol.metrics:
        score = scores[metric.name]
        assert score.value is not None
        assert metric.range[0] <= score.value <= metric.range[1]
        assert score.n + sum(score.skipped.values()) == len(trial.pairs)
        if score.per_pair is not None:
            assert list(score.per_pair.index) == [pair.id for pair in trial.pairs]


@every_protocol
def test_order_batches_and_threads_do_not_matter(trial, protocol: Protocol, threads) -> None:
    mixed = trial.of([trial.pairs[i] for i in np.random.default_rng(1).permutation(len(trial.pairs))])
    first = plain(trial.score(protocol, batch=18))
    for batch, count in ((5, 1), (1, 2)):
        with threads(count):
            assert differences(first, plain(mixed.score(protocol, batch)), SAME) == []


@every_protocol
def test_swapping_generated_and_real(trial, protocol: Protocol) -> None:
    once = trial.of(list({pair.target: pair for pair in trial.pairs}.values()))
    # Metrics that count right answers may be equal for a few good images; they differ for grey images.
    found = [_swapped(case, protocol) for case in (once, once.with_generated(lambda image: np.full_like(image, 128)))]
    assert not found[0][1], "these metrics are symmetric"
    assert found[0][0] or found[1][0], "no value changed with the swap"


def _swapped(trial, protocol: Protocol) -> tuple[bool, set[str]]:
    """Whether the swap moved what it must move, and the symmetric metrics that it moved."""
    one, other = trial.score(protocol), trial.swap().score(protocol)
    moved = {metric for metric in one if differences(plain(one)[metric], plain(other)[metric], 1e-6)}
    same = {metric for metric in one if {protocol.card.key, key(protocol, metric)} & SYMMETRIC}
    values = {metric for metric in same if differences(one[metric].value, other[metric].value, 1e-6)}
    return bool(moved - same or same == set(one)), values


@every_protocol
def test_every_pair_twice(trial, protocol: Protocol) -> None:
    once, twice = trial.score(protocol), trial.of([*trial.pairs, *trial.pairs]).score(protocol)
    for metric, score in once.items():
        assert twice[metric].n == 2 * score.n
        assert twice[metric].skipped == {reason: 2 * count for reason, count in score.skipped.items()}
        moved = bool(differences(score.value, twice[metric].value, 1e-9))
        expected = bool({protocol.id, protocol.card.key} & MOVED_BY_REPEATS) or protocol.variant.startswith("paper-")
        assert moved == (expected and key(protocol, metric) not in NOT_MOVED_BY_REPEATS), metric


@every_protocol
def test_removing_one_persons_pairs_reduces_n_by_their_number(trial, protocol: Protocol) -> None:
    removed = trial.pairs[4].person
    before = trial.score(protocol)
    after = trial.of([pair for pair in trial.pairs if pair.person != removed]).score(protocol)
    lost = [pair.id for pair in trial.pairs if pair.person == removed]
    assert len(lost) == 3
    for metric, score in before.items():
        reasons = [""] * 3 if score.per_pair is None else score.per_pair.loc[lost, "skipped"].tolist()
        if score.per_pair is None and score.skipped:
            # Only the number of excluded pairs is stored.
            assert score.n - after[metric].n + sum(score.skipped.values()) - sum(after[metric].skipped.values()) == 3
            continue
        assert score.n - after[metric].n == reasons.count("")
        assert Counter(score.skipped) - Counter(after[metric].skipped) == Counter(filter(None, reasons))


@every_protocol
def test_real_images_get_the_value_of_the_card_and_damage_does_not_help(trial, protocol: Protocol, blurred) -> None:
    real = trial.with_generated(lambda image: image).score(protocol)
    for metric in protocol.metrics:
        if metric.real is not None:
            assert real[metric.name].value == pytest.approx(metric.real, abs=1e-12)
    if protocol.id in WITHOUT_REFERENCE:
        return
    headline = protocol.metrics[0]
    best, damaged = real[headline.name].value, trial.with_generated(blurred).score(protocol)[headline.name].value
    if best is None:  # identical pairs have no finite psnr
        assert real[headline.name].skipped == {"identical": len(trial.pairs)}
    elif damaged is not None:  # there may be no face after the blur
        assert damaged <= best if headline.higher_is_better else damaged >= best
        assert headline.real is None or damaged != best


def test_all_protocols_with_available_heads_are_tested() -> None:
    assert {f"retrieval:{way}-resnet50" for way in ("unique", "paper", "hit", "map")} >= UNTRAINED
