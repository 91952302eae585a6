"""Keypoints of face and hands on a benchmark's real images: estimated, or read from another tool's files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.images import digest_named
from fhpt_bench.data.keypoint_files import find_keypoint_files, read_keypoint_files
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.data.pairs import read_pairs
from fhpt_bench.data.pose import read_keypoints
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.devices import peak_memory
from fhpt_bench.errors import UserError, name_some, with_location
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.evaluation.job import KEYPOINTS
from fhpt_bench.evaluation.worker_pool import WorkerPool, worker_count
from fhpt_bench.feature import VectorFeature, features, supplied_features
from fhpt_bench.progress import progress_bar
from fhpt_bench.reporting.formatting import format_duration

_FACE = (0, 14, 15)  # nose and eyes of the 18 joints
_BATCH = 8
_TRIALS = 8  # images whose time is measured; one more warms up
_GIB = 2**30


@dataclass(frozen=True)
class Images:
    """The images of a split whose keypoints are wanted.

    Args:
        split: "test" or "training".
        folder: folder of the images.
        size: their (height, width).
        names: names of the images, sorted.
        table: the table to write.
    """

    split: str
    folder: Path
    size: tuple[int, int]
    names: tuple[str, ...]
    table: Path


@dataclass(frozen=True)
class Landmarks:
    """Keypoints of some images.

    Args:
        keypoints: (N, 128, 3) x, y in pixels and found, in the order of the names.
        estimator: what estimated them.
    """

    keypoints: NDArray[np.float32]
    estimator: str


def landmark_images(benchmark: Benchmark) -> tuple[Images, ...]:
    """The images of a benchmark that need landmarks: those of the pairs, and training images of frontal pairs.

    A training pair is frontal if nose and eyes of both images are among their annotated joints: only such pairs can
    train a face module. Without training images or pairs there is no such part.

    Args:
        benchmark: the benchmark with all its pairs.

    Raises:
        UserError: if its file names no table of landmarks, or a list cannot be read.
    """
    tables = benchmark.landmark_files
    if "test" not in tables:
        have = "has exact ones" if benchmark.truth.keypoints else "names no table for them"
        raise UserError(
            f"The benchmark {benchmark.id} {have}: only a benchmark file with landmarks = FILE takes estimated ones."
        )
    found = [Images("test", benchmark.folder, benchmark.image_size, benchmark.images, tables["test"])]
    files = benchmark.training_files
    lists = [files[what] for what in ("pairs", "keypoints") if what in files and files[what].is_file()]
    if "train" in tables and benchmark.train_images and len(lists) == 2:
        poses = read_keypoints(lists[1], benchmark.image_size, benchmark.frame)
        frontal = {name for name, pose in poses.items() if np.isfinite(pose[list(_FACE)]).all()}
        pairs = [pair for pair in read_pairs(lists[0]) if frontal.issuperset(pair)]
        names = tuple(sorted({name for pair in pairs for name in pair}))
        if names:
            found.append(Images("training", benchmark.train_folder, benchmark.image_size, names, tables["train"]))
    return tuple(found)


def estimate_landmarks(images: Images, progress: bool = False) -> Landmarks:
    """Estimate keypoints with the built-in estimator, in worker processes.

    Each batch is kept in the feature cache: an interrupted call resumes, and a run finds the keypoints there.

    Args:
        images: N images.
        progress: show progress bars.

    Raises:
        UserError: if an image is missing, damaged or of another size, or the estimator fails.
    """
    kind = _estimator()
    cache, digests = _cache(kind), _digests(images, progress)
    real = RealImages(images.folder, images.size, digests)
    missing = [name for name in images.names if cache.get(digests[name]) is None]
    pool = WorkerPool(1)
    try:
        with progress_bar(
            f"landmarks, {images.split}", len(images.names), progress, len(images.names) - len(missing)
        ) as done:
            for start in range(0, len(missing), _BATCH):
                batch = missing[start : start + _BATCH]
                pool.submit(kind, _identity(kind), real.stack(batch), [digests[name] for name in batch])
                last = start + _BATCH >= len(missing)
                while (oldest := pool.oldest(last)) is not None:
                    oldest[2].result()
                    done(oldest[1])
    except UserError:
        raise
    except Exception as error:  # a network may fail in any way
        raise UserError(
            f"The estimator {kind.spec.id} failed: {with_location(error)}; see `fhpt-bench doctor`."
        ) from error
    finally:
        pool.close()
    found = [cache.get(digests[name]) for name in images.names]
    return Landmarks(np.stack([vector for vector in found if vector is not None]), _name(kind))


def read_landmarks(images: Images, folder: Path, progress: bool = False) -> Landmarks | None:
    """Read keypoints from the files of another tool, `<image stem>_keypoints.json` or `<image stem>.json`.

    Args:
        images: N images.
        folder: folder of the files.
        progress: show a progress bar.

    Returns:
        The keypoints; None if no training image has a file.

    Raises:
        UserError: if the folder or a file cannot be read, the file of an image is missing, or no file has a point of a
            face or hand.
    """
    names = [stem(name) for name in images.names]
    files = find_keypoint_files(folder, names)
    missing = [name for name in names if name not in files]
    if not files and images.split == "training":
        return None
    if missing:
        raise UserError(
            f"In the folder {folder}, keypoint files of {len(missing)} of {len(names)} {images.split} images are "
            f"missing: {name_some([f'{name}_keypoints.json' for name in missing], 1)}. Run the estimator on all images "
            f"of {images.folder}."
        )
    found, tool = read_keypoint_files(folder, files, images.size, progress)
    keypoints = np.stack([found[name] for name in names])
    if not (keypoints[:, SLICES["body"].stop :, 2] > 0).any():
        raise UserError(
            f"The {tool} files in {folder} have no point of a face or hand on the {images.split} images: run the "
            "estimator with face and hands (OpenPose: --face --hand)."
        )
    return Landmarks(keypoints, f"{tool}-json")


def estimate_landmark_cost(images: Images, progress: bool = False) -> Mapping[str, str]:
    """Measure how long `estimate_landmarks` will take, on a few images; nothing is written.

    Args:
        images: N images.
        progress: show a progress bar for reading many images.

    Returns:
        Name -> value with its unit.

    Raises:
        UserError: if an image is missing, damaged or of another size.
    """
    kind = _estimator()
    cache, digests = _cache(kind), _digests(images, progress)
    missing = [name for name in images.names if cache.get(digests[name]) is None]
    text = f"{len(images.names):,} images, {len(images.names) - len(missing):,} of them done"
    if not missing:
        return {images.split: text}
    feature = kind("cpu")
    sample = RealImages(images.folder, images.size, digests).stack(missing[: 1 + _TRIALS])
    feature.extract(sample[:1])
    begin = time.perf_counter()
    timed = sample[1:] if len(sample) > 1 else sample
    feature.extract(timed)
    each = (time.perf_counter() - begin) / len(timed)
    workers = max(1, worker_count(1))
    total = format_duration(each * len(missing) / workers)
    return {
        images.split: f"{text}; about {total} ({each:.2g} s an image, n = {len(timed)}; {workers} worker processes)",
        "memory": f"{peak_memory() / _GIB:.2f} GiB in each process",
    }


def _estimator() -> type[VectorFeature]:
    """The built-in estimator, which keypoint files may replace."""
    kind = features.load(supplied_features.load(KEYPOINTS).replaces)
    if not issubclass(kind, VectorFeature):
        raise UserError(f"The feature {kind.spec.id} gives no keypoints: install fhpt-bench again.")
    return kind


def _identity(kind: type[VectorFeature]) -> dict[str, object]:
    return kind.identity({name: weights.fetch(name) for name in kind.spec.weights})


def _cache(kind: type[VectorFeature]) -> FeatureCache:
    return FeatureCache(_identity(kind))


def _name(kind: type[VectorFeature]) -> str:
    return f"{kind.spec.id} {kind.spec.version} ({kind.spec.backend})"


def _digests(images: Images, progress: bool) -> dict[str, str]:
    return digest_named(images.folder, images.names, images.size, progress)
