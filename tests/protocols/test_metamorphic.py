"""What must not move a score, what must, and how: asked of every registered protocol in every variant."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest

from fhpt_bench import weights
from fhpt_bench.protocol import Protocol, Score, protocols

MADE = [protocols.load(name)(variant) for name in protocols.entries() for variant in protocols.load(name).variants]
# A head that does not ship is whoever's trains it; the other backbones' go through the same code.
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

# Order, batches and threads change the order of float64 sums, no more.
SAME = 1e-9

# Both sides are treated alike, given that no target stands twice. Of all others the swap must be seen. Where single
# metrics are named, they are the same, and something else of that protocol is not.
SYMMETRIC = {
    "ssim:canonical", "ssim:gfla", "ssim:skimage",  # not patn and pidm, which measure the generated image's range
    "psnr:canonical", "lpips:alex-0.1", "lpips:vgg-0.1", "lpips:alex-0.0",
    "fid:canonical", "fid:drn", "fid:clean", "kid:canonical", "fd-effnet-lite0:canonical", "kd-effnet-lite0:canonical",
    # Among the pairs whose two faces were found; not `detected`, and what depends on the real faces of others.
    "face-id:canonical:face-id", "face-id:canonical:acc@0.6", "face-id:canonical:acc@0.7",
}  # fmt: skip

# Every pair twice is the same mean, but not the same set: covariances divide by n - 1, an unbiased kernel takes copies
# for pairs of images, ten splits are cut elsewhere, and `paper` keeps the copies in its gallery.
MOVED_BY_REPEATS = {"fid", "kid", "fd-effnet-lite0", "kd-effnet-lite0", "is", "is-effnet-lite0"}
NOT_MOVED_BY_REPEATS = {"is:canonical:one-split", "is:drn:one-split", "is-effnet-lite0:canonical:one-split"}

# It looks at generated images alone, and damage may make them more various.
WITHOUT_REFERENCE = {"is", "is-effnet-lite0"}


def key(protocol: Protocol, metric: str) -> str:
    return f"{protocol.card.key}:{metric}"


def differences(a: object, b: object, rel: float, place: str = "") -> list[str]:
    """Where two trees of JSON values are not the same."""
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
    """All that scores say, values by pair sorted by the pair's id."""
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
def test_scores_are_what_the_card_says(trial, protocol: Protocol) -> None:
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
    # Where right and wrong are counted, a few good images may be right on either side: grey ones are not.
    seen = [_swapped(world, protocol) for world in (once, once.painted(lambda image: np.full_like(image, 128)))]
    assert not seen[0][1], "these are symmetric"
    assert seen[0][0] or seen[1][0], "nothing has seen the swap"


def _swapped(trial, protocol: Protocol) -> tuple[bool, set[str]]:
    """Whether the swap was seen where it must be, and the symmetric metrics that it moved."""
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
        expected = protocol.id in MOVED_BY_REPEATS or protocol.variant.startswith("paper-")
        assert moved == (expected and key(protocol, metric) not in NOT_MOVED_BY_REPEATS), metric


@every_protocol
def test_one_persons_pairs_removed_shift_n_by_their_number(trial, protocol: Protocol) -> None:
    gone = trial.pairs[4].person
    before = trial.score(protocol)
    after = trial.of([pair for pair in trial.pairs if pair.person != gone]).score(protocol)
    lost = [pair.id for pair in trial.pairs if pair.person == gone]
    assert len(lost) == 3
    for metric, score in before.items():
        reasons = [""] * 3 if score.per_pair is None else score.per_pair.loc[lost, "skipped"].tolist()
        if score.per_pair is None and score.skipped:
            # Which pairs were left out is not kept, only how many.
            assert score.n - after[metric].n + sum(score.skipped.values()) - sum(after[metric].skipped.values()) == 3
            continue
        assert score.n - after[metric].n == reasons.count("")
        assert Counter(score.skipped) - Counter(after[metric].skipped) == Counter(filter(None, reasons))


@every_protocol
def test_real_images_get_what_the_card_says_and_damage_does_not_help(trial, protocol: Protocol, blurred) -> None:
    real = trial.painted(lambda image: image).score(protocol)
    for metric in protocol.metrics:
        if metric.real is not None:
            assert real[metric.name].value == pytest.approx(metric.real, abs=1e-12)
    if protocol.id in WITHOUT_REFERENCE:
        return
    headline = protocol.metrics[0]
    best, damaged = real[headline.name].value, trial.painted(blurred).score(protocol)[headline.name].value
    if best is None:  # identical pairs have no psnr
        assert real[headline.name].skipped == {"identical": len(trial.pairs)}
    elif damaged is not None:  # a blur may leave no face
        assert damaged <= best if headline.higher_is_better else damaged >= best
        assert headline.real is None or damaged != best


def test_all_but_what_nobody_has_trained_is_asked() -> None:
    assert {f"retrieval:{way}-resnet50" for way in ("unique", "paper", "hit", "map")} >= UNTRAINED
