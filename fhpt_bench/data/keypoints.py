"""The keypoints of a person: the parts, and the mapping from other conventions.

The keypoints of an image are an array of (128, 3): x, y in pixels (the centre of the first pixel is at .5) and found, 0
or 1, for the parts in the order of `PARTS`.
"""

from __future__ import annotations

import itertools

# COCO-18 in OpenPose's order (`fhpt_bench.data.pose`), the 68 face points of iBUG 300-W, and 21 points per hand in the
# order of OpenPose and MediaPipe: wrist, then thumb to little finger from the palm outwards. Left is the person's left.
PARTS = {"body": 18, "face": 68, "hand_left": 21, "hand_right": 21}

_ENDS = tuple(itertools.accumulate(PARTS.values()))
KEYPOINTS = _ENDS[-1]
SLICES = {part: slice(end - n, end) for (part, n), end in zip(PARTS.items(), _ENDS, strict=True)}

# Each COCO-18 joint as the mean of MediaPipe's pose landmarks (their names: `mediapipe.solutions.pose.PoseLandmark`).
# MediaPipe has no neck: it is the midpoint of the shoulders, as in OpenPose's own conversion of COCO's labels.
BODY_FROM_MEDIAPIPE = (
    (0,), (11, 12), (12,), (14,), (16,), (11,), (13,), (15,), (24,), (26,), (28,), (23,), (25,), (27,), (5,), (2,),
    (8,), (7,),
)  # fmt: skip

# MediaPipe's face mesh has no official mapping to the 68 points. This is the most common list, as in ByteDance's
# LatentSync and MaixPy; on 40 faces of `studio`'s test images its mean distance to the true points is 1.0 pixels.
FACE_FROM_MEDIAPIPE = (
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,  # jaw
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,  # brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # inner lips
)  # fmt: skip

# OpenPose's BODY_25 has the midpoint of the hips at 8, and feet after the ears (OpenPose, doc/02_output.md).
BODY_FROM_OPENPOSE_25 = (0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)
