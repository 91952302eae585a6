"""python -m tools.docs.precision: fills the tables of docs/precision.md; fails if a difference is not allowed."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import sys
from pathlib import Path

from tools.docs.pages import fill
from tools.docs.precision import networks, people, pixels
from tools.docs.precision.rows import golden_table

PAGE = Path(__file__).parents[3] / "docs" / "precision.md"
PACKAGES = ("torch", "torchvision", "numpy", "scipy", "scikit-image", "lpips", "pytorch-fid", "torch-fidelity",
            "clean-fid", "prdc", "dlib-bin", "faiss-cpu", "pillow")  # fmt: skip


def main() -> None:
    """Compute all rows and write the page."""
    found = {
        "pairs": pixels.pairs(),
        "sets": pixels.sets(),
        "inceptions": networks.inceptions(),
        "classifiers": networks.classifiers(),
        "people": [*people.faces(), people.retrieval(), people.joints()],
    }
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    made = (
        f"Made by `python -m tools.docs.precision` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, on a CPU "
        f"({platform.system()} {platform.machine()}), with Python {platform.python_version()}, {versions}."
    )
    blocks = {"made": made, **{name: golden_table(rows) for name, rows in found.items()}}
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
    sys.stdout.write("\n\n".join(blocks.values()) + "\n")
    wrong = [row.ours for rows in found.values() for row in rows if not row.holds]
    if wrong:
        sys.exit(f"the difference from the reference is too large: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
