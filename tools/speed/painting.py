"""Compare painting with that of another revision: `python -m tools.speed.painting REVISION`.

Both sides paint the same pairs of studio in turn, each in a process of one thread. CPU seconds depend least on other
work on the machine. The images are compared too. With `--write` the table goes into tools/speed/results and
docs/speed.md.
"""

from __future__ import annotations

import argparse

import numpy as np

from tools.speed import report
from tools.speed.revisions import Answers, alternate, described, times
from tools.speed.worker import PAIRS


def main() -> None:
    """Show the table of times, and how many values of the images differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--model", default="drn")
    parser.add_argument("--steps", type=int, default=20, help=f"of {PAIRS} images each")
    parser.add_argument("--write", action="store_true", help="write tools/speed/results and docs/speed.md")
    given = parser.parse_args()
    answers: Answers = []
    values = changed = most = 0
    for pair in alternate(given.revision, "painting", given.model, given.steps):
        answers.append(pair)
        old, new = (np.load(side["result"]).astype(int) for side in pair)
        difference = np.abs(old - new)
        values, changed = values + difference.size, changed + int((difference > 0).sum())
        most = max(most, int(difference.max()))
    header, rows = times(answers, PAIRS)
    note = (
        f"{given.steps} steps of {PAIRS} images for each side (n), in turn, each side in a process of one thread. "
        f"Before: {described(given.revision)}. {changed / values:.4%} of {values} values of the images differ, by at "
        f"most {most} of 255."
    )
    report.show(
        report.Section(
            f"painting-{given.model}", f"python -m tools.speed.painting {given.revision}",
            f"Generating an image with `{given.model}`, for each image", header, rows, note, report.versions("torch"),
        ),
        given.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
