"""Pose Guided Person Image Generation (PG2, Ma et al. 2017): a coarse image, then a difference map."""
