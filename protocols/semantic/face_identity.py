"""Face identity: is the generated person still the same one, as a face network sees it?"""

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
    """The embedding of the face that an image is about: the one nearest the nose, or the largest without a nose.

    Args:
        faces: (N, F, 132) as `dlib-faces` gives them: box (x0, y0, x1, y1) in pixels and embedding, NaN where none.
        noses: (N, 2) pixels (x, y), NaN where not visible; a box's distance is that of its centre.

    Returns:
        (N, 128) float64, NaN where there is no face.

    Raises:
        ValueError: where the shapes are not these.

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
    """Distance of each pair's faces, as `face_recognition.face_distance` of `face_encodings` gives it.

    The network: King, dlib's face recognition ResNet (2017); below 0.6 two photographs are usually of one person.

    Args:
        generated: (N, H, W, 3) uint8 RGB.
        real: the same: the target images, or the source images.
        generated_noses: (N, 2) pixels (x, y), NaN where not visible: of several faces the one nearest to it counts.
        real_noses: the same of the real images; without a nose the largest face counts.

    Returns:
        (N,) float64 Euclidean distance, 0 or more, lower is nearer; NaN where an image shows no face.

    Raises:
        ValueError: where the arrays are not two equal stacks of uint8 RGB images, or the noses do not fit.
        WeightsMissing: where dlib's models can be had from no source.

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
    """(…, 128) embeddings twice -> (…) Euclidean distances, NaN where either is."""
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
        names: of the M images.
        people: (M,) who is on them.
        faces: (M, 128) float64.
    """

    names: NDArray[np.str_]
    people: NDArray[np.str_]
    faces: NDArray[np.float64]

    def comparisons(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Distances of every two images of one person, and of every two of different people."""
        from scipy.spatial.distance import pdist

        first, second = np.triu_indices(len(self.names), 1)
        person = np.unique(self.people, return_inverse=True)[1]
        distance, same = pdist(self.faces), person[first] == person[second]
        return distance[same], distance[~same]


@dataclass(frozen=True)
class _Faces:
    """All that one variant looks at, a row a pair.

    Args:
        people: (n,) who is on the pair's images.
        generated: (n, 128), NaN where no face was found.
        real: (n, 128) of the image that it is compared with.
        target_shows: (n,) whether the target image shows a face.
        gallery: the images that it is compared with.
        own: (n, M) which image of the gallery is the pair's target although it is not what it is compared with.
        album: every real image of the benchmark.
    """

    people: NDArray[np.str_]
    generated: NDArray[np.float64]
    real: NDArray[np.float64]
    target_shows: NDArray[np.bool_]
    gallery: _Album
    own: NDArray[np.bool_]
    album: _Album


def _look(evidence: Evidence, side: str) -> _Faces:
    poses, pairs = evidence.benchmark.poses, evidence.pairs
    names = {role: np.array([getattr(pair, role) for pair in pairs]) for role in ("source", "target")}
    noses = {role: np.stack([poses[name][0] for name in of]) for role, of in names.items()}
    # What is painted follows the target's pose, and so does the place where its face is to be.
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
    """Distance of the generated face to the real one, and how well it tells who is shown."""

    id = "face-id"
    title = "Face identity"
    citation = (
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, with King's dlib face "
        "network (2017) as in Geitgey's face_recognition"
    )
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": (
            "Euclidean distance between dlib's embeddings of the generated and the target face (of several the one "
            "nearest the target pose's nose, else the largest), mean over the pairs whose two images show a face; "
            "acc: share of these strictly below 0.6, 0.7 and the equal-error threshold of the benchmark's real images; "
            "detected: share of the pairs whose target shows a face whose generated image does; rank-1: share of the "
            "generated faces whose nearest unique target face is of their person; auc: of their distances to their own "
            "target against those to other people's"
        ),
        "source": (
            "as canonical, with the source image in place of the target; for rank-1 the pair's own target is no part "
            "of the gallery"
        ),
        "strict": (
            "as canonical, but a generated image without a face whose target shows one is an identity lost: its "
            "distance is the mean one between real faces of different people on the benchmark, it is below no "
            "threshold and never rank 1, and for auc it is farther than anybody"
        ),
    }
    metrics = (
        MetricCard("face-id", "Face distance", higher_is_better=False, range=(0.0, np.inf)),
        *(MetricCard(f"acc@{t}", f"Face < {t}", higher_is_better=True, range=(0.0, 1.0)) for t in _THRESHOLDS),
        MetricCard("acc@eer", "Face < equal error", higher_is_better=True, range=(0.0, 1.0)),
        MetricCard("detected", "Faces found", higher_is_better=True, range=(0.0, 1.0), real=1.0),
        MetricCard("rank-1", "Face rank-1", higher_is_better=True, range=(0.0, 1.0)),
        MetricCard("auc", "Face AUC", higher_is_better=True, range=(0.0, 1.0)),
    )
    numerics = "numpy float64"
    moved_by = (
        "which pairs count: a model that paints no face is not judged by it, unless `strict` is asked",
        "the threshold: 0.6 is tuned to photographs, and may accept strangers elsewhere",
        "the size of faces: the detector, which enlarges an image once, finds none below about 40 pixels",
        "how many people stand in the gallery, for rank-1",
    )

    @property
    def features(self) -> tuple[str, ...]:
        """The faces of an image."""
        return (FEATURE,)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """All metrics; those that need to know who is who only where the benchmark does."""
        side = "source" if self.variant == "source" else "target"
        faces = _look(evidence, side)
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
        named = reasons if known else np.full(len(reasons), "whose people are not known apart")
        apart = {"mean": float(impostor.mean()), "comparisons": len(impostor)} if len(impostor) else None
        # Without a stranger to stand in for it, a lost face has no distance.
        stranger, lone = (apart["mean"], "") if apart else (np.nan, "without a face in the generated image")
        scores = [mean("face-id", np.where(lost, stranger, distance), np.where(lost, lone, reasons), strangers=apart)]
        scores += [below(f"acc@{threshold}", threshold, reasons) for threshold in _THRESHOLDS]
        if known and len(genuine) and len(impostor):
            equal = equal_error(genuine, impostor)
            scores.append(
                below("acc@eer", equal.threshold, reasons, equal_error=dataclasses.asdict(equal), genuine=len(genuine))
            )
        else:
            lacking = np.where(named == "", "without real faces to set a threshold by", named)
            scores.append(mean("acc@eer", distance, lacking))
        unexpected = np.where(faces.target_shows, "", "without a face in the target image")
        scores.append(mean("detected", generated, unexpected))
        scores.append(mean("rank-1", _first_is_own(faces), named, gallery=len(faces.gallery.names)))
        scores.append(_auc(faces, np.where(lost, np.inf, distance), named))
        return tuple(scores)

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """The distances beside those between real faces."""
        from fhpt_bench.reporting.plots import literal
        from protocols.semantic.face_plot import plot_distances

        side = "source" if self.variant == "source" else "target"
        faces, (model, own) = _look(evidence, side), next(iter(exhibits.scores.items()))
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
    """(n,) whether the face of the gallery that is nearest, by name where several are, is of the pair's person."""
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
    """Verification by generated faces: the distance to the own real face against those to other people's.

    Args:
        faces: what was seen.
        distance: (n,) of the pairs; infinite where a face was lost.
        skipped: (n,) why a pair does not count, or "".
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
        # A lost face is farther than anybody, so it adds nothing.
        return float(found.mean()) * verification_auc(genuine[found], between[other & probes[:, None] & gallery])

    interval = block_jackknife(area, people)
    if interval:
        interval = Interval(max(0.0, interval.low), min(1.0, interval.high), interval.method)
    return Score(
        "auc", area(np.ones(len(counts), bool)), len(counts), None, interval, reasons, {"impostors": int(other.sum())}
    )
