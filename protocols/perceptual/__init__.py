"""How the pixels look: `ssim`, `psnr` and `lpips` on (N, H, W, 3) uint8 images; torch is imported on first use only."""

from protocols.perceptual.lpips import lpips
from protocols.perceptual.psnr import psnr
from protocols.perceptual.ssim import ssim

__all__ = ["lpips", "psnr", "ssim"]
