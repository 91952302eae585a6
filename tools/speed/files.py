"""Measure the time of file handling for 8,570 pairs, without any network: `python -m tools.speed.files LISTS`.

LISTS is a folder with DeepFashion's lists. Copies of `studio`'s images are written under the listed names, into a
temporary folder that is removed at the end: the tree of img.zip for the preparation, and one PNG file per pair.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

from fhpt_bench.benchmark import data_folder, load_benchmark
from fhpt_bench.data.images import encode_png, read_image
from fhpt_bench.data.names import parse_name
from fhpt_bench.data.prepare.lists import read_any_pairs
from fhpt_bench.data.prepare.survey import survey
from fhpt_bench.data.prepare.writing import write_prepared
from fhpt_bench.evaluation.generated_folder import match_folder
from fhpt_bench.evaluation.generated_images import FolderImages

BATCH = 16


def build(lists: Path, folder: Path) -> None:
    """Write the images; this is not part of the measurement."""
    pixels = [read_image(file) for file in sorted((data_folder("studio") / "test").iterdir())]
    pairs = read_any_pairs(next(lists.glob("*pairs-test.csv")))
    for name, image in zip(sorted({name for pair in pairs for name in pair}), cycle(pixels), strict=False):
        parsed = parse_name(f"{name}.jpg")
        assert parsed is not None
        shot = f"{parsed.variant}_{name.removesuffix(parsed.view)[-1]}_{parsed.view}.jpg"
        file = folder / "data" / "img" / parsed.gender / parsed.category / f"id_{parsed.item}" / shot
        file.parent.mkdir(parents=True, exist_ok=True)
        padded = np.pad(image, ((0, 0), (40, 40), (0, 0)), constant_values=255)
        Image.fromarray(padded).save(file, quality=95)
    (folder / "generated").mkdir()
    for (source, target), content in zip(pairs, cycle([encode_png(image) for image in pixels]), strict=False):
        (folder / "generated" / f"{source}___{target}.png").write_bytes(content)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print the wall time and the peak memory of this process so far."""
    start = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    sys.stdout.write(f"{what:<44}{time.perf_counter() - start:6.1f} s   {peak:6.0f} MiB\n")


def main() -> None:
    """Write the images in a child process, so that its memory is not counted, then measure in this one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lists", type=Path)
    parser.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        build(given.lists, given.build)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "tools.speed.files", given.lists, "--build", folder], check=True)
        with timed("all"):
            with timed("prepare: find, read lists, crop, write"):
                write_prepared(survey([folder / "data", given.lists], folder / "out"), folder / "out")
            with timed("load the benchmark"):
                benchmark = load_benchmark("deepfashion", folder / "out")
            with timed(f"decode and digest its {len(benchmark.images)} images"):
                benchmark.image_digests()
            with timed(f"match, decode and digest {len(benchmark.pairs)} generated images"):
                source = FolderImages(match_folder(folder / "generated", benchmark), "synthetic", benchmark)
            with timed("decode them again, in batches, as in a run"):
                for number, start in enumerate(range(0, len(benchmark.pairs), BATCH)):
                    source.images(number, benchmark.pairs[start : start + BATCH])


if __name__ == "__main__":
    main()
