"""MediaPipe Holistic: body joints and hands, compared with the ground truth."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import mediapipe
import numpy as np
from PIL import Image

from ..landmarks import COCO
from .photographs import VIEWS, Figure, Photograph, share

PCK_SHARE = 0.2  # of the torso length, from left shoulder to right hip
ASKED = {"front": 0.98, "additional": 0.98, "full": 0.98, "side": 0.93}
ENLARGED = 4  # factor by which the image is enlarged for the detector
HAND_LENGTH = 24  # pixels; a shorter hand is not counted
HAND_SEEN = 15  # smallest number of visible points (of 21) of a hand that is counted
HAND_PLACE = 0.25  # largest mean error of a correctly placed hand, as a share of the hand's length
# MediaPipe's joint (of 33) for each COCO joint; MediaPipe has no neck
MEDIAPIPE_JOINT = {
    "nose": 0,
    "right_shoulder": 12,
    "right_elbow": 14,
    "right_wrist": 16,
    "left_shoulder": 11,
    "left_elbow": 13,
    "left_wrist": 15,
    "right_hip": 24,
    "right_knee": 26,
    "right_ankle": 28,
    "left_hip": 23,
    "left_knee": 25,
    "left_ankle": 27,
    "right_eye": 5,
    "left_eye": 2,
    "right_ear": 8,
    "left_ear": 7,
}


@dataclass
class Tally:
    images: int = 0
    found: int = 0
    distances: list[float] = field(default_factory=list)  # errors of joints, in torso lengths
    hands: int = 0
    hands_found: int = 0
    hands_in_place: int = 0


def look(photographs: Sequence[Photograph], on_image: Callable[[], None]) -> dict[str, Tally]:
    """Run MediaPipe on the images; one tally per view."""
    detector = mediapipe.solutions.holistic.Holistic(static_image_mode=True, model_complexity=1)
    nothing = np.zeros((64, 64, 3), np.uint8)
    tallies = {view: Tally() for view in VIEWS}
    for photograph in photographs:
        tally = tallies[photograph.view]
        image = Image.fromarray(photograph.pixels)
        width, height = image.size
        large = image.resize((width * ENLARGED, height * ENLARGED), Image.Resampling.BICUBIC)
        # a blank image resets the tracking, which would search at the positions in the previous image
        detector.process(nothing)
        found = detector.process(np.asarray(large))
        tally.images += 1
        if found.pose_landmarks is not None:
            tally.found += 1
            tally.distances += joint_distances(photograph, _pixels(found.pose_landmarks, width, height))
        for side, landmarks in (("left", found.left_hand_landmarks), ("right", found.right_hand_landmarks)):
            truth = photograph.hands[side]
            length = float(np.ptp(truth[:, :2], axis=0).max())
            if truth[:, 2].sum() >= HAND_SEEN and length >= HAND_LENGTH:
                tally.hands += 1
                if landmarks is not None:
                    tally.hands_found += 1
                    error = np.linalg.norm(_pixels(landmarks, width, height) - truth[:, :2], axis=1).mean()
                    tally.hands_in_place += int(error < HAND_PLACE * length)
        on_image()
    return tallies


def figures(tallies: dict[str, Tally]) -> list[Figure]:
    result = []
    for view, tally in tallies.items():
        right = sum(distance < PCK_SHARE for distance in tally.distances)
        asked = ASKED.get(view)
        result.append(
            Figure(
                f"MediaPipe's joints, PCK@{PCK_SHARE} of torso, {view}",
                f"{share(right, len(tally.distances))} (bodies {tally.found}/{tally.images})",
                f">= {asked}" if asked else "none",
                asked is None or right >= asked * len(tally.distances),
            )
        )
    hands = sum(tally.hands for tally in tallies.values())
    found = sum(tally.hands_found for tally in tallies.values())
    in_place = sum(tally.hands_in_place for tally in tallies.values())
    return [
        *result,
        Figure(f"MediaPipe finds a visible hand of {HAND_LENGTH} px or more", share(found, hands), "none"),
        Figure(f"and with a mean error below {HAND_PLACE} of its length", share(in_place, hands), "none"),
    ]


def joint_distances(photograph: Photograph, found: np.ndarray) -> list[float]:
    """Errors of the visible joints, in torso lengths."""
    body = photograph.body
    across = body[COCO.index("left_shoulder"), :2] - body[COCO.index("right_hip"), :2]
    # in side views shoulders and hips coincide horizontally: use the height
    torso = abs(across[1]) if photograph.view == "side" else np.linalg.norm(across)
    return [
        float(np.linalg.norm(found[joint] - body[COCO.index(name), :2]) / torso)
        for name, joint in MEDIAPIPE_JOINT.items()
        if body[COCO.index(name), 2]
    ]


def _pixels(landmarks: object, width: int, height: int) -> np.ndarray:
    """Landmarks in pixels. For MediaPipe the middle of the first (enlarged) pixel is at 0, for the truth at .5."""
    points = [[point.x * width, point.y * height] for point in landmarks.landmark]  # type: ignore[attr-defined]
    return np.array(points) + 0.5 / ENLARGED
