"""Item retrieval: whether VGG16's nearest image is of the same item. A useful rate is neither 0 nor 1."""

from collections.abc import Callable, Sequence

import numpy as np

from fhpt_bench.networks.vgg import VGG16Maps

from .photographs import Figure, Photograph, share


def look(photographs: Sequence[Photograph], on_image: Callable[[], None]) -> list[Figure]:
    """Cosine similarity of the spatial mean of VGG16's relu5_3 (512 values); the gallery is all other images."""
    network = VGG16Maps("cpu")
    features = []
    for photograph in photographs:
        features.append(network.extract(photograph.pixels[None])[-1].mean((2, 3))[0].numpy())
        on_image()
    items = np.array([photograph.item for photograph in photographs])
    return [
        Figure(f"VGG16's nearest image is of the same item{label}", text)
        for label, text in zip(("", ", by chance"), first_hits(np.array(features), items), strict=True)
    ]


def first_hits(features: np.ndarray, items: np.ndarray) -> tuple[str, str]:
    """Share of images whose nearest image is of the same item, and the share expected by chance."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    likeness = unit @ unit.T
    np.fill_diagonal(likeness, -np.inf)
    hits = items[likeness.argmax(1)] == items
    chance = ((items[:, None] == items[None]).sum(1) - 1).mean() / (len(items) - 1)
    return share(int(hits.sum()), len(hits)), f"{chance:.3f}"
