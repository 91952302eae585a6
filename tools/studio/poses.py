"""The poses of a catalogue, as tables.

Arms are given by directions in the frame of the chest (x: the person's left, -y: forwards, z: up), written for the
left arm and mirrored for the right. Legs, spine and head are given in degrees about the rest pose's axes: on a thigh
x < 0 lifts it forwards, on a shin x > 0 bends the knee, on the left thigh y > 0 closes the legs (the rest pose stands
astride).
"""

from dataclasses import dataclass

Triple = tuple[float, float, float]
STRAIGHT = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Arm:
    upper: Triple
    fore: Triple
    hand: Triple | None = None
    pronation: float = 0.0


@dataclass(frozen=True)
class Leg:
    thigh: Triple
    shin: Triple = STRAIGHT
    foot: Triple = STRAIGHT


@dataclass(frozen=True)
class Stance:
    left: Leg
    right: Leg
    root: Triple = STRAIGHT


@dataclass(frozen=True)
class Pose:
    left: Arm
    right: Arm
    stance: Stance
    spine: Triple = STRAIGHT
    head: Triple = STRAIGHT
    stride: bool = False  # too long for a narrow skirt
    views: tuple[str, ...] = ("front", "side", "back", "full", "additional")


HANG = Arm((0.22, 0.02, -1), (0.10, -0.16, -1))
HANG_LOOSE = Arm((0.30, 0.06, -1), (0.12, -0.10, -1))
BENT = Arm((0.30, 0.18, -1), (0.16, -0.42, -1), pronation=10)
ON_HIP = Arm((0.80, 0.40, -0.74), (-0.44, -0.46, -0.58), (-0.22, -0.72, -0.60), 40)
BY_POCKET = Arm((0.42, 0.34, -1), (0.0, -0.50, -0.85), (-0.04, -0.35, -1), 10)
AT_COLLAR = Arm((0.45, -0.10, -0.85), (-0.55, -0.60, 0.52))
AT_SIDE_RAISED = Arm((0.36, 0.10, -1), (0.10, -0.95, -0.25), pronation=20)
SWING_BACK = Arm((0.20, 0.42, -1), (0.10, 0.12, -1))
SWING_FORTH = Arm((0.22, -0.30, -1), (0.10, -0.62, -1))

UPRIGHT = Stance(Leg((0, 4.5, 0), (0, -1, 0), (0, -3, 0)), Leg((0, -4.5, 0), (0, 1, 0), (0, 3, 0)))
ONE_KNEE = Stance(Leg((-9, 4, -8), (16, 0, 0), (-6, 0, -6)), Leg((0, -5.5, 0), foot=(0, 4, 0)), (0, -2.2, 0))
OTHER_KNEE = Stance(Leg((0, 5.5, 0), foot=(0, -4, 0)), Leg((-9, -4, 8), (16, 0, 0), (-6, 0, 6)), (0, 2.2, 0))
LEGS_CROSSED = Stance(Leg((-10, 9, 0), (14, 0, 0), (-4, -4, 0)), Leg((4, -4.5, 0), foot=(-2, 3, 0)))
WALKING = Stance(Leg((-19, 4.5, 0), (7, 0, 0), (10, -3, 0)), Leg((15, -4.5, 0), (22, 0, 0), (-4, 3, 0)))
ASTRIDE = Stance(Leg((0, 2.5, -5), foot=(0, -1, 0)), Leg((0, -2.5, 5), foot=(0, 1, 0)))

FACING = ("front", "full", "additional")
NOT_SIDE = ("front", "back", "full", "additional")

POSES = {
    "stand": Pose(HANG, HANG, UPRIGHT),
    "relaxed": Pose(BENT, HANG_LOOSE, ONE_KNEE, (0, 2.5, 0), (0, -2, 5)),
    "relaxed_right": Pose(HANG_LOOSE, BENT, OTHER_KNEE, (0, -2.5, 0), (0, 2, -5)),
    "hip_left": Pose(ON_HIP, HANG_LOOSE, ONE_KNEE, (0, 3, 0), (0, -3, -6)),
    "hip_right": Pose(BENT, ON_HIP, UPRIGHT, (0, -3, 0), (0, 3, 6), views=NOT_SIDE),
    "hips_both": Pose(ON_HIP, ON_HIP, ASTRIDE, (-2, 0, 0), (2, 0, 0), views=NOT_SIDE),
    "pocket": Pose(BY_POCKET, HANG, LEGS_CROSSED, (0, 2, 4), (0, 0, -8), stride=True),
    "pockets": Pose(BY_POCKET, BY_POCKET, ASTRIDE, STRAIGHT, (0, 0, 6), views=NOT_SIDE),
    "walk": Pose(SWING_BACK, SWING_FORTH, WALKING, (-2, 0, 6), (2, 0, -4), stride=True),
    "walk_right": Pose(
        SWING_FORTH,
        SWING_BACK,
        Stance(WALKING.right, WALKING.left),
        (-2, 0, -6),
        (2, 0, 4),
        stride=True,
    ),
    "offer": Pose(HANG_LOOSE, AT_SIDE_RAISED, UPRIGHT, (0, -1, 0), (0, 1, -5), views=FACING),
    "collar": Pose(HANG, AT_COLLAR, UPRIGHT, (0, -2, 0), (0, 3, -8), views=FACING),
}
# MakeHuman's own single-frame poses that suit a catalogue: standing05 points, standing06 lifts a knee
BVH_POSES = ("standing01", "standing02", "standing03", "standing04")


def poses_for(view: str, narrow_steps: bool) -> list[str]:
    """Names of the poses that may be drawn for a view of a person in trousers, or in a narrow skirt."""
    names = [name for name, pose in POSES.items() if view in pose.views and not (narrow_steps and pose.stride)]
    return names if narrow_steps or view in ("side", "back") else names + list(BVH_POSES)
