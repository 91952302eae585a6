"""Perceptual metrics: of pairs, on (N, H, W, 3) uint8, and of sets, on features; torch is imported on first use."""

from protocols.perceptual.cmmd import cmmd
from protocols.perceptual.frechet import fid, frechet_distance
from protocols.perceptual.inception_score import inception_score
from protocols.perceptual.kernel import kernel_distance, kernel_distance_of_subsets, kid
from protocols.perceptual.lpips import lpips
from protocols.perceptual.prdc import prdc
from protocols.perceptual.psnr import psnr
from protocols.perceptual.similarity import embedding_distance, similarity
from protocols.perceptual.ssim import ssim

__all__ = [
    "cmmd", "embedding_distance", "fid", "frechet_distance", "inception_score", "kernel_distance",
    "kernel_distance_of_subsets", "kid", "lpips", "prdc", "psnr", "similarity", "ssim",
]  # fmt: skip
