"""What a pose consists of. The poses themselves are in `catalogue.py`.

Directions are in the frame of the chest (x: the person's left, -y: forwards, z: up), written for the left arm and
mirrored for the right. Legs, spine and head are given in degrees about the rest pose's axes: on a thigh x < 0 lifts it
forwards, on a shin x > 0 bends the knee, on the left thigh y > 0 closes the legs (the rest pose stands astride).
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
    grip: str = ""  # how the fingers are held; empty: drawn


@dataclass(frozen=True)
class Reach:
    """A hand laid somewhere: on a hip, the other arm, the collar."""

    bone: str  # the place is counted from this bone's head; `.own` and `.other` stand for the arm's side
    offset: Triple  # metres, on an average body, of the middle of the palm
    elbow: Triple  # the way the elbow points
    hand: Triple  # from the wrist to the knuckles
    palm: Triple  # the way the palm faces
    away: Triple = (0.0, -1.0, 0.0)  # the way the hand is drawn until it is out of the body
    grip: str = "flat"
    pronation: float = 0.0
    over: bool = False  # lies on the other arm, so must be out of that one too


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
    """Left and right exchanged."""
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
