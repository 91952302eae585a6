"""Structural metrics: they compare keypoints, given as (N, K, 3) arrays of x, y and a flag."""

from protocols.structural.keypoint_error_curve import anchors, keypoint_error_curve
from protocols.structural.pckh import pckh

__all__ = ["anchors", "keypoint_error_curve", "pckh"]
