"""dlib: face detection, verification of identity, and confusion of people between the splits."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import dlib
import numpy as np

from .photographs import FACING, VIEWS, Figure, Photograph, share

FOUND, AUC, RANK_1 = 0.97, 0.99, 0.97  # required minima


@dataclass
class Faces:
    """dlib's detections and face embeddings for the images of a split."""

    found: dict[str, list[bool]]  # by view
    embeddings: np.ndarray  # (N, 128), of the found faces in the facing views
    people: np.ndarray  # (N,)
    views: np.ndarray  # (N,)


class Detector:
    """dlib's HOG detector and face network, as the face_recognition package uses them."""

    def __init__(self) -> None:
        package = importlib.util.find_spec("face_recognition_models")
        if package is None or not package.submodule_search_locations:
            raise RuntimeError("face_recognition_models, which contains the face network, is missing; install it")
        models = Path(package.submodule_search_locations[0]) / "models"
        self._detect = dlib.get_frontal_face_detector()
        self._align = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._embed = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def embed(self, pixels: np.ndarray) -> np.ndarray | None:
        """Embedding of the largest face; None if no face is found."""
        boxes = self._detect(pixels, 1)
        if not boxes:
            return None
        shape = self._align(pixels, max(boxes, key=lambda box: box.area()))
        return np.array(self._embed.compute_face_descriptor(dlib.get_face_chip(pixels, shape), 5))


def look(photographs: Sequence[Photograph], on_image: Callable[[], None]) -> Faces:
    detector = Detector()
    found: dict[str, list[bool]] = {view: [] for view in VIEWS}
    kept = []
    for photograph in photographs:
        embedding = detector.embed(photograph.pixels)
        found[photograph.view].append(embedding is not None)
        if embedding is not None and photograph.view in FACING:
            kept.append((embedding, photograph.person, photograph.view))
        on_image()
    embeddings, people, views = zip(*kept, strict=True)
    return Faces(found, np.array(embeddings), np.array(people), np.array(views))


def figures(faces: Faces) -> list[Figure]:
    result = []
    for view in VIEWS:
        hits = faces.found[view]
        asked = view in FACING
        result.append(
            Figure(
                f"dlib finds the face, {view}",
                share(sum(hits), len(hits)),
                f">= {FOUND}" if asked else "",
                not asked or sum(hits) >= FOUND * len(hits),
            )
        )
    same, different = _pairs(faces)
    auc = float((same[:, None] < different[None]).mean()) if len(same) and len(different) else float("nan")
    right, queries = rank_1(faces)
    return [
        *result,
        Figure("distance between two images of one person: mean, maximum", _spread(same, np.max)),
        Figure("distance between images of two people: mean, minimum", _spread(different, np.min)),
        Figure(
            "verification AUC, front and additional", f"{auc:.4f} ({len(same)} + {len(different)})", f">= {AUC}",
            auc >= AUC,
        ),
        Figure("rank-1 between front and additional", share(right, queries), f">= {RANK_1}", right >= RANK_1 * queries),
    ]  # fmt: skip


def rank_1(faces: Faces) -> tuple[int, int]:
    """Rank-1 hits and queries: for an image of one view, the nearest image of the other view is of the same person."""
    right = queries = 0
    for view, other in (FACING, FACING[::-1]):
        asking, gallery = faces.views == view, faces.views == other
        distance = _distances(faces.embeddings[asking], faces.embeddings[gallery])
        for person, row in zip(faces.people[asking], distance, strict=True):
            if person in faces.people[gallery]:
                queries += 1
                right += int(faces.people[gallery][row.argmin()] == person)
    return right, queries


def across(train: Faces, test: Faces) -> list[Figure]:
    """Figures on faces that are nearer to a face of the other split than to the same person's other view."""
    between = _distances(test.embeddings, train.embeddings)
    own = _distances(test.embeddings, test.embeddings)
    same = (test.people[:, None] == test.people[None]) & ~np.eye(len(own), dtype=bool)
    twice = same.any(1)
    nearest_own = np.where(same, own, np.inf).min(1)[twice]
    strangers = int((between.min(1)[twice] < nearest_own).sum())
    return [
        Figure("distance between a training and a test face: minimum", f"{between.min():.3f} ({between.size})"),
        Figure("test faces nearer to a training face than to their own other view", share(strangers, len(nearest_own))),
    ]


def _pairs(faces: Faces) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.triu_indices(len(faces.embeddings), 1)
    distance = np.linalg.norm(faces.embeddings[first] - faces.embeddings[second], axis=1)
    same = faces.people[first] == faces.people[second]
    return distance[same], distance[~same]


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.linalg.norm(first[:, None] - second[None], axis=2)


def _spread(distances: np.ndarray, extreme: Callable[[np.ndarray], float]) -> str:
    return f"{distances.mean():.3f}, {extreme(distances):.3f} ({len(distances)})" if len(distances) else "- (0)"
