"""Convert an arm of a pose to bone rotations, from bone directions or from a target point for the hand."""

import numpy as np

from .body import BodyModel, RestBody
from .geometry import Array, rotation_about, rotation_between, rotation_euler, unit
from .hands import HandFrame
from .poses import Arm, Reach

SIGN = {"L": 1, "R": -1}
OTHER = {"L": "R", "R": "L"}
AVERAGE_ARM = 0.46  # metres from shoulder to wrist; the offsets of a reach are given for this length
LONGEST = 0.985  # longest distance from shoulder to wrist, as a share of the arm's length
JITTER = 0.03  # standard deviation, added to each component of a unit direction
PLACE_JITTER = 0.007  # metres, standard deviation


def solve_arm(
    arm: Arm | Reach,
    side: str,
    model: BodyModel,
    body: RestBody,
    frame: HandFrame,
    rng: np.random.Generator,
    opening: float,
) -> dict[str, Array]:
    """Bone name -> rotation. `opening` swings the arm outwards (radians) or moves the hand away (metres)."""
    mirror = np.array([SIGN[side], 1, 1])
    joints = [body.heads[model.bone_number[f"{bone}.{side}"]] for bone in ("upperarm01", "lowerarm01", "wrist")]
    if isinstance(arm, Reach):
        upper, fore = _reaching(arm, side, model, body, frame, rng, opening)
        raised = True  # moving the shoulder would move the hand off its target
        swing = np.eye(3)
    else:
        upper, fore = (unit(unit(way) * mirror + rng.normal(0, JITTER, 3)) for way in (arm.upper, arm.fore))
        # the whole arm is rotated about the forward axis, so that the elbow angle does not change
        swing = rotation_about(np.array([0.0, -1.0, 0.0]), SIGN[side] * np.degrees(opening))
        upper, fore = swing @ upper, swing @ fore
        raised = upper[2] > -0.8
    first, second, bend = _limb(joints, upper, fore)
    rest_fore = unit(joints[2] - joints[1])
    forearm = first @ second @ bend
    if arm.hand is None:
        pronation = -SIGN[side] * arm.pronation
        roll, hand = (rotation_about(rest_fore, share * pronation) for share in (0.6, 0.4))
    else:
        along = swing @ (np.array(arm.hand) * mirror)
        if arm.palm is None:
            roll = rotation_about(rest_fore, -SIGN[side] * 0.6 * arm.pronation)
            hand = rotation_between(frame.along, (forearm @ roll).T @ along)
            hand = hand @ rotation_about(rest_fore, -SIGN[side] * 0.4 * arm.pronation)
        else:
            wanted = forearm.T @ _facing(frame, along, swing @ (np.array(arm.palm) * mirror))
            # most of the twist about the forearm's axis goes to the forearm bone, as in a real arm
            roll = rotation_about(rest_fore, 0.65 * _twist(wanted, rest_fore))
            hand = roll.T @ wanted
    return {
        f"upperarm01.{side}": first,
        f"upperarm02.{side}": second,
        f"lowerarm01.{side}": bend,
        f"lowerarm02.{side}": roll,
        f"wrist.{side}": hand,
        f"clavicle.{side}": rotation_euler((0, SIGN[side] * (0 if raised else 4), 0)),
    }


def _limb(joints: list[Array], upper: Array, fore: Array) -> tuple[Array, Array, Array]:
    """Rotate each bone to its direction and twist the upper arm so that the elbow bends about its hinge axis."""
    shoulder, elbow, wrist = joints
    rest_upper, rest_fore = unit(elbow - shoulder), unit(wrist - elbow)
    turn = rotation_between(rest_upper, upper)
    twist = _elbow_twist(turn @ unit(np.cross(rest_upper, (0, -1, 0))), upper, fore)
    first, second = turn @ rotation_about(rest_upper, 0.6 * twist), rotation_about(rest_upper, 0.4 * twist)
    return first, second, rotation_between(rest_fore, (first @ second).T @ fore)


def _reaching(
    arm: Reach,
    side: str,
    model: BodyModel,
    body: RestBody,
    frame: HandFrame,
    rng: np.random.Generator,
    opening: float,
) -> tuple[Array, Array]:
    """Directions of upper arm and forearm that bring the middle of the palm to a point of the body at rest."""
    mirror = np.array([SIGN[side], 1, 1])
    shoulder, elbow, wrist = (
        body.heads[model.bone_number[f"{bone}.{side}"]] for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    upper_length, fore_length = np.linalg.norm(elbow - shoulder), np.linalg.norm(wrist - elbow)
    scale = (upper_length + fore_length) / AVERAGE_ARM
    name = arm.bone.replace(".own", f".{side}").replace(".other", f".{OTHER[side]}")
    place = body.heads[model.bone_number[name]] + scale * np.array(arm.offset) * mirror
    place = place + rng.normal(0, PLACE_JITTER, 3) + opening * unit(arm.away) * mirror
    goal = place - 0.6 * frame.length * unit(arm.hand) * mirror - shoulder
    longest = LONGEST * (upper_length + fore_length)
    distance = float(np.clip(np.linalg.norm(goal), abs(upper_length - fore_length) + 0.02, longest))
    way = unit(goal)
    pole = unit(unit(arm.elbow) * mirror + rng.normal(0, JITTER, 3))
    pole = unit(pole - (pole @ way) * way)
    cosine = (upper_length**2 + distance**2 - fore_length**2) / (2 * upper_length * distance)
    upper = cosine * way + np.sqrt(max(1 - cosine**2, 0)) * pole
    return upper, unit(distance * way - upper_length * upper)


def _facing(frame: HandFrame, along: Array, palm: Array) -> Array:
    """The rotation that points a hand along one direction and turns its palm towards another as far as possible."""
    before = np.stack([frame.along, frame.palm, np.cross(frame.along, frame.palm)], 1)
    along = unit(along)
    palm = unit(palm - (palm @ along) * along)
    return np.stack([along, palm, np.cross(along, palm)], 1) @ before.T


def _twist(rotation: Array, axis: Array) -> float:
    """Angle of a rotation about an axis, in degrees."""
    start = unit(np.cross(axis, (0.3, 0.5, 0.8)))
    end = rotation_between(rotation @ axis, axis) @ rotation @ start
    return float(np.degrees(np.arctan2(np.cross(start, end) @ axis, start @ end)))


def _elbow_twist(hinge: Array, upper: Array, fore: Array) -> float:
    """Twist of the upper arm (degrees) that makes the hinge axis normal to the bend; 0 for a nearly straight arm."""
    bend = np.degrees(np.arccos(np.clip(upper @ fore, -1, 1)))
    if bend < 12:
        return 0.0
    wanted = unit(np.cross(upper, fore))
    twist = np.degrees(np.arctan2(np.cross(hinge, wanted) @ upper, hinge @ wanted))
    return float(np.clip(twist, -95, 95) * np.clip((bend - 12) / 30, 0, 1))
