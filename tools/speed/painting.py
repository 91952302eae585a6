"""Compare painting with that of another revision: `python -m tools.speed.painting REVISION`.

Both sides paint the same pairs of studio in turn, each in a process of one thread. CPU seconds depend least on other
work on the machine. The images are compared too.
"""

from __future__ import annotations

import argparse

import click
import numpy as np

from tools.speed.revisions import Answers, alternate, table
from tools.speed.worker import PAIRS


def main() -> None:
    """Print the table of times, and how many values of the images differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--model", default="drn")
    parser.add_argument("--steps", type=int, default=20, help=f"of {PAIRS} images each")
    given = parser.parse_args()
    answers: Answers = []
    values = changed = most = 0
    for pair in alternate(given.revision, "painting", given.model, given.steps):
        answers.append(pair)
        old, new = (np.load(side["result"]).astype(int) for side in pair)
        difference = np.abs(old - new)
        values, changed = values + difference.size, changed + int((difference > 0).sum())
        most = max(most, int(difference.max()))
    click.echo(table(answers, PAIRS, "image"))
    click.echo(f"{changed / values:.4%} of {values} values differ, by at most {most} of 255")


if __name__ == "__main__":
    main()
