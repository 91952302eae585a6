"""Finger poses: curl of each finger, spread of the fingers, and the thumb, in degrees."""

from dataclasses import dataclass

import numpy as np

from .body import BodyModel, RestBody
from .geometry import Array, rotation_about, unit

FINGERS = (2, 3, 4, 5)  # index .. little finger
JOINT_SHARE = {1: 1.0, 2: 1.25, 3: 0.8}
FAN = {2: -1.0, 3: -0.2, 4: 0.5, 5: 1.2}  # share of the spread, away from the middle finger
JITTER = 2.5  # degrees, standard deviation


@dataclass(frozen=True)
class Grip:
    curl: tuple[float, float, float, float]  # at the first joint, index .. little finger
    thumb: tuple[float, float] = (10.0, 14.0)  # curl at its second and third joint
    spread: float = -8.0  # degrees, added to the rest pose, in which the fingers spread over 34 degrees


GRIPS = {
    "relaxed": Grip((14, 18, 21, 24)),
    "soft": Grip((7, 9, 12, 16), (6, 8), -6),
    "spread": Grip((4, 4, 5, 7), (0, 2), -2),
    "curled": Grip((30, 36, 40, 43), (14, 22)),
    "fist": Grip((60, 64, 66, 67), (24, 42), -9),
    "flat": Grip((3, 3, 4, 5), (4, 4), -7),
    "holding": Grip((24, 26, 28, 30), (12, 10), -6),
}
HANGING = ("relaxed", "relaxed", "soft", "soft", "curled", "spread")  # grips drawn for a hand that touches nothing
THUMB_IN = 20.0  # degrees of rotation of the thumb towards the palm; in the rest pose it is at 60


@dataclass(frozen=True)
class HandFrame:
    """Unit vectors of a hand at rest."""

    along: Array  # wrist to middle knuckle
    palm: Array  # direction that the palm faces
    length: float  # metres from the wrist to the middle knuckle


def hand_frame(side: str, model: BodyModel, body: RestBody) -> HandFrame:
    wrist, index, middle, little = (
        body.heads[model.bone_number[f"{bone}.{side}"]] for bone in ("wrist", "finger2-1", "finger3-1", "finger5-1")
    )
    along = unit(middle - wrist)
    palm = unit(np.cross(along, little - index))
    return HandFrame(along, palm if palm[2] < 0 else -palm, float(np.linalg.norm(middle - wrist)))


def fingers(name: str, side: str, frame: HandFrame, rng: np.random.Generator) -> dict[str, Array]:
    """Bone name -> rotation; with the name '' a grip of `HANGING` is drawn."""
    drawn = str(rng.choice(HANGING))
    grip = GRIPS[name or drawn]
    across = np.cross(frame.along, frame.palm)
    outwards = -1 if side == "L" else 1
    rotations = {}
    for finger, curl in zip(FINGERS, grip.curl, strict=True):
        bent = curl + rng.normal(0, JITTER)
        fan = rotation_about(frame.palm, outwards * FAN[finger] * grip.spread)
        for joint, share in JOINT_SHARE.items():
            turn = rotation_about(across, bent * share)
            rotations[f"finger{finger}-{joint}.{side}"] = fan @ turn if joint == 1 else turn
    rotations[f"finger1-1.{side}"] = rotation_about(frame.palm, outwards * THUMB_IN)
    for joint, curl in zip((2, 3), grip.thumb, strict=True):
        rotations[f"finger1-{joint}.{side}"] = rotation_about(across, curl)
    return rotations
