"""Perceptual metrics: of pairs, on (N, H, W, 3) uint8, and of sets, on features; torch is imported on first use."""

from protocols.perceptual.cmmd import cmmd
from protocols.perceptual.frechet import fid, frechet_distance
from protocols.perceptual.inception_score import inception_score
from protocols.perceptual.kernel import kernel_distance, kernel_distance_of_subsets, kid
from protocols.perceptual.lpips import lpips, lpips_maps
from protocols.perceptual.mask_ssim import mask_ssim
from protocols.perceptual.pose_mask import pose_mask
from protocols.perceptual.prdc import prdc
from protocols.perceptual.psnr import batched_psnr, psnr
from protocols.perceptual.regions import regions
from protocols.perceptual.similarity import embedding_distance, similarity
from protocols.perceptual.ssim import ssim, ssim_maps

__all__ = [
    "batched_psnr", "cmmd", "embedding_distance", "fid", "frechet_distance", "inception_score", "kernel_distance",
    "kernel_distance_of_subsets", "kid", "lpips", "lpips_maps", "mask_ssim", "pose_mask", "prdc", "psnr", "regions",
    "similarity", "ssim", "ssim_maps",
]  # fmt: skip
