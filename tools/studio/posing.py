"""From a pose of the table to a rotation for every bone, with a little jitter, and hands kept off the hips."""

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

from .body import BodyModel, RestBody
from .geometry import Array, rotation_about, rotation_between, rotation_euler, skin, unit, vertex_normals
from .poses import Arm, Pose

FINGER_CURL = {2: 14.0, 3: 18.0, 4: 21.0, 5: 24.0}  # degrees at the first joint: index .. little finger
JOINT_SHARE = {1: 1.0, 2: 1.25, 3: 0.8}
THUMB_CURL = {2: 10.0, 3: 14.0}
SIGN = {"L": 1, "R": -1}
OPENING_STEP = 0.07
OPENING_STEPS = 5
CLEARANCE = 0.004  # metres that a hand keeps from what is worn beside it
TRUNK = ("root", "pelvis", "spine", "upperleg", "breast")


def solve(pose: Pose, model: BodyModel, body: RestBody, rng: np.random.Generator, opening: Mapping[str, float]) -> dict:
    """Bone name -> rotation. `opening` pushes an upper arm outwards (side -> amount)."""
    rotations: dict[str, Array] = {}
    for side, arm, leg in (("L", pose.left, pose.stance.left), ("R", pose.right, pose.stance.right)):
        rotations |= _arm(arm, side, model, body, rng, opening.get(side, 0.0))
        rotations |= _fingers(side, model, body)
        for bone, degrees in (("upperleg01", leg.thigh), ("lowerleg01", leg.shin), ("foot", leg.foot)):
            rotations[f"{bone}.{side}"] = rotation_euler(np.array(degrees) + rng.normal(0, 0.8, 3))
    root = np.array(pose.stance.root)
    rotations["root"] = rotation_euler(root)
    for bone in ("spine05", "spine04", "spine03", "spine02"):
        rotations[bone] = rotation_euler((np.array(pose.spine) - root) / 4 + rng.normal(0, 0.4, 3))
    head = np.array(pose.head) + rng.normal(0, 1.5, 3)
    for bone, share in (("neck01", 0.25), ("neck02", 0.25), ("head", 0.5)):
        rotations[bone] = rotation_euler(head * share)
    return rotations


def _arm(arm: Arm, side: str, model: BodyModel, body: RestBody, rng: np.random.Generator, opening: float) -> dict:
    """Turn each bone to its direction, and twist the upper arm so that the elbow bends about its hinge."""
    sign = SIGN[side]
    mirror = np.array([sign, 1, 1])
    upper = unit(unit(arm.upper) * mirror + rng.normal(0, 0.03, 3))
    fore = unit(unit(arm.fore) * mirror + rng.normal(0, 0.03, 3))
    # opening swings the whole arm about the forward axis, so that the elbow keeps its bend
    swing = rotation_about(np.array([0.0, -1.0, 0.0]), sign * np.degrees(opening))
    upper, fore = swing @ upper, swing @ fore
    shoulder, elbow, wrist, knuckle = (
        body.heads[model.bone_number[f"{bone}.{side}"]] for bone in ("upperarm01", "lowerarm01", "wrist", "finger3-1")
    )
    rest_upper, rest_fore, rest_hand = unit(elbow - shoulder), unit(wrist - elbow), unit(knuckle - wrist)

    turn = rotation_between(rest_upper, upper)
    twist = _elbow_twist(turn @ unit(np.cross(rest_upper, (0, -1, 0))), upper, fore)
    first, second = turn @ rotation_about(rest_upper, 0.6 * twist), rotation_about(rest_upper, 0.4 * twist)
    chain = first @ second
    bend = rotation_between(rest_fore, chain.T @ fore)
    pronation = -sign * arm.pronation
    roll = rotation_about(rest_fore, 0.6 * pronation)
    hand = rotation_about(rest_fore, 0.4 * pronation)
    if arm.hand is not None:
        hand = rotation_between(rest_hand, (chain @ bend @ roll).T @ (swing @ (np.array(arm.hand) * mirror))) @ hand
    hanging = upper[2] < -0.8
    return {
        f"upperarm01.{side}": first,
        f"upperarm02.{side}": second,
        f"lowerarm01.{side}": bend,
        f"lowerarm02.{side}": roll,
        f"wrist.{side}": hand,
        f"clavicle.{side}": rotation_euler((0, sign * (4 if hanging else 0), 0)),
    }


def _elbow_twist(hinge: Array, upper: Array, fore: Array) -> float:
    """Degrees about the upper arm that bring the hinge square to the bend; a nearly straight arm has no hinge."""
    bend = np.degrees(np.arccos(np.clip(upper @ fore, -1, 1)))
    if bend < 12:
        return 0.0
    wanted = unit(np.cross(upper, fore))
    twist = np.degrees(np.arctan2(np.cross(hinge, wanted) @ upper, hinge @ wanted))
    return float(np.clip(twist, -95, 95) * np.clip((bend - 12) / 30, 0, 1))


def _fingers(side: str, model: BodyModel, body: RestBody) -> dict[str, Array]:
    """A relaxed hand."""
    wrist, index, middle, little = (
        body.heads[model.bone_number[f"{bone}.{side}"]] for bone in ("wrist", "finger2-1", "finger3-1", "finger5-1")
    )
    along = unit(middle - wrist)
    palm = unit(np.cross(along, little - index))
    palm = palm if palm[2] < 0 else -palm
    axis = np.cross(along, palm)
    rotations = {
        f"finger{finger}-{joint}.{side}": rotation_about(axis, degrees * share)
        for finger, degrees in FINGER_CURL.items()
        for joint, share in JOINT_SHARE.items()
    }
    return rotations | {f"finger1-{joint}.{side}": rotation_about(axis, curl) for joint, curl in THUMB_CURL.items()}


class HandGuard:
    """Opens an arm, step by step, until its hand is out of the body and out of what is worn there."""

    def __init__(self, model: BodyModel, vertices: Array, weights: Array, triangles: Array, hands: Array) -> None:
        """The surface is body and clothes together, at rest; `hands` are numbers of the body's hand vertices."""
        self._model = model
        self._vertices, self._weights, self._triangles = vertices, weights, triangles
        trunk_bones = [number for number, name in enumerate(model.bones) if name.startswith(TRUNK)]
        used = np.unique(triangles)
        self._trunk = used[np.isin(weights[used].argmax(1), trunk_bones)]
        self._hands = {
            side: hands[[model.bones[bone].endswith(f".{side}") for bone in model.dominant_bone[hands]]]
            for side in SIGN
        }

    def sunk(self, matrices: Array) -> dict[str, float]:
        """Per side how deep (metres) the hand lies in the trunk: the 95th percentile over its vertices."""
        posed = skin(self._vertices, self._weights, matrices)
        normals = vertex_normals(posed, self._triangles)
        tree = cKDTree(posed[self._trunk])
        result = {}
        for side, hand in self._hands.items():
            nearest = self._trunk[tree.query(posed[hand])[1]]
            height = ((posed[hand] - posed[nearest]) * normals[nearest]).sum(1)
            near = np.linalg.norm(posed[hand] - posed[nearest], axis=1) < 0.08
            result[side] = float(np.percentile(np.where(near, -height, -1.0), 95))
        return result

    def pose(self, pose: Pose, body: RestBody, seed: tuple[int, ...]) -> tuple[dict, bool]:
        """Rotations, and whether the hands came free."""
        opening = dict.fromkeys(SIGN, 0.0)
        for _ in range(OPENING_STEPS + 1):
            rotations = solve(pose, self._model, body, np.random.default_rng(seed), opening)
            sunk = self.sunk(self._model.bone_matrices(body.heads, rotations))
            stuck = [side for side, depth in sunk.items() if depth > -CLEARANCE]
            if not stuck:
                return rotations, True
            for side in stuck:
                opening[side] += OPENING_STEP
        return rotations, False
