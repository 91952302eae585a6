"""Compare drn's training with that of another revision: `python -m tools.speed.training_step REVISION`.

Both sides train on the same batches of studio in turn, each in a process of one thread, from the same start. CPU
seconds depend least on other work on the machine. The losses are compared too. With `--write` the table goes into
tools/speed/results and docs/speed.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

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
    (old, new), *_ = answers
    losses = [f"{name} {new['result'][name]:.5f} ({_difference(old, new, name):.1e})" for name in new["result"]]
    most = max(_difference(*pair, name) for pair in answers for name in new["result"])
    note = (
        f"{given.steps} iterations of preset `{given.preset}` for each side (n), in turn, each side in a process of "
        f"one thread, after one that is not counted. Before: {described(given.revision)}. Losses of the first "
        f"iteration, and by how much they differ: {', '.join(losses)}. After it the weights differ, because Adam's "
        f"first steps have the same size however small a gradient is: of {len(answers)} iterations, losses differ by "
        f"at most {most:.1e}."
    )
    report.show(
        report.Section(
            f"training-{given.preset}", f"python -m tools.speed.training_step {given.revision}",
            "An iteration of `drn`'s training", header, rows, note, report.versions("torch"),
        ),
        given.write,
    )  # fmt: skip


def _difference(old: Mapping[str, Any], new: Mapping[str, Any], name: str) -> float:
    return abs(float(old["result"][name]) - float(new["result"][name]))


if __name__ == "__main__":
    main()
