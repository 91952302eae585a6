"""Where the limbs are: metrics of keypoints, (N, K, 3) as x, y and a flag."""

from protocols.structural.keypoint_error_curve import anchors, keypoint_error_curve
from protocols.structural.pckh import pckh

__all__ = ["anchors", "keypoint_error_curve", "pckh"]
