"""The rendered images with the truth that the checks need, and one figure of a check."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = ("train", "test")
FACING = ("front", "additional")  # the views in which a face is large enough for a detector
VIEWS = ("front", "additional", "full", "side", "back")


@dataclass
class Photograph:
    path: Path
    person: str
    item: str
    view: str
    body: np.ndarray  # (18, 3): x, y, visible
    hands: dict[str, np.ndarray]  # left, right: (21, 3)

    @property
    def pixels(self) -> np.ndarray:
        return np.asarray(Image.open(self.path).convert("RGB"))


@dataclass
class Figure:
    what: str
    value: str
    asked: str = ""
    holds: bool = True


def read(data: Path, split: str) -> list[Photograph]:
    with np.load(data / f"truth-{split}.npz", allow_pickle=False) as truth:
        number = {name: k for k, name in enumerate(truth["names"].tolist())}
        body, left, right = truth["body"], truth["hand_left"], truth["hand_right"]
    return [
        Photograph(
            path=data / split / row["name"],
            person=row["person"],
            item=row["item"],
            view=row["view"],
            body=body[number[row["name"]]],
            hands={"left": left[number[row["name"]]], "right": right[number[row["name"]]]},
        )
        for row in rows(data, split)
    ]


def rows(data: Path, split: str) -> list[dict[str, str]]:
    with (data / "people.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["split"] == split]


def share(part: int, whole: int) -> str:
    return f"{part}/{whole}" + (f" = {part / whole:.3f}" if whole else "")
