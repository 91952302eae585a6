"""The figures of docs/footguns.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from protocols.perceptual import lpips, ssim
from protocols.semantic.verification import equal_error
from tools.docs.footguns.material import Material
from tools.docs.footguns.pairs import WHITE, as_jpeg, bordered
from tools.docs.footguns.people import distances
from tools.docs.footguns.sets import draws

SHOWN = 12  # index of the pair shown, of the 100 pairs


def draw(material: Material, folder: Path) -> None:
    """Write the three figures into a folder."""
    import matplotlib

    matplotlib.use("Agg")
    one_pair(material, folder / "footguns-pair.png")
    small_sets(material, folder / "footguns-small-sets.png")
    faces(material, folder / "footguns-faces.png")


def one_pair(material: Material, path: Path) -> None:
    """One generated image, compared in six ways."""
    from matplotlib import pyplot as plt

    pair, other = material.few[SHOWN], material.few[SHOWN + 1]
    generated, target = material.generated([pair]), material.targets([pair])
    side = WHITE
    compared = [
        ("target", target, target),
        ("generated", generated, target),
        ("with white borders", bordered(generated, side), bordered(target, side)),
        ("BGR taken for RGB", np.ascontiguousarray(generated[..., ::-1]), target),
        ("JPEG 75", as_jpeg(generated, 75), target),
        ("another pair's target", generated, material.targets([other])),
    ]
    widths = [images.shape[2] for _, images, _ in compared]
    figure, axes = plt.subplots(1, len(compared), figsize=(9.6, 2.6), width_ratios=widths, dpi=100)
    for axis, (title, images, real) in zip(axes, compared, strict=True):
        shown = real if title.startswith("another") else images
        axis.imshow(shown[0])
        similar, far = ssim(images, real)[0], lpips(images, real, device="cpu")[0]
        axis.set_title(title, fontsize=8)
        axis.set_xlabel(f"SSIM {similar:.2f}\nLPIPS {far:.2f}", fontsize=8)
        axis.set_xticks([])
        axis.set_yticks([])
    figure.tight_layout(pad=0.4)
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


def small_sets(material: Material, path: Path) -> None:
    """Both distances by the number of images, over the random draws."""
    from matplotlib import pyplot as plt

    found = draws(material)
    figure, axes = plt.subplots(1, 2, figsize=(8, 2.8), dpi=100)
    titles = (("fd", "FD(EffNet-lite0)"), ("kd", "KD(EffNet-lite0)"))
    for axis, (key, title) in zip(axes, titles, strict=True):
        for shown, label in ((key, "n warp images against 200 targets"), (f"{key} real", "n real images and n others")):
            counts = [n for n in found if found[n][shown]]
            values = [np.array(found[n][shown]) for n in counts]
            mean = np.array([value.mean() for value in values])
            ends = np.array([np.percentile(value, [2.5, 97.5]) for value in values]).T
            axis.plot(counts, mean, "o-", label=label, markersize=3)
            axis.fill_between(counts, *ends, alpha=0.2)
        axis.set_xscale("log")
        axis.set_xticks(list(found), [str(n) for n in found])
        axis.minorticks_off()
        axis.set_xlabel("n")
        axis.set_title(title, fontsize=9)
        axis.set_ylim(bottom=min(0, axis.get_ylim()[0]))
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)


def faces(material: Material, path: Path) -> None:
    """Face distances of real images, with the common thresholds."""
    from matplotlib import pyplot as plt

    genuine, impostor = distances(material)
    bins = np.linspace(0.1, 0.9, 41)
    figure, axis = plt.subplots(figsize=(6, 2.6), dpi=100)
    for values, label in ((genuine, "one person"), (impostor, "two people")):
        axis.hist(values, bins, density=True, alpha=0.6, label=f"{label} ({len(values)} comparisons)")
    for threshold, style in ((equal_error(genuine, impostor).threshold, "-"), (0.6, "--"), (0.7, ":")):
        axis.axvline(threshold, color="black", linestyle=style, linewidth=1, label=f"{threshold:.2f}")
    axis.set_xlabel("distance of dlib's embeddings, real images of studio")
    axis.set_yticks([])
    axis.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, bbox_inches="tight")
    plt.close(figure)
