"""Computes the anchors of a benchmark, once, from the images of the `warp` baseline."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.evaluation.generated_images import FolderImages
from fhpt_bench.feature import VectorFeature
from fhpt_bench.networks.keypoints import MediaPipeHolistic
from fhpt_bench.progress import progress_bar
from fhpt_bench.protocol import Evidence
from protocols.structural.keypoint_error_curve import anchor_reach, found_distances, part_keypoints


def anchor_table(folder: Path, benchmark: Benchmark) -> str:
    """Compute the largest anchor of each part with `anchor_reach`; for hands, twice the body's, as in Yang et al.

    Args:
        folder: folder with the images that the `warp` baseline generated for all pairs, `<pair id>.png`.
        benchmark: the benchmark with all its pairs, not a subset.

    Returns:
        The table `[anchors]` for the benchmark's TOML file, with a comment for a part that cannot be seen.

    Raises:
        UserError: if an image is missing, or no keypoint is found at all.
    """
    source = FolderImages(match_folder(folder, benchmark), "warp", benchmark)
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    estimator = MediaPipeHolistic("cpu")

    @functools.cache
    def vectors(feature: str, role: str) -> NDArray[np.float32]:
        """The same as `Evidence.vectors` in a run."""
        if role == "generated":
            return _keypoints_of(estimator, [functools.partial(source.images, 0, [pair]) for pair in benchmark.pairs])
        names, position = np.unique([pair.target for pair in benchmark.pairs], return_inverse=True)
        return _keypoints_of(estimator, [functools.partial(real.stack, [name]) for name in names])[position]

    evidence = Evidence(benchmark, {}, vectors)
    reach: dict[str, int] = {}
    distances = {part: found_distances(*part_keypoints(evidence, part)[:2]) for part in ("body", "face", "hands")}
    for part in ("body", "face"):
        if len(distances[part]):
            reach[part] = anchor_reach(distances[part])
    if not reach:
        raise UserError(f"No keypoint was found on the images in {folder}: cannot compute an anchor.")
    if "body" in reach and len(distances["hands"]):
        reach["hand"] = 2 * reach["body"]
    lines = [
        f"{part} = {reach[part]}" if part in reach else f"# {part}: no keypoint was found on the images of `warp`"
        for part in ("body", "face", "hand")
    ]
    return "[anchors] # pixels\n" + "".join(f"{line}\n" for line in lines)


def _keypoints_of(estimator: VectorFeature, images: Sequence[Callable[[], NDArray[np.uint8]]]) -> NDArray[np.float32]:
    """(N, 128, 3) keypoints of N images, extracted one image at a time."""
    keypoints = []
    with progress_bar("keypoints", len(images), shown=True) as done:
        for image in images:
            keypoints.append(estimator.extract(image()))
            done(1)
    return np.concatenate(keypoints)
