"""Perceptual metrics: of pairs, on (N, H, W, 3) uint8, and of sets, on features; torch is imported on first use."""

from protocols.perceptual.frechet import fid, frechet_distance
from protocols.perceptual.inception_score import inception_score
from protocols.perceptual.kernel import kernel_distance, kid
from protocols.perceptual.lpips import lpips
from protocols.perceptual.mask_ssim import mask_ssim
from protocols.perceptual.pose_mask import pose_mask
from protocols.perceptual.psnr import psnr
from protocols.perceptual.ssim import ssim

__all__ = [
    "fid",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "kid",
    "lpips",
    "mask_ssim",
    "pose_mask",
    "psnr",
    "ssim",
]
