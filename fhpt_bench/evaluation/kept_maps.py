"""Maps of target images that stay in memory, and the maps of a batch of pairs without computing an image twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from fhpt_bench.feature import MapFeature

    Maps = tuple[Tensor, ...]  # (B, C, h, w) each


class KeptMaps:
    """Maps of single images, which are kept as long as there is room.

    Args:
        memory: bytes.
    """

    def __init__(self, memory: int) -> None:
        self._free = memory
        self._maps: dict[tuple[type[MapFeature], str], Maps] = {}

    def find(self, feature: MapFeature, digests: Sequence[str]) -> dict[str, Maps]:
        """The maps that are there: digest -> maps of (1, C, h, w).

        Args:
            feature: what has computed them.
            digests: digests of images.
        """
        kind = type(feature)
        return {digest: self._maps[kind, digest] for digest in digests if (kind, digest) in self._maps}

    def add(
        self, feature: MapFeature, digests: Sequence[str], images: Callable[[list[int]], NDArray[np.uint8]]
    ) -> tuple[dict[str, Maps], int]:
        """The maps of some images, of which those that are missing are computed, and kept if there is room.

        Args:
            feature: computes them.
            digests: digests of N images.
            images: positions among the N -> these images, (n, H, W, 3) uint8.

        Returns:
            Digest -> maps of (1, C, h, w), and how many were computed.
        """
        found = self.find(feature, digests)
        new = {digest: place for place, digest in enumerate(digests) if digest not in found}
        if new:
            found |= _single(feature.extract(images(list(new.values()))), list(new))
        for digest in new:
            size = sum(level.numel() * level.element_size() for level in found[digest])
            if size <= self._free:
                self._free -= size
                self._maps[type(feature), digest] = tuple(level.clone() for level in found[digest])
        return found, len(new)


_kept = KeptMaps(0)


def keep_target_maps(memory: int) -> None:
    """Keep the maps of targets in this process, for those who measure many folders of one benchmark in turn.

    Args:
        memory: bytes; 0 forgets them.
    """
    global _kept
    _kept = KeptMaps(memory)


def maps_of_pairs(
    feature: MapFeature,
    images: NDArray[np.uint8],
    digests: Sequence[str],
    targets: Callable[[list[int]], NDArray[np.uint8]],
    of_targets: Sequence[str],
) -> tuple[Maps, Mapping[str, Maps], int]:
    """Maps of generated images and of targets; an image that occurs several times is computed once.

    Args:
        feature: computes them.
        images: (B, H, W, 3) uint8, the generated images.
        digests: digests of the B images.
        targets: positions among the T targets -> these images, (n, H, W, 3) uint8.
        of_targets: digests of the T targets.

    Returns:
        Maps of the B images; digest of a target -> its maps of (1, C, h, w); how many images were computed.
    """
    found, count = _kept.add(feature, of_targets, targets)
    new = {digest: place for place, digest in reversed(list(enumerate(digests))) if digest not in found}
    places = sorted(new.values())
    if not places:
        return joined(found, digests), found, count
    own = feature.extract(images[places])
    if len(places) == len(digests):
        return own, found, count + len(places)
    single = _single(own, [digests[place] for place in places])
    return joined(found | single, digests), found, count + len(places)


def joined(maps: Mapping[str, Maps], digests: Sequence[str]) -> Maps:
    """Maps of a batch.

    Args:
        maps: digest -> maps of (1, C, h, w).
        digests: digests of the batch.
    """
    import torch

    # Joined as batches of one image, they keep their memory format, on which the order of sums depends.
    return tuple(torch.cat(levels) for levels in zip(*(maps[digest] for digest in digests), strict=True))


def _single(maps: Maps, digests: Sequence[str]) -> dict[str, Maps]:
    return {digest: tuple(level[i : i + 1] for level in maps) for i, digest in enumerate(digests)}
