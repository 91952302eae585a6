"""Face identity: does a face network recognise the generated person as the real one?"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, Exhibits, Interval, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from fhpt_bench.statistics import block_jackknife
from protocols.inputs import check_pairs
from protocols.semantic.verification import equal_error, verification_auc

if TYPE_CHECKING:
    from fhpt_bench.networks.faces import DlibFaces

FEATURE = "dlib-faces"
_THRESHOLDS = (0.6, 0.7)


def choose_faces(faces: NDArray[np.float32], noses: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The embedding of one face per image: the one nearest to the nose, or the largest if there is no nose.

    Args:
        faces: (N, F, 132) from `dlib-faces`: box (x0, y0, x1, y1) in pixels and embedding, NaN for no face.
        noses: (N, 2) pixels (x, y), NaN if not visible; the distance is measured from the centre of a box.

    Returns:
        (N, 128) float64, NaN if there is no face.

    Raises:
        ValueError: if the arrays do not have these shapes.

    Examples:
        >>> faces = np.full((1, 2, 132), np.nan, np.float32)
        >>> faces[0, :, :4] = [[0, 0, 30, 30], [50, 0, 60, 10]]
        >>> faces[0, :, 4:] = [[1], [2]]
        >>> choose_faces(faces, np.array([[52.0, 9.0]]))[0, 0], choose_faces(faces, np.array([[np.nan, np.nan]]))[0, 0]
        (2.0, 1.0)
    """
    if faces.ndim != 3 or faces.shape[2] != 132 or noses.shape != (len(faces), 2):
        raise ValueError(f"faces must be (N, F, 132) and noses (N, 2), not {faces.shape} and {noses.shape}")
    box = faces[..., :4].astype(np.float64)
    area = (box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1])
    away = np.linalg.norm((box[..., :2] + box[..., 2:]) / 2 - noses[:, None], axis=2)
    cost = np.where(np.isnan(noses).any(1)[:, None], -area, away)
    best = np.where(np.isnan(cost), np.inf, cost).argmin(1)
    chosen: NDArray[np.float64] = faces[np.arange(len(faces)), best, 4:].astype(np.float64)
    return chosen


def face_identity(
    generated: NDArray[np.uint8],
    real: NDArray[np.uint8],
    generated_noses: NDArray[np.floating[Any]] | None = None,
    real_noses: NDArray[np.floating[Any]] | None = None,
) -> NDArray[np.float64]:
    """Distance of each pair's faces, the same as `face_recognition.face_distance` of `face_encodings`.

    The network is King's dlib face recognition ResNet (2017); below 0.6 two photographs usually show one person.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        real: the same shape: the target images, or the source images.
        generated_noses: (N, 2) pixels (x, y), NaN if not visible; of several faces the one nearest to the nose counts.
        real_noses: the same for the real images; without a nose the largest face counts.

    Returns:
        (N,) float64 Euclidean distance, 0 or more, lower is better; NaN if an image of the pair has no face.

    Raises:
        ValueError: if the arrays are not two uint8 RGB stacks of the same shape, or the noses do not fit.
        WeightsMissing: if dlib's models are not available from any source.

    Examples:
        >>> grey = np.full((1, 64, 48, 3), 128, np.uint8)
        >>> face_identity(grey, grey)
        array([nan])
    """
    check_pairs(generated, real)
    nowhere = np.full((len(generated), 2), np.nan)
    a, b = (
        choose_faces(_network().extract(images), nowhere if noses is None else noses)
        for images, noses in ((generated, generated_noses), (real, real_noses))
    )
    return face_distance(a, b)


def face_distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two (…, 128) arrays of embeddings -> (…) Euclidean distances, NaN if either is NaN."""
    distance: NDArray[np.float64] = np.linalg.norm(a - b, axis=-1)
    return distance


@functools.cache
def _network() -> DlibFaces:
    from fhpt_bench.networks.faces import DlibFaces

    return DlibFaces("cpu")


@dataclass(frozen=True)
class _Album:
    """Unique real images that show a face, sorted by name.

    Args:
        names: (M,) names of the images.
        people: (M,) person of each image.
        faces: (M, 128) float64.
    """

    names: NDArray[np.str_]
    people: NDArray[np.str_]
    faces: NDArray[np.float64]

    def comparisons(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of all image pairs of one person, and of all image pairs of two people."""
        from scipy.spatial.distance import pdist

        first, second = np.triu_indices(len(self.names), 1)
        person = np.unique(self.people, return_inverse=True)[1]
        distance, same = pdist(self.faces), person[first] == person[second]
        return distance[same], distance[~same]


@dataclass(frozen=True)
class _Faces:
    """The faces that one variant uses, one row per pair.

    Args:
        people: (n,) person of each pair.
        generated: (n, 128) faces of the generated images, NaN if no face was found.
        real: (n, 128) faces of the real images that they are compared with (targets or sources).
        target_shows: (n,) whether the target image shows a face.
        gallery: the unique images that they are compared with.
        own: (n, M) whether the gallery image is the pair's own target, which a comparison with sources excludes.
        album: all real images of the benchmark.
    """

    people: NDArray[np.str_]
    generated: NDArray[np.float64]
    real: NDArray[np.float64]
    target_shows: NDArray[np.bool_]
    gallery: _Album
    own: NDArray[np.bool_]
    album: _Album


def _collect_faces(evidence: Evidence, side: str) -> _Faces:
    poses, pairs = evidence.benchmark.poses, evidence.pairs
    names = {role: np.array([getattr(pair, role) for pair in pairs]) for role in ("source", "target")}
    noses = {role: np.stack([poses[name][0] for name in of]) for role, of in names.items()}
    # A generated image has the target's pose, so its face is expected at the target's nose.
    generated = choose_faces(evidence.vectors(FEATURE, "generated"), noses["target"])
    real = {role: choose_faces(evidence.vectors(FEATURE, role), noses[role]) for role in names}

    def album(*roles: str) -> _Album:
        found, first = np.unique(np.concatenate([names[role] for role in roles]), return_index=True)
        faces, people = np.concatenate([real[role] for role in roles])[first], np.tile(evidence.people, len(roles))
        shows = _shows(faces)
        return _Album(found[shows], people[first][shows], faces[shows])

    gallery = album(side)
    own = (names["target"][:, None] == gallery.names) & (side == "source")
    return _Faces(
        evidence.people, generated, real[side], _shows(real["target"]), gallery, own, album("source", "target")
    )


def _shows(faces: NDArray[np.float64]) -> NDArray[np.bool_]:
    shows: NDArray[np.bool_] = np.isfinite(faces[:, 0])
    return shows


class FaceIdentity(Protocol):
    """Distance of the generated face to the real one, and how well the generated face identifies the person."""

    sees_pose = False
    id = "face-id"
    title = "Face identity"
    group = "semantic"
    citation = (
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, with King's dlib face "
        "network (2017) as in Geitgey's face_recognition"
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": (
            "Euclidean distance between dlib's embeddings of the generated and the target face (of several the one "
            "nearest to the nose of the target pose, else the largest), mean over the pairs with a face in both "
            "images; acc: share of these pairs strictly below 0.6, 0.7 and the equal-error threshold of the "
            "benchmark's real images; detected: share of generated images with a face, over the pairs whose target "
            "shows a face; rank-1: share of generated faces whose nearest unique target face shows the same person; "
            "auc: area under the ROC curve of the distances to the own target against those to targets of other people"
        ),
        "source": (
            "as canonical, with the source image instead of the target; for rank-1 the gallery excludes the pair's "
            "own target"
        ),
        "strict": (
            "as canonical, but a generated image without a face counts as a lost identity if its target shows a face: "
            "its distance is the mean distance between real faces of different people on the benchmark, it is below no "
            "threshold and never rank 1, and for auc its distance is infinite"
        ),
    }
    metrics = (
        MetricCard("face-id", "Face distance", higher_is_better=False, range=(0.0, np.inf)),
        *(MetricCard(f"acc@{t}", f"Face < {t}", higher_is_better=True, range=(0.0, 1.0)) for t in _THRESHOLDS),
        MetricCard("acc@eer", "Face < equal error", higher_is_better=True, range=(0.0, 1.0)),
        MetricCard("detected", "Faces found", higher_is_better=True, range=(0.0, 1.0), real=1.0),
        MetricCard("rank-1", "Face rank-1", higher_is_better=True, range=(0.0, 1.0)),
        MetricCard("auc", "Face AUC", higher_is_better=True, range=(0.0, 1.0), per_pair=False),
    )
    numerics = "numpy float64"
    moved_by = (
        "which pairs count: generated images without a face are excluded, except in `strict`",
        "the threshold: 0.6 was tuned on photographs, and may accept different people on other images",
        "the size of faces: the detector, which upsamples the image once, finds no face below about 40 pixels",
        "the number of people in the gallery, for rank-1",
    )
    at_other_sizes = (
        "The detector upsamples every image once, whatever its size, and finds faces from about 40 pixels on: "
        "with larger images more pairs count (also full views at 512x352), and at 128x64 no face is found; each "
        "face is aligned to the network's input, so that distances are not measured in pixels."
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The feature that gives the faces of an image."""
        return (FEATURE,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """All metrics; those that need person labels are skipped if the benchmark has none."""
        side = "source" if self.variant == "source" else "target"
        faces = _collect_faces(evidence, side)
        generated, real = _shows(faces.generated), _shows(faces.real)
        lost = real & ~generated & (self.variant == "strict")
        reasons = np.select(
            [lost | (generated & real), ~(generated | real), ~generated],
            ["", "without a face in either image", "without a face in the generated image"],
            f"without a face in the {side} image",
        )
        distance = face_distance(faces.generated, faces.real)
        genuine, impostor = faces.album.comparisons()

        def mean(metric: str, value: NDArray[Any], skipped: NDArray[np.str_], **details: Any) -> Score:
            values = PairValues.of(np.where(skipped == "", value, np.nan), skipped.tolist())
            return dataclasses.replace(mean_score(metric, evidence, values), details=details)

        def below(metric: str, threshold: float, skipped: NDArray[np.str_], **details: Any) -> Score:
            if known and len(impostor):
                accepted = {"share": float((impostor < threshold).mean()), "comparisons": len(impostor)}
                details["impostors_accepted"] = accepted
            return mean(metric, distance < threshold, skipped, **details)

        known = evidence.benchmark.people_known
        named = reasons if known else np.full(len(reasons), "without person labels")
        apart = {"mean": float(impostor.mean()), "comparisons": len(impostor)} if len(impostor) else None
        # A lost face gets the mean distance of different people; without any, it has no distance.
        lost_distance, lost_reason = (apart["mean"], "") if apart else (np.nan, "without a face in the generated image")
        skipped = np.where(lost, lost_reason, reasons)
        scores = [mean("face-id", np.where(lost, lost_distance, distance), skipped, strangers=apart)]
        scores += [below(f"acc@{threshold}", threshold, reasons) for threshold in _THRESHOLDS]
        if known and len(genuine) and len(impostor):
            equal = equal_error(genuine, impostor)
            scores.append(
                below("acc@eer", equal.threshold, reasons, equal_error=dataclasses.asdict(equal), genuine=len(genuine))
            )
        else:
            lacking = np.where(named == "", "without enough real faces for a threshold", named)
            scores.append(mean("acc@eer", distance, lacking))
        unexpected = np.where(faces.target_shows, "", "without a face in the target image")
        scores.append(mean("detected", generated, unexpected))
        scores.append(mean("rank-1", _first_is_own(faces), named, gallery=len(faces.gallery.names)))
        scores.append(_auc(faces, np.where(lost, np.inf, distance), named))
        return tuple(scores)

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """Draw the distances of generated faces, together with the distances between real faces."""
        from fhpt_bench.reporting.plots import literal
        from protocols.semantic.face_plot import plot_distances

        side = "source" if self.variant == "source" else "target"
        faces, (model, own) = _collect_faces(evidence, side), next(iter(exhibits.scores.items()))
        distance = face_distance(faces.generated, faces.real)
        if not np.isfinite(distance).any():
            return {}
        shown = {f"generated to {side}": distance[np.isfinite(distance)]}
        if evidence.benchmark.people_known:
            real = zip(("real, same person", "real, different people"), faces.album.comparisons(), strict=True)
            shown |= {what: distances for what, distances in real if len(distances)}
        thresholds = {f"threshold {threshold}": threshold for threshold in _THRESHOLDS}
        if "acc@eer" in own:
            equal = own["acc@eer"].details["equal_error"]["threshold"]
            thresholds[f"threshold {equal:.3g}: equal error of the real faces"] = equal
        title = f"Face distance ({self.variant}): {literal(model)}"
        expected = faces.target_shows
        if expected.any():
            lost = (expected & ~_shows(faces.generated)).sum() / expected.sum()
            title += f"\nno face found in {lost:.0%} of the {expected.sum()} generated images whose target shows one"
        return {"distances": plot_distances(shown, thresholds, title)}


def _first_is_own(faces: _Faces) -> NDArray[np.bool_]:
    """(n,) whether the nearest face of the gallery (the first by name, if several) shows the pair's person."""
    found = np.zeros(len(faces.people), bool)
    rows = np.flatnonzero(_shows(faces.generated) & _shows(faces.real))
    if len(rows):
        nearest = np.where(faces.own[rows], np.inf, _distances(faces, rows)).argmin(1)
        found[rows] = faces.gallery.people[nearest] == faces.people[rows]
    return found


def _distances(faces: _Faces, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """(rows, M) distances of generated faces to the gallery."""
    from scipy.spatial.distance import cdist

    distance: NDArray[np.float64] = cdist(faces.generated[rows], faces.gallery.faces)
    return distance


def _auc(faces: _Faces, distance: NDArray[np.float64], skipped: NDArray[np.str_]) -> Score:
    """Verification with generated faces: distances to the own real face against distances to those of other people.

    Args:
        faces: the faces of the variant.
        distance: (n,) distances of the pairs; infinite for a lost face.
        skipped: (n,) reason why a pair does not count, or "".
    """
    counts = np.flatnonzero(skipped == "")
    reasons = dict(sorted(Counter(skipped[skipped != ""].tolist()).items()))
    if not len(counts) or len(np.unique(faces.gallery.people)) < 2:
        return Score("auc", None, 0, skipped=reasons)
    people = faces.people[counts]
    rows = counts[np.isfinite(distance[counts])]
    between = _distances(faces, rows)
    other = faces.people[rows][:, None] != faces.gallery.people

    def area(keep: NDArray[np.bool_]) -> float:
        genuine = distance[counts[keep]]
        found = np.isfinite(genuine)
        if not found.any():
            return 0.0
        left_out = np.setdiff1d(people, people[keep])
        probes, gallery = (~np.isin(these, left_out) for these in (faces.people[rows], faces.gallery.people))
        # The distance of a lost face is infinite, so it adds nothing.
        return float(found.mean()) * verification_auc(genuine[found], between[other & probes[:, None] & gallery])

    interval = block_jackknife(area, people)
    if interval:
        interval = Interval(max(0.0, interval.low), min(1.0, interval.high), interval.method)
    return Score(
        "auc", area(np.ones(len(counts), bool)), len(counts), None, interval, reasons, {"impostors": int(other.sum())}
    )
