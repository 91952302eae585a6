"""Mistakes with metrics of joints, faces and garments."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.names import parse_name
from fhpt_bench.protocol import Evidence
from protocols.semantic.face_identity import choose_faces
from protocols.semantic.retrieval import Retrieval
from protocols.semantic.verification import equal_error
from protocols.structural.ground_truth import ESTIMATOR
from protocols.structural.keypoint_error_curve import keypoint_hits, part_keypoints
from protocols.structural.pckh import pckh_hits
from tools.docs.footguns.material import Material, Vectors, extract
from tools.docs.pages import table

NEAR = np.array([10.0])  # pixels


def _evidence(material: Material, real: bool) -> Evidence:
    """Keypoints of the 100 pairs, on the generated images, or on the targets in place of generated images."""
    pairs = material.few
    images = material.targets(pairs) if real else material.generated(pairs)
    found = extract(ESTIMATOR, images)
    return Evidence(material.benchmark.limited(len(pairs)), {}, lambda feature, role: found)


def missed(material: Material) -> str:
    """Hit rates over all keypoints, and over the found keypoints only."""
    rows = []
    for name, real in (("`warp`", False), ("real targets", True)):
        evidence = _evidence(material, real)
        for part, title in (("body", "body"), ("face", "face"), ("hands", "both hands")):
            estimated, truth, _ = part_keypoints(evidence, part)
            counted, seen = truth[..., 2] > 0, (truth[..., 2] > 0) & (estimated[..., 2] > 0)
            hits = keypoint_hits(estimated, truth, NEAR)[0].sum()
            rows.append((title, name, int(counted.sum()), f"{seen.sum() / counted.sum():.0%}",
                         f"{hits / counted.sum():.0%}", f"{hits / seen.sum():.0%}"))  # fmt: skip
    columns = ["part", "images", "keypoints", "found", "closer than 10 px, of all", "closer than 10 px, of those found"]
    return table(columns, sorted(rows, key=lambda row: ("body", "face", "both hands").index(row[0])))


def pixels(material: Material) -> str:
    """Hit rates of body joints by the target's view, in pixels and relative to the head size."""
    evidence = _evidence(material, False)
    estimated, truth, _ = part_keypoints(evidence, "body")
    views = np.array([getattr(parse_name(pair.target), "view", "") for pair in evidence.pairs])
    hits, counts = keypoint_hits(estimated, truth, NEAR)
    right, counted = pckh_hits(estimated, truth)
    rows = []
    for view in ("front", "additional", "full"):
        of = views == view
        head = truth[of][:, [0, 1, 14, 15, 16, 17]]
        box = [np.ptp(points[points[:, 2] > 0, 1]) for points in head if (points[:, 2] > 0).sum() > 1]
        near, by_head = hits[of].sum() / counts[of].sum(), right[of].sum() / counted[of].sum()
        rows.append((view, int(of.sum()), f"{np.mean(box):.0f} px", f"{near:.0%}", f"{by_head:.0%}"))
    return table(["target's view", "pairs", "height of the head box", "closer than 10 px", "PCKh"], rows)


def distances(material: Material) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances between all pairs of real faces: of one person, and of two people."""
    from scipy.spatial.distance import pdist

    names = material.unique
    noses = np.stack([material.benchmark.poses[name][0] for name in names])
    faces = choose_faces(extract("dlib-faces", material.real(names)), noses)
    shows = np.isfinite(faces[:, 0])
    people = np.array([getattr(parse_name(name), "person", name) for name in names])[shows]
    first, second = np.triu_indices(len(people), 1)
    same, distance = people[first] == people[second], pdist(faces[shows])
    return distance[same], distance[~same]


def strangers(material: Material) -> str:
    """Shares of real image pairs that a threshold accepts."""
    genuine, impostor = distances(material)
    equal = equal_error(genuine, impostor)
    rows = [
        (name, f"{threshold:.3f}", f"{(genuine < threshold).mean():.1%}", f"{(impostor < threshold).mean():.1%}")
        for name, threshold in (
            ("face_recognition's default", 0.6),
            ("a looser threshold", 0.7),
            ("equal error on these images", equal.threshold),
        )
    ]
    columns = ["threshold", "distance below", f"same person: accepted (of {len(genuine)})",
               f"different people: accepted (of {len(impostor)})"]  # fmt: skip
    return table(columns, rows)


def copies(material: Material) -> str:
    """Real targets as queries: with features of a network, and with random vectors per file name."""
    benchmark = material.benchmark
    pooled = dict(zip(material.unique, extract("vgg16-pooled", material.real(material.unique)), strict=True))
    random = {name: _noise(name, len(pooled[name])) for name in material.unique}

    def evidence(rows: dict[str, Vectors]) -> Evidence:
        def vectors(feature: str, role: str) -> Vectors:
            side = "source" if role == "source" else "target"
            return np.stack([rows[getattr(pair, side)] for pair in benchmark.pairs])

        return Evidence(benchmark, {}, vectors)

    rows = []
    for way, what in (
        ("paper", "the source of every pair, copies kept"),
        ("unique", "each source once, without the pair's own images"),
    ):
        cells = []
        for known in (pooled, random):
            score = Retrieval(f"{way}-vgg16-imagenet").score(evidence(known))[0]
            cells.append(f"{score.value:.3f}")
        rows.append((f"`{way}`", what, *cells, f"{score.details['ceiling']:.3f}"))
    columns = ["variant", "gallery", "recall@10, VGG16 (ImageNet)", "recall@10, random vectors", "ceiling"]
    return table(columns, rows)


def _noise(name: str, size: int) -> Vectors:
    """A random vector that depends only on the image's name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=size).astype(np.float32)
