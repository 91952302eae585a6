"""Convert a pose to bone rotations, with small random changes and with the hands outside the body."""

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

from .arms import OTHER, SIGN, solve_arm
from .body import BodyModel, RestBody
from .geometry import Array, rotation_euler, skin, vertex_normals
from .hands import fingers, hand_frame
from .poses import Pose, Reach

OPENING_STEP = {"swing": 0.07, "reach": 0.009}  # radians of an outward swing, metres that a hand moves away
OPENING_STEPS = {"swing": 5, "reach": 12}
CLEARANCE = 0.003  # smallest distance (metres) of a hand from body and clothes
FOREARM_GIVE = 0.012  # metres that a forearm may sink into cloth and body
NEAR = 0.08  # metres; a vertex farther from the surface is not inside it
TRUNK = ("root", "pelvis", "spine", "upperleg", "breast", "neck", "head", "clavicle", "shoulder", "jaw")
HAND = ("finger", "metacarpal", "wrist")
FOREARM = ("lowerarm",)
ARM = (*FOREARM, "upperarm02")
GAZE = 5.0  # degrees, horizontal standard deviation; the vertical one is half of it


def solve(pose: Pose, model: BodyModel, body: RestBody, rng: np.random.Generator, opening: Mapping[str, float]) -> dict:
    """Bone name -> rotation. `opening` moves a hand away from the body (side -> amount)."""
    rotations: dict[str, Array] = {}
    for side, arm, leg in (("L", pose.left, pose.stance.left), ("R", pose.right, pose.stance.right)):
        frame = hand_frame(side, model, body)
        rotations |= solve_arm(arm, side, model, body, frame, rng, opening.get(side, 0.0))
        rotations |= fingers(arm.grip, side, frame, rng)
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


def gaze(rng: np.random.Generator) -> dict[str, Array]:
    """One small random rotation for both eyes."""
    turn = rotation_euler(np.clip(rng.normal(0, 1, 3), -2, 2) * [GAZE / 2, 0, GAZE])
    return {"eye.L": turn, "eye.R": turn}


class HandGuard:
    """Moves a hand step by step until it is outside the body and the clothes."""

    def __init__(self, model: BodyModel, vertices: Array, weights: Array, triangles: Array) -> None:
        """The surface (vertices, weights, triangles) is that of body and clothes together, at rest."""
        self._model = model
        used, numbers = np.unique(triangles, return_inverse=True)
        self._vertices, self._weights = vertices[used], weights[used]
        self._triangles = numbers.reshape(-1, 3)
        dominant = self._weights.argmax(1)

        def led_by(names: tuple[str, ...], side: str = "") -> Array:
            bones = [n for n, bone in enumerate(model.bones) if bone.startswith(names) and bone.endswith(side)]
            return np.flatnonzero(np.isin(dominant, bones))

        self._trunk = led_by(TRUNK)
        self._hands = {side: led_by(HAND, f".{side}") for side in SIGN}
        self._forearms = {side: led_by(FOREARM, f".{side}") for side in SIGN}
        self._arms = {side: led_by(ARM, f".{side}") for side in SIGN}

    def sunk(self, matrices: Array, pose: Pose | None = None) -> dict[str, float]:
        """Per side: depth (metres) of the hand, and of a reaching forearm, in the trunk or the other arm."""
        posed = skin(self._vertices, self._weights, matrices)
        normals = vertex_normals(posed, self._triangles)
        trunk = cKDTree(posed[self._trunk])
        result = {}
        for side, hand in self._hands.items():
            arm = None if pose is None else pose.left if side == "L" else pose.right
            reaching = isinstance(arm, Reach)
            result[side] = _depth(posed, normals, hand, self._trunk, trunk)
            if reaching:
                fore = _depth(posed, normals, self._forearms[side], self._trunk, trunk)
                result[side] = max(result[side], fore - FOREARM_GIVE)
            if reaching and arm.over:
                other = np.concatenate([self._hands[OTHER[side]], self._arms[OTHER[side]]])
                both = np.concatenate([hand, self._arms[side]])
                result[side] = max(result[side], _depth(posed, normals, both, other, cKDTree(posed[other])))
        return result

    def is_free(self, rotations: Mapping[str, Array], body: RestBody, pose: Pose | None = None) -> bool:
        """Whether both hands, and forearms that reach, are outside the body."""
        return max(self.sunk(self._model.bone_matrices(body.heads, rotations), pose).values()) < 0

    def pose(self, pose: Pose, body: RestBody, seed: tuple[int, ...]) -> tuple[dict, bool]:
        """The rotations, and whether both hands are outside the body."""
        manner = {
            side: "reach" if isinstance(arm, Reach) else "swing" for side, arm in (("L", pose.left), ("R", pose.right))
        }
        steps = dict.fromkeys(SIGN, 0)
        while True:
            opening = {side: steps[side] * OPENING_STEP[manner[side]] for side in SIGN}
            rotations = solve(pose, self._model, body, np.random.default_rng(seed), opening)
            sunk = self.sunk(self._model.bone_matrices(body.heads, rotations), pose)
            stuck = [side for side, depth in sunk.items() if depth > -CLEARANCE]
            if not stuck:
                return rotations, True
            if any(steps[side] == OPENING_STEPS[manner[side]] for side in stuck):
                return rotations, False
            for side in stuck:
                steps[side] += 1


def _depth(posed: Array, normals: Array, points: Array, surface: Array, tree: cKDTree) -> float:
    """95th percentile of the depth of the given vertices under a surface."""
    nearest = surface[tree.query(posed[points])[1]]
    offset = posed[points] - posed[nearest]
    height = (offset * normals[nearest]).sum(1)
    near = np.linalg.norm(offset, axis=1) < NEAR
    return float(np.percentile(np.where(near, -height, -1.0), 95))
