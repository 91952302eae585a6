"""Writing the prepared folder: cropped images, lists in one format, and a manifest of all files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fhpt_bench.data.images import encode_png, in_threads, read_image
from fhpt_bench.data.keypoint_tables import pose_table
from fhpt_bench.data.manifest import manifest_entry, read_manifest, write_manifest
from fhpt_bench.data.pairs import pair_table
from fhpt_bench.data.prepare.search import HEIGHT, PADDED, SIZES, SOURCE, WIDTH, Archive
from fhpt_bench.data.prepare.survey import Survey
from fhpt_bench.errors import UserError
from fhpt_bench.files import explained, sha256_bytes, sha256_json, write_bytes
from fhpt_bench.output_folder import FolderLock, check_output
from fhpt_bench.progress import progress_bar
from fhpt_bench.reading import IMAGE_BYTES, JSON_BYTES, read_file

_WHITE = 255


def write_prepared(survey: Survey, out: Path, progress: bool = False) -> None:
    """Write the prepared folder. If it was interrupted, it resumes, and the result is the same.

    Args:
        survey: the input, with nothing missing.
        out: the output folder, created if needed; nothing is written outside it.
        progress: show a progress bar.

    Raises:
        UserError: if the folder contains something else, an image is damaged or of another size than the first one, or
            the operating system refuses.
    """
    lists = _lists(survey)
    source = _source(survey, lists)
    check_output(out, SOURCE)
    _check(out, source)  # before the lock, whose file must not be left in a folder that is refused
    lock = FolderLock(out)
    try:
        _check(out, source)
        write_bytes(out / SOURCE, source)
        _write(survey, out, lists, source, progress)
    finally:
        lock.release()


def _write(survey: Survey, out: Path, lists: dict[str, bytes], source: bytes, progress: bool) -> None:
    jobs = [(split, name, file) for split, files in sorted(survey.images.items()) for name, file in files.items()]

    def make(job: tuple[str, str, Path]) -> tuple[str, dict[str, str | int]]:
        split, name, file = job
        place = f"{split}/{name}.png"
        return place, manifest_entry(_image(out / place, file, survey))

    with progress_bar("images", len(jobs), progress) as done:
        entries: dict[str, dict[str, str | int]] = dict(in_threads(make, jobs, done))
    for name, content in lists.items():
        write_bytes(out / name, content)
    entries |= {name: manifest_entry(content) for name, content in {**lists, SOURCE: source}.items()}
    earlier = read_manifest(out)
    added = {name: file.model_dump() for name, file in earlier.files.items()} if earlier else {}
    write_manifest(out, {**added, **entries})  # other commands add tables


def to_benchmark(
    pixels: NDArray[np.uint8], archive: Archive, size: tuple[int, int] = (HEIGHT, WIDTH)
) -> NDArray[np.uint8]:
    """Bring an image of one of DeepFashion's archives to the benchmark's size; images of that size are not changed.

    Side-padded images lose 40 columns on each side, as in PATN. High-resolution images are scaled to the height
    (bicubic with antialias, aspect ratio kept, as img.zip was made from them), then cropped or padded with white to the
    width, so that the keypoints fit. No other project has the same pixels.

    At 512x352, all of a high-resolution image is squeezed, bicubic with antialias, as NTED and CFLD do (NTED's
    scripts/prepare_data.py at 9a0f9d2).

    Args:
        pixels: (H, W, 3) uint8.
        archive: the archive of the image.
        size: (height, width) of the benchmark's images, one of `SIZES`.

    Returns:
        (height, width, 3) uint8.

    Examples:
        >>> to_benchmark(np.zeros((256, 256, 3), np.uint8), "side-padded").shape
        (256, 176, 3)
    """
    if archive == "whole":
        return pixels
    if size != (HEIGHT, WIDTH):
        return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))
    if archive == "high-resolution":
        height, width = pixels.shape[:2]
        scaled = max(1, round(width * HEIGHT / height))
        pixels = np.asarray(Image.fromarray(pixels).resize((scaled, HEIGHT), Image.Resampling.BICUBIC))
        short = max(0, WIDTH - scaled)
        pixels = np.pad(pixels, ((0, 0), (short // 2, short - short // 2), (0, 0)), constant_values=_WHITE)
    left = (pixels.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(pixels[:, left : left + WIDTH])


def _image(place: Path, file: Path, survey: Survey) -> bytes:
    """The bytes of the prepared image; the file is written unless it exists and is readable."""
    if place.is_file():
        try:
            read_image(place, survey.size)
            return read_file(place, IMAGE_BYTES)
        except UserError:
            pass  # a power failure can damage a file that was written atomically
    sizes: dict[Archive, tuple[int, int]] = {
        "side-padded": (HEIGHT, PADDED), "cropped": (HEIGHT, WIDTH), "whole": survey.size,
    }  # fmt: skip
    pixels = read_image(file, sizes.get(survey.archive))
    if survey.archive == "high-resolution" and pixels.shape[0] <= survey.size[0]:
        raise UserError(f"The image {file} is only {pixels.shape[0]} high, but the others are of high resolution.")
    content = encode_png(to_benchmark(pixels, survey.archive, survey.size))
    write_bytes(place, content)
    return content


def _lists(survey: Survey) -> dict[str, bytes]:
    texts: dict[str, str] = {}
    for split, pairs in survey.pairs.items():
        texts[f"pairs-{split}.csv"] = pair_table((f"{source}.png", f"{target}.png") for source, target in pairs)
    for split, poses in survey.poses.items():
        # In the frame of the input file: in the narrow frame, joints left of the crop would become missing ones.
        texts[f"keypoints-{split}.csv"] = pose_table({f"{name}.png": pose for name, pose in sorted(poses.items())})
    if survey.train_list:
        texts["train.lst"] = "".join(f"{name}.png\n" for name in survey.train_list)
    return {name: text.encode() for name, text in texts.items()}


def _source(survey: Survey, lists: dict[str, bytes]) -> bytes:
    """Identifies the input of a preparation: the archive, every image file's size, and the lists."""
    with explained(next(iter(survey.images["test"].values())), "read"):
        sizes = {
            split: {name: file.stat().st_size for name, file in files.items()} for split, files in survey.images.items()
        }
    content = {
        "format": 1,
        "benchmark": survey.benchmark,
        "archive": survey.archive,
        "suffixes": sorted({file.suffix.lower() for files in survey.images.values() for file in files.values()}),
        "images": {split: len(files) for split, files in sizes.items()},
        "files_sha256": sha256_json(sizes),
        "lists": {name: sha256_bytes(text) for name, text in lists.items()},
    }
    if survey.benchmark == "deepfashion" and survey.size != SIZES[0]:
        content |= {"benchmark": f"deepfashion-{survey.size[0]}", "size": survey.size}
    return json.dumps(content, indent=1).encode() + b"\n"


def _check(out: Path, source: bytes) -> None:
    """Refuse a folder with another preparation."""
    file = out / SOURCE
    if file.is_file() and read_file(file, JSON_BYTES) != source:
        raise UserError(
            f"{out} contains a preparation of other images or lists (see its {SOURCE}): give --out with a new folder, "
            "or remove it."
        )
