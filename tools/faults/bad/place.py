"""Good inputs of one case, small enough to be copied for each."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.faults.material import TOY, Material

FIRST = "p00_0___p00_1"  # a pair of the small benchmark


@dataclass
class Place:
    """The files of one case; a kind of bad input spoils some of them.

    Args:
        root: a folder of the case's own.
        environment: variables to set.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def benchmark(self) -> Path:
        """The TOML file of a benchmark with 24 pairs."""
        return self.root / "data" / "mine.toml"

    @property
    def images(self) -> Path:
        """Generated images of all pairs."""
        return self.root / "images"

    @property
    def record(self) -> Path:
        """The folder of a run of `copy-source` on it."""
        return self.root / "record"

    @property
    def out(self) -> Path:
        """The output folder, which is missing."""
        return self.root / "out"

    def file(self, name: str, content: str | bytes = "") -> Path:
        """Write a file of the case."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode(errors="surrogateescape") if isinstance(content, str) else content)
        return path

    def replace(self, name: str, old: str, new: str) -> None:
        """Replace a text in a file of the case.

        Raises:
            ValueError: if the text is not there.
        """
        text = (self.root / name).read_text()
        if old not in text:
            raise ValueError(f"{name} has no {old!r}")
        self.file(name, text.replace(old, new, 1))

    def run(self, *more: object, model: object = "copy-source") -> list[object]:
        """A run on the benchmark."""
        return ["run", "-m", model, "-b", self.benchmark, "-p", "psnr", "-o", self.out, *more]

    def evaluate(self, *more: object) -> list[object]:
        """The measurement of the images."""
        return ["evaluate", self.images, "-b", self.benchmark, "-p", "psnr", "-o", self.out, *more]

    def train(self, *more: object, recipe: object = f"{TOY}:Toy") -> list[object]:
        """A training on the benchmark."""
        return ["train", recipe, "-b", self.benchmark, "-o", self.out, *more]


Kinds = Mapping[str, Callable[[Place], list[object]]]


def write_template(material: Material) -> Path:
    """Write the good inputs once.

    Args:
        material: the campaign's folder.

    Returns:
        The folder that each case copies.
    """
    template = material.root / "template"
    shutil.copytree(material.benchmark.parent, template / "data")
    place = Place(template)
    material.call(["run", "-m", "copy-source", "-b", place.benchmark, "-p", "psnr", "-o", place.record])
    shutil.copytree(place.record / "images", place.images)
    return template
