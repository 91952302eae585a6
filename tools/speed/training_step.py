"""Compare drn's training with that of another revision: `python -m tools.speed.training_step REVISION`.

Both sides train on the same batches of studio in turn, each in a process of one thread, from the same start. CPU
seconds depend least on other work on the machine. The losses are compared too.
"""

from __future__ import annotations

import argparse

import click

from tools.speed.revisions import Answers, alternate, table


def main() -> None:
    """Print the table of times, and the largest difference of each loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int, default=5, help="iterations")
    given = parser.parse_args()
    answers: Answers = list(alternate(given.revision, "training", given.preset, given.steps))
    click.echo(table(answers, 1, "iteration"))
    for name in answers[0][0]["result"]:
        most = max(abs(old["result"][name] - new["result"][name]) for old, new in answers)
        click.echo(f"{name}: {answers[-1][1]['result'][name]:.5f}, differs by at most {most:.1e}")


if __name__ == "__main__":
    main()
