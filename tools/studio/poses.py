"""The parts of a pose. The poses are defined in `catalogue.py`.

Directions are in the frame of the chest (x: the person's left, -y: forwards, z: up). They are given for the left arm
and mirrored for the right. Legs, spine and head are given in degrees about the rest pose's axes: for a thigh x < 0
lifts it forwards, for a shin x > 0 bends the knee, for the left thigh y > 0 closes the legs (in the rest pose the legs
are apart).
"""

from dataclasses import dataclass, replace

Triple = tuple[float, float, float]
STRAIGHT = (0.0, 0.0, 0.0)
ALL_VIEWS = ("front", "side", "back", "full", "additional")


@dataclass(frozen=True)
class Arm:
    """An arm that touches nothing."""

    upper: Triple
    fore: Triple
    hand: Triple | None = None
    pronation: float = 0.0
    palm: Triple | None = None
    grip: str = ""  # name of the finger pose; empty: drawn at random


@dataclass(frozen=True)
class Reach:
    """An arm whose hand touches a place: a hip, the other arm, the collar."""

    bone: str  # the offset starts at this bone's head; `.own` means the arm's side, `.other` the opposite one
    offset: Triple  # from the bone to the middle of the palm, in metres on an average body
    elbow: Triple  # direction that the elbow points to
    hand: Triple  # direction from the wrist to the knuckles
    palm: Triple  # direction that the palm faces
    away: Triple = (0.0, -1.0, 0.0)  # direction in which the hand is moved until it is outside the body
    grip: str = "flat"
    pronation: float = 0.0
    over: bool = False  # the hand lies on the other arm, so it must be outside that arm too


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
    stride: bool = False  # too long for a narrow skirt


@dataclass(frozen=True)
class Pose:
    left: Arm | Reach
    right: Arm | Reach
    stance: Stance
    spine: Triple = STRAIGHT
    head: Triple = STRAIGHT
    views: tuple[str, ...] = ALL_VIEWS


def mirrored(pose: Pose) -> Pose:
    """The pose with left and right exchanged."""
    stance = pose.stance
    return replace(
        pose,
        left=pose.right,
        right=pose.left,
        stance=Stance(_mirrored_leg(stance.right), _mirrored_leg(stance.left), _turned(stance.root), stance.stride),
        spine=_turned(pose.spine),
        head=_turned(pose.head),
    )


def _mirrored_leg(leg: Leg) -> Leg:
    return Leg(_turned(leg.thigh), _turned(leg.shin), _turned(leg.foot))


def _turned(degrees: Triple) -> Triple:
    x, y, z = degrees
    return (x, -y, -z)
