"""Small inputs for every command, in a folder of the campaign's own."""

from __future__ import annotations

import runpy
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.faults.process import Command, Ended

ROOT = Path(__file__).parents[2]
TOY = ROOT / "tests" / "fhpt_bench" / "training" / "toy.py"
LIMIT = 12  # pairs of a run on `studio`


def of_tests(path: str, name: str) -> Any:
    """Something that is defined in a file below tests/: small benchmarks are written there once."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    return runpy.run_path(str(ROOT / "tests" / path))[name]


@dataclass(frozen=True)
class Material:
    """The campaign's folder.

    Args:
        root: holds everything that the campaign writes.
        benchmark: a TOML file with 24 pairs of noise, 48 wide and 64 high.
        images: generated images of `studio` with --limit 12.
        other_images: the same of another model.
        photographs: people of `studio` in DeepFashion's formats.
        fewer_photographs: the same without some of them.
    """

    root: Path
    benchmark: Path
    images: Path
    other_images: Path
    photographs: Path
    fewer_photographs: Path

    @classmethod
    def make(cls, root: Path, short: bool) -> Material:
        """Write the inputs.

        Args:
            root: an empty folder.
            short: whether smaller inputs are enough.
        """
        made = cls(root, root / "data" / "mine.toml", root / "images", root / "other-images", root / "photographs",
                   root / "fewer-photographs")  # fmt: skip
        of_tests("hostile/conftest.py", "write_benchmark")(root / "data")
        for model, images in (("warp", made.images), ("copy-source", made.other_images)):
            out = root / f"made-{model}"
            made.call(["run", "-m", model, "--limit", LIMIT, "-p", "psnr", "-o", out])
            shutil.copytree(out / "images", images)
        stand_in = of_tests("deepfashion_standin.py", "stand_in")
        for place, people in ((made.photographs, 2 if short else 6), (made.fewer_photographs, 1)):
            found = stand_in(people, 1)
            found.write_tree(place / "DeepFashion")
            found.write_lists(place)
        return made

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables for every command: its cache folder and home are in the campaign's folder."""
        return {
            "FHPT_CACHE_DIR": str(self.root / "cache"), "HOME": str(self.root / "home"), "COLUMNS": "250",
            "MPLCONFIGDIR": str(self.root / "cache" / "matplotlib"), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT), "TMPDIR": str(self.root / "temporary"),
        }  # fmt: skip

    def start(self, words: Sequence[object], **more: Any) -> Command:
        """Start a command; `more` as in `Command`."""
        (self.root / "temporary").mkdir(exist_ok=True)
        return Command(words, self.root / "here", {**self.environment, **more.pop("environment", {})}, **more)

    def call(self, words: Sequence[object], **more: Any) -> Ended:
        """Run a command that must succeed.

        Raises:
            RuntimeError: if it does not.
        """
        ended = self.start(words, **more).wait()
        if ended.code:
            raise RuntimeError(f"{' '.join(map(str, words))}: {ended}")
        return ended
