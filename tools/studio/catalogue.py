"""Tables of catalogue poses. A pose is mirrored at random when it is drawn."""

from .poses import STRAIGHT, Arm, Leg, Pose, Reach, Stance

HANG = Arm((0.22, 0.02, -1), (0.10, -0.16, -1))
HANG_LOOSE = Arm((0.30, 0.06, -1), (0.12, -0.10, -1))
HANG_CLOSE = Arm((0.20, 0.10, -1), (0.02, -0.30, -1), pronation=15)
HANG_BACK = Arm((0.24, 0.26, -1), (0.10, 0.02, -1))
BENT = Arm((0.30, 0.18, -1), (0.16, -0.42, -1), pronation=10)
SWING_BACK = Arm((0.20, 0.42, -1), (0.10, 0.12, -1))
SWING_FORTH = Arm((0.22, -0.30, -1), (0.10, -0.62, -1))
STEP_BACK = Arm((0.22, 0.30, -1), (0.10, -0.06, -1))
STEP_FORTH = Arm((0.20, -0.14, -1), (0.06, -0.50, -1))
OFFERING = Arm((0.36, 0.10, -1), (0.10, -0.95, -0.25), pronation=20)
PALM_UP = Arm((0.30, 0.04, -1), (0.40, -0.95, -0.10), (0.35, -1, 0.1), palm=(-0.3, 0.1, 1), grip="soft")
ASIDE = Arm((0.55, 0.05, -1), (0.45, -0.30, -1), (0.75, -0.35, -0.6), palm=(0.1, 0.2, -1), grip="soft")

ON_HIP = Reach(
    "upperleg01.own",
    (0.062, -0.020, 0.105),
    (0.9, 0.35, -0.25),
    (-0.35, -0.75, -0.45),
    (-0.85, 0.45, 0.2),
    (1, -0.1, 0),
)
HIP_BEHIND = Reach(
    "upperleg01.own", (0.060, 0.030, 0.115), (0.85, 0.6, 0), (-0.2, 0.75, -0.6), (-0.9, -0.3, 0.1), (1, 0.1, 0)
)
FIST_ON_HIP = Reach(
    "upperleg01.own",
    (0.085, -0.030, 0.120),
    (0.9, 0.4, 0),
    (-0.25, -0.75, -0.6),
    (-0.6, 0.75, -0.3),
    (1, -0.1, 0),
    "fist",
)
THUMB_IN_POCKET = Reach(
    "upperleg01.own",
    (0.085, -0.075, -0.010),
    (0.75, 0.7, 0),
    (-0.18, -0.18, -1),
    (-0.75, 0.65, 0),
    (0.8, -0.6, 0),
    "soft",
)
BACK_POCKET = Reach(
    "upperleg01.own", (0.030, 0.110, -0.005), (0.6, 0.9, 0), (-0.3, 0.1, -1), (-0.3, -1, 0), (0.3, 1, 0), "soft"
)
ON_THIGH = Reach(
    "upperleg01.own", (0.100, -0.085, -0.050), (0.8, 0.7, 0), (-0.15, -0.2, -1), (-0.6, 0.8, 0), (0.6, -0.8, 0), "soft"
)
BELT = Reach(
    "upperleg01.own",
    (-0.015, -0.115, 0.050),
    (0.85, 0.4, 0),
    (-0.6, -0.1, -0.75),
    (-0.1, 1, 0.1),
    (0.2, -1, 0),
    "holding",
)
CLASP_UNDER = Reach(
    "spine05", (-0.010, -0.150, 0.010), (1, 0.2, -0.1), (-0.55, -0.15, -0.8), (0.0, 1, -0.1), grip="holding"
)
CLASP_OVER = Reach(
    "spine05",
    (0.005, -0.180, 0.015),
    (1, 0.2, -0.1),
    (-0.65, -0.1, -0.75),
    (0.0, 1, -0.1),
    grip="holding",
    over=True,
)
HOLDS_WRIST = Reach(
    "spine05", (-0.065, -0.185, 0.055), (1, 0.2, -0.1), (-0.85, 0.05, -0.45), (0, 1, -0.2), grip="holding", over=True
)
BEHIND_UNDER = Reach("spine05", (-0.010, 0.120, 0.010), (0.8, 0.4, 0), (-0.7, 0.15, -0.7), (0, -1, 0), (0, 1, 0))
BEHIND_OVER = Reach(
    "spine05", (0.010, 0.150, 0.015), (0.8, 0.4, 0), (-0.7, 0.15, -0.7), (0, -1, 0), (0, 1, 0), "holding", over=True
)
FOLDED_UNDER = Reach(
    "upperarm01.other", (0.045, -0.150, -0.190), (0.6, -0.5, -1), (-1, -0.05, 0.15), (0.1, 1, 0.1), (0, -1, 0), "soft"
)
FOLDED_OVER = Reach(
    "upperarm01.other",
    (0.030, -0.180, -0.165),
    (0.6, -0.5, -1),
    (-1, 0.1, 0.3),
    (0, 1, -0.1),
    (0, -1, 0.1),
    "holding",
    over=True,
)
AT_COLLAR = Reach(
    "spine01", (0.055, -0.150, 0.060), (0.7, 0.1, -1), (-0.6, -0.1, 0.8), (-0.1, 1, 0), (0.1, -1, 0), "holding"
)
ON_CHEST = Reach(
    "spine01", (-0.035, -0.155, -0.015), (0.8, 0.1, -0.8), (-0.95, -0.05, 0.3), (0, 1, 0), (0, -1, 0), "flat"
)
AT_NECK = Reach(
    "neck01", (0.080, 0.020, 0.030), (0.9, -0.3, 0.1), (-0.45, 0.75, 0.5), (-0.85, -0.35, 0), (1, 0, 0), "holding"
)
AT_HAIR = Reach(
    "head", (0.090, 0.000, 0.010), (0.95, -0.2, 0.2), (-0.25, 0.5, 0.85), (-1, -0.1, 0.1), (1, -0.2, 0), "holding"
)
ON_UPPER_ARM = Reach(
    "upperarm01.other",
    (-0.010, -0.110, -0.150),
    (0.6, -0.5, -1),
    (-0.95, 0.2, 0.25),
    (-0.15, 1, 0),
    (0, -1, 0),
    "holding",
    over=True,
)

UPRIGHT = Stance(Leg((0, 4.5, 0), (0, -1, 0), (0, -3, 0)), Leg((0, -4.5, 0), (0, 1, 0), (0, 3, 0)))
ONE_KNEE = Stance(Leg((-9, 4, -8), (16, 0, 0), (-6, 0, -6)), Leg((0, -5.5, 0), foot=(0, 4, 0)), (0, -2.2, 0))
HIP_OUT = Stance(Leg((-6, 1, -12), (12, 0, 0), (-5, 2, -8)), Leg((1, -7.5, 0), foot=(0, 6, 0)), (0, -4, 0))
LEGS_CROSSED = Stance(Leg((-10, 9, 0), (14, 0, 0), (-4, -4, 0)), Leg((4, -4.5, 0), foot=(-2, 3, 0)), stride=True)
WALKING = Stance(Leg((-19, 4.5, 0), (7, 0, 0), (10, -3, 0)), Leg((15, -4.5, 0), (22, 0, 0), (-4, 3, 0)), stride=True)
STROLLING = Stance(Leg((-11, 4.5, 0), (5, 0, 0), (6, -3, 0)), Leg((9, -4.5, 0), (13, 0, 0), (-3, 3, 0)), stride=True)
SMALL_STEP = Stance(Leg((-6, 5, 0), (6, 0, 0), (0, -3, 0)), Leg((4, -4.5, 0), (4, 0, 0), (-2, 3, 0)))
ASTRIDE = Stance(Leg((0, 2.5, -5), foot=(0, -1, 0)), Leg((0, -2.5, 5), foot=(0, 1, 0)))
WIDE = Stance(Leg((-2, -2, -8), foot=(2, 2, 0)), Leg((0, 1, 6), foot=(0, -1, 0)), stride=True)

FACING = ("front", "full", "additional")
NOT_BACK = ("front", "side", "full", "additional")
LOOKING_AWAY = ("side", "full")  # views in which the face does not have to be detectable
NOT_SIDE = ("front", "back", "full", "additional")

POSES = {
    # arms at the sides
    "stand": Pose(HANG, HANG, UPRIGHT),
    "relaxed": Pose(BENT, HANG_LOOSE, ONE_KNEE, (0, 2.5, 0), (0, -2, 5)),
    "easy": Pose(HANG_CLOSE, HANG_LOOSE, HIP_OUT, (0, 4, 3), (0, -3, -7)),
    "astride": Pose(HANG_LOOSE, BENT, ASTRIDE, (-1, 0, 2), (2, 0, 4)),
    "step": Pose(HANG, STEP_BACK, SMALL_STEP, (0, 1, -4), (1, -1, 5)),
    "turned": Pose(HANG_BACK, STEP_FORTH, SMALL_STEP, (0, 1, 10), (0, -1, -16)),
    "glance": Pose(HANG_LOOSE, HANG, ONE_KNEE, (0, 2, -3), (1, -2, 14)),
    "look_aside": Pose(HANG, BENT, ONE_KNEE, (0, 2, 4), (2, -2, 24), views=LOOKING_AWAY),
    "over_shoulder": Pose(HANG_LOOSE, HANG_BACK, SMALL_STEP, (0, 1, 12), (4, -3, 38), views=("back", "side")),
    "head_tilted": Pose(HANG_CLOSE, HANG, HIP_OUT, (0, 3, 0), (2, -7, 6)),
    "chin_up": Pose(HANG_BACK, HANG, ONE_KNEE, (-2, 2, 0), (-6, 0, -8)),
    # on the move
    "walk": Pose(SWING_BACK, SWING_FORTH, WALKING, (-2, 0, 6), (2, 0, -4)),
    "stroll": Pose(STEP_BACK, STEP_FORTH, STROLLING, (-1, 0, 4), (1, 0, -3)),
    "walk_pocket": Pose(THUMB_IN_POCKET, SWING_BACK, STROLLING, (-1, 0, -3), (1, 0, 6)),
    "walk_look": Pose(STEP_BACK, STEP_FORTH, WALKING, (-2, 0, 5), (1, 1, -20), views=LOOKING_AWAY),
    # hands on hips and thighs
    "hip": Pose(ON_HIP, HANG_LOOSE, HIP_OUT, (0, 3, 0), (0, -3, -6)),
    "hip_turned": Pose(ON_HIP, HANG, SMALL_STEP, (0, 2, -9), (0, -2, 14)),
    "hips": Pose(ON_HIP, ON_HIP, ASTRIDE, (-2, 0, 0), (2, 0, 0), views=NOT_SIDE),
    "hips_behind": Pose(HIP_BEHIND, HIP_BEHIND, ONE_KNEE, (-3, 2, 0), (2, -1, 4)),
    "fists_on_hips": Pose(FIST_ON_HIP, FIST_ON_HIP, WIDE, (-2, 0, 0), (1, 0, 0), views=NOT_SIDE),
    "hip_and_thigh": Pose(ON_HIP, ON_THIGH, HIP_OUT, (0, 3, 2), (1, -2, -6)),
    "thigh": Pose(ON_THIGH, HANG_LOOSE, ONE_KNEE, (1, 2, 0), (1, -2, 5)),
    # pockets and belt
    "pocket": Pose(THUMB_IN_POCKET, HANG, LEGS_CROSSED, (0, 2, 4), (0, 0, -8)),
    "pockets": Pose(THUMB_IN_POCKET, THUMB_IN_POCKET, ASTRIDE, STRAIGHT, (0, 0, 6)),
    "back_pocket": Pose(BACK_POCKET, HANG_LOOSE, HIP_OUT, (0, 3, -3), (0, -2, 8)),
    "pocket_and_hip": Pose(THUMB_IN_POCKET, ON_HIP, ONE_KNEE, (0, 2, 0), (0, -2, -5), views=NOT_SIDE),
    "belt": Pose(BELT, HANG_LOOSE, HIP_OUT, (0, 2, 0), (1, -1, -7), views=NOT_BACK),
    # hands together, arms folded
    "clasped": Pose(CLASP_UNDER, CLASP_OVER, UPRIGHT, (1, 0, 0), (1, 0, 4), views=NOT_BACK),
    "holds_wrist": Pose(CLASP_UNDER, HOLDS_WRIST, ONE_KNEE, (1, 2, 0), (1, -2, 4), views=NOT_BACK),
    "clasped_behind": Pose(BEHIND_UNDER, BEHIND_OVER, LEGS_CROSSED, (-2, 0, 0), (2, 0, 5)),
    "folded": Pose(FOLDED_UNDER, FOLDED_OVER, UPRIGHT, (-1, 0, 0), (1, 0, 4)),
    "folded_easy": Pose(FOLDED_UNDER, FOLDED_OVER, HIP_OUT, (-1, 3, 3), (1, -3, -8)),
    "holds_arm": Pose(HANG_CLOSE, ON_UPPER_ARM, HIP_OUT, (0, 2, 0), (2, -3, 6), views=NOT_BACK),
    # hands at the chest, neck and hair
    "collar": Pose(HANG, AT_COLLAR, UPRIGHT, (0, -2, 0), (0, 3, -8), views=FACING),
    "hand_on_chest": Pose(HANG_LOOSE, ON_CHEST, ONE_KNEE, (0, 2, 0), (2, -2, 5), views=FACING),
    "neck": Pose(HANG, AT_NECK, HIP_OUT, (0, 2, 0), (2, 3, 8)),
    "hair": Pose(HANG_LOOSE, AT_HAIR, ONE_KNEE, (0, 2, 0), (1, 4, 6)),
    "hair_and_hip": Pose(ON_HIP, AT_HAIR, HIP_OUT, (0, 3, 0), (1, 4, 8)),
    # gestures
    "offer": Pose(HANG_LOOSE, OFFERING, UPRIGHT, (0, -1, 0), (0, 1, -5), views=FACING),
    "palm_up": Pose(HANG, PALM_UP, SMALL_STEP, (0, -1, -3), (0, 2, -6), views=FACING),
    "hand_aside": Pose(ASIDE, HANG, HIP_OUT, (0, 3, 0), (0, -3, 6), views=NOT_SIDE),
}
# MakeHuman's single-frame poses that suit a catalogue. Left out: standing03 (spread arms), standing05 (pointing) and
# standing06 (lifted knee)
BVH_POSES = ("standing01", "standing02", "standing04")


def poses_for(view: str, narrow_steps: bool) -> list[str]:
    """Names of the poses that may be drawn for a view; without long strides for a narrow skirt."""
    names = [name for name, pose in POSES.items() if view in pose.views and not (narrow_steps and pose.stance.stride)]
    return names if narrow_steps or view in ("side", "back") else names + list(BVH_POSES)
