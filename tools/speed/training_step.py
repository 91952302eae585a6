"""Compare drn's training with that of another revision: `python -m tools.speed.training_step REVISION`.

Both sides train on the same batches of studio in turn, each in a process of one thread, from the same start. CPU
seconds depend least on other work on the machine. The losses are compared too. With `--write` the table goes into
tools/speed/results and docs/speed.md.
"""

from __future__ import annotations

import argparse

from tools.speed import report
from tools.speed.revisions import Answers, alternate, described, times


def main() -> None:
    """Show the table of times, and the largest difference of each loss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision")
    parser.add_argument("--preset", default="small")
    parser.add_argument("--steps", type=int, default=5, help="iterations")
    parser.add_argument("--write", action="store_true", help="write tools/speed/results and docs/speed.md")
    given = parser.parse_args()
    answers: Answers = list(alternate(given.revision, "training", given.preset, given.steps))
    header, rows = times(answers, 1)
    losses = [
        f"{name} {answers[-1][1]['result'][name]:.5f} ({_most(answers, name):.1e})" for name in answers[0][0]["result"]
    ]
    note = (
        f"{given.steps} iterations of preset `{given.preset}` for each side (n), in turn, each side in a process of "
        f"one thread. Before: {described(given.revision)}. Losses now, and by how much they differ at most: "
        f"{', '.join(losses)}."
    )
    report.show(
        report.Section(
            f"training-{given.preset}", f"python -m tools.speed.training_step {given.revision}",
            "An iteration of `drn`'s training", header, rows, note, report.versions("torch"),
        ),
        given.write,
    )  # fmt: skip


def _most(answers: Answers, name: str) -> float:
    return max(abs(old["result"][name] - new["result"][name]) for old, new in answers)


if __name__ == "__main__":
    main()
