"""A person drawn from a seed: body, face, colours, hair and clothes, equal in all views."""

from dataclasses import dataclass

import numpy as np

from . import complexion
from .body import RACES, BodyModel
from .complexion import Complexion
from .hairdos import BALD
from .wardrobe import Clothes

# Standard deviation of the face parameters: at .15 a face network confuses people, above .6 faces are caricatures
FACE_STRENGTH = 0.30
FACE_PARTS = ("head-", "nose", "eye", "mouth", "chin", "cheek", "forehead", "ear-")
DISTORTING = ("trans-out", "angle-out")  # shift a part sideways: used for the eyes only
GENTLE = ("head-", "ear", "push")  # half the standard deviation, since heads look unnatural otherwise


@dataclass
class Person:
    seed: int
    gender: str  # WOMEN or MEN, as in DeepFashion's names
    race: str
    phenotype: dict[str, float]
    face: dict[str, float]
    complexion: Complexion
    hair: str
    smile: float
    clothes: Clothes


def draw(model: BodyModel, seed: int, gender: str, race: str, hair: str, clothes: Clothes) -> Person:
    rng = np.random.default_rng([seed, 7])
    colouring = complexion.draw(rng, gender, race)
    if hair == BALD:
        colouring.buzz = float(rng.choice([0, 0.35, 0.6]))
    return Person(
        seed=seed,
        gender=gender,
        race=race,
        phenotype=_phenotype(rng, gender, race),
        face=_face(rng, model),
        complexion=colouring,
        hair=hair,
        smile=float(max(0, rng.normal(0.12, 0.2))),
        clothes=clothes,
    )


def _phenotype(rng: np.random.Generator, gender: str, race: str) -> dict[str, float]:
    mixture = dict(zip(RACES, rng.dirichlet([0.35] * len(RACES)) * 0.35, strict=True))
    mixture[race] += 0.65
    return mixture | {
        "gender": rng.uniform(0.93, 1.0) if gender == "WOMEN" else rng.uniform(0, 0.07),
        "age": rng.uniform(0.5, 0.78),
        "muscle": rng.uniform(0.4, 0.7),
        "weight": rng.uniform(0.35, 0.62),
        "height": rng.uniform(0.4, 0.62),
        "proportions": rng.uniform(0.6, 0.95),
        "cupsize": rng.uniform(0.3, 0.6),
        "firmness": 0.6,
    }


def _face(rng: np.random.Generator, model: BodyModel) -> dict[str, float]:
    changes: dict[str, float] = {}
    for label in model.local_changes:
        if not _shapes_the_face(label):
            continue
        if label.startswith("r-"):
            changes[label] = changes["l-" + label[2:]]
            continue
        spread = FACE_STRENGTH * (0.5 if any(part in label for part in GENTLE) else 1.0)
        changes[label] = float(np.clip(rng.normal(0, spread), -1, 1))
        if label == "head-age-incr":
            changes[label] = float(np.clip(abs(rng.normal(0, 0.35)), 0, 0.8))
    return changes


def _shapes_the_face(label: str) -> bool:
    part = label.removeprefix("l-").removeprefix("r-")
    if any(word in label for word in DISTORTING) and not part.startswith("eye"):
        return False
    return part.startswith(FACE_PARTS)
