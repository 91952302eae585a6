"""Damage to colours and sharpness of the whole image."""

from __future__ import annotations

from fhpt_bench.data.degradation import blurred, jpeg_compressed, rounded
from protocols.audit.damage import Damage, Image8, Subject


def _blur(subject: Subject, sigma: float) -> Image8:
    return blurred(subject.image, sigma)


def _jpeg(subject: Subject, quality: float) -> Image8:
    return jpeg_compressed(subject.image, round(quality))


def _noise(subject: Subject, deviation: float) -> Image8:
    noise = subject.random("noise").normal(size=subject.image.shape)
    return rounded(subject.image + deviation * noise)


def _brightness(subject: Subject, factor: float) -> Image8:
    return rounded(subject.image * factor)


def _hue(subject: Subject, degrees: float) -> Image8:
    from skimage.color import hsv2rgb, rgb2hsv

    turned = rgb2hsv(subject.image)
    turned[..., 0] = (turned[..., 0] + degrees / 360) % 1
    return rounded(255 * hsv2rgb(turned))


DAMAGES = (
    Damage("blur", "Gaussian blur", "pixels (sigma)", (0.5, 1, 2, 4, 8), _blur),
    Damage("jpeg", "JPEG compression", "quality", (90, 75, 50, 25, 10), _jpeg),
    Damage("noise", "Gaussian noise", "levels (deviation)", (2, 5, 10, 20, 40), _noise),
    Damage("brightness", "all values multiplied", "factor", (1.05, 1.1, 1.2, 1.4, 1.8), _brightness),
    Damage("hue", "hue turned", "degrees", (5, 15, 30, 60, 120), _hue),
)
