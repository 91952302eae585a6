"""KEC and PCKh as protocols, on random keypoints."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.data.keypoints import KEYPOINTS, SLICES
from fhpt_bench.data.truth import Truth
from fhpt_bench.protocol import Evidence, Score
from protocols.structural import anchors, keypoint_error_curve
from protocols.structural.keypoint_error_curve import KeypointErrorCurve
from protocols.structural.pckh import PCKh


def make_evidence(keypoints: np.ndarray, targets: np.ndarray | None = None, **truth: np.ndarray) -> Evidence:
    """Evidence of pairs with given keypoints, (n, 128, 3), and ground-truth tables by part, (n, K, 3)."""
    names = [f"t{i}.jpg" for i in range(len(keypoints))]
    pairs = tuple(Pair(f"s{i}.jpg", name, f"p{i % 12}") for i, name in enumerate(names))
    poses = {name: np.full((18, 2), np.nan, np.float32) for name in names}
    tables = {part: dict(zip(names, rows, strict=True)) for part, rows in truth.items()}
    reach = {"body": 20, "face": 10, "hand": 40}
    benchmark = Benchmark("x", "1", "", Path(), (256, 176), pairs, poses, Truth(tables), (), reach)
    return Evidence(benchmark, {}, lambda feature, role: keypoints if role == "generated" else targets)


def scored(variant: str, evidence: Evidence) -> dict[str, Score]:
    return {score.metric: score for score in KeypointErrorCurve(variant).score(evidence)}


@pytest.fixture
def keypoints() -> np.ndarray:
    """Random keypoints of 24 images: points inside the image, each part found or not."""
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform([5, 5], [170, 250], (24, KEYPOINTS, 2)), np.ones((24, KEYPOINTS, 1))], -1)
    points[::3, SLICES["face"]] = points[1::4, SLICES["hand_left"]] = [np.nan, np.nan, 0]
    return points.astype(np.float32)


def truth_near(keypoints: np.ndarray, part: str, hidden: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(1)
    points = np.nan_to_num(keypoints[:, SLICES[part]], nan=50.0)
    points = points + [1, 1, 0] * rng.normal(0, 6, points.shape)
    points[..., 2] = rng.random(points.shape[:2]) >= hidden
    return points.astype(np.float32)


def test_score_equals_the_area_of_the_function(keypoints: np.ndarray) -> None:
    tables = {part: truth_near(keypoints, part) for part in SLICES}
    scores = scored("canonical", make_evidence(keypoints, **tables))
    for metric, part, reach in (("body", "body", 20), ("face", "face", 10), ("hand-left", "hand_left", 40)):
        truth = tables[part].astype(float)
        truth[..., 2] *= ((truth[..., :2] >= 0) & (truth[..., :2] < (176, 256))).all(-1)
        curve = keypoint_error_curve(keypoints[:, SLICES[part]], truth, anchors(reach))
        assert scores[metric].value == pytest.approx(curve.mean(), rel=1e-12)
        assert scores[metric].details["curve"] == curve.tolist()
        assert scores[metric].details["n_keypoints"] == truth[..., 2].sum()
    left, right, both = (scores[metric].details for metric in ("hand-left", "hand-right", "hands"))
    assert both["n_keypoints"] == left["n_keypoints"] + right["n_keypoints"]
    assert both["n_found"] == left["n_found"] + right["n_found"]
    weights = scores["body"].per_pair["weight"]
    assert weights.sum() == scores["body"].details["n_keypoints"]
    assert weights.nunique() > 1
    assert scores["body"].interval is not None


def test_counted_keypoints_depend_on_the_variant(keypoints: np.ndarray) -> None:
    truth = truth_near(keypoints, "face")
    truth[0, 0], truth[0, 1] = [-1, 5, 0], [5, 256, 1]  # outside the image, independent of the flag
    evidence = make_evidence(keypoints, body=truth_near(keypoints, "body"), face=truth, hand_left=truth_near(
        keypoints, "hand_left"), hand_right=truth_near(keypoints, "hand_right"))  # fmt: skip
    canonical, found_only, in_frame = (scored(v, evidence)["face"] for v in KeypointErrorCurve.variants)
    inside = ((truth[..., :2] >= 0) & (truth[..., :2] < (176, 256))).all(-1)
    assert canonical.details["n_keypoints"] == (inside & (truth[..., 2] == 1)).sum()
    assert in_frame.details["n_keypoints"] == inside.sum() < 24 * 68
    missed = (inside & (truth[..., 2] == 1))[::3].sum()
    assert found_only.details["n_keypoints"] == canonical.details["n_keypoints"] - missed
    assert canonical.details["n_not_found"] == found_only.details["n_not_found"] == missed
    assert found_only.value > canonical.value
    assert found_only.skipped == {"none found": 8}
    assert not canonical.skipped


def test_without_tables_face_and_hands_come_from_the_estimator(keypoints: np.ndarray) -> None:
    evidence = make_evidence(keypoints, targets=keypoints)
    names = [pair.target for pair in evidence.pairs]
    for name, points in zip(names, keypoints, strict=True):
        evidence.benchmark.poses[name] = points[:18, :2] + np.float32(3)
    evidence.benchmark.poses[names[0]][4] = np.nan
    scores = scored("canonical", evidence)
    assert scores["body"].details["truth"] == "the benchmark's poses"
    assert scores["body"].details["n_keypoints"] <= 24 * 18 - 1
    assert 0 < scores["body"].value < 1
    assert scores["face"].value == scores["hands"].value == 1
    assert scores["face"].details["truth"] == "mediapipe-holistic on the real target"
    assert scores["face"].n == 16
    assert scores["face"].skipped == {"no keypoint of the part in the target": 8}


def test_real_images_go_through_the_estimator_only_if_a_table_is_missing(keypoints: np.ndarray) -> None:
    tables = {part: truth_near(keypoints, part) for part in ("face", "hand_left", "hand_right")}
    whole = make_evidence(keypoints, **tables).benchmark
    assert KeypointErrorCurve().features_of_real(whole) == PCKh().features_of_real(whole) == ()
    for part in tables:
        others = {name: table for name, table in tables.items() if name != part}
        lacking = make_evidence(keypoints, **others).benchmark
        assert KeypointErrorCurve().features_of_real(lacking) == ("mediapipe-holistic",)
        assert PCKh().features_of_real(lacking) == ()


def test_swapping_generated_and_real_matters(keypoints: np.ndarray) -> None:
    blind = keypoints.copy()
    blind[:12] = [np.nan, np.nan, 0]
    one = scored("canonical", make_evidence(blind, targets=keypoints))["hand-right"]
    other = scored("canonical", make_evidence(keypoints, targets=blind))["hand-right"]
    assert one.value == 0.5
    assert other.value == 1
    assert other.n == 12


def test_removing_one_persons_pairs_reduces_n(keypoints: np.ndarray) -> None:
    truth = truth_near(keypoints, "body", hidden=0)
    truth[:, [0, 1, 14, 15, 16, 17], :2] = keypoints[:, [0, 1, 14, 15, 16, 17], :2]
    whole = make_evidence(keypoints, body=truth)
    kept = [i for i in range(24) if i % 12 != 5]
    pairs = tuple(whole.pairs[i] for i in kept)
    part = Evidence(dataclasses.replace(whole.benchmark, pairs=pairs), {}, lambda feature, role: keypoints[kept])
    (before,), (after,) = PCKh().score(whole), PCKh().score(part)
    assert (before.n, after.n) == (24, 22)
    assert before.details["n_keypoints"] - after.details["n_keypoints"] == before.per_pair["weight"].iloc[[5, 17]].sum()
