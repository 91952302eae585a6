"""How much longer a process takes while another one does the same: `python -m tools.speed.side_by_side`.

A run on a CPU has one process for each core. Generating images is compared with products of small matrices, which
need no memory outside a core: what slows both is the machine. With `--write` the table goes into tools/speed/results
and docs/speed.md.
"""

from __future__ import annotations

import argparse
import statistics
from contextlib import ExitStack

from tools.speed import report
from tools.speed.revisions import ROOT, begin, end, worker

WORK = (("painting", "drn", "4 images of `drn`"), ("multiplying", "96", "products of 96x96 matrices"))


def compared(job: str, name: str, steps: int) -> tuple[list[float], list[float]]:
    """Seconds of each step of a process alone, and of each step of two at once.

    Args:
        job: of `tools/speed/worker.py`.
        name: what it is given.
        steps: how often each is measured, in turn.
    """
    alone, both = list[float](), list[float]()
    with ExitStack() as stack:
        first, second = (stack.enter_context(worker(ROOT, job, name)) for _ in range(2))
        for number in range(1 + steps):
            counted = number > 0
            for together in ((first,), (second,), (first, second)):
                for process in together:
                    begin(process, number)
                seconds = [float(end(process)["wall"]) for process in together]
                if counted:
                    (alone if len(together) == 1 else both).extend(seconds)
    return alone, both


def main() -> None:
    """Show the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="write tools/speed/results and docs/speed.md")
    given = parser.parse_args()
    rows = []
    for job, name, title in WORK:
        alone, both = (statistics.median(seconds) for seconds in compared(job, name, given.steps))
        rows.append((title, f"{alone:.3f}", f"{both:.3f}", f"{both / alone:.2f}"))
    note = (
        f"Medians of {2 * given.steps} steps each (n), in turn, in processes of one thread. Processes that need no "
        "memory outside a core slow each other only if the machine's cores are not whole cores, or run at a lower "
        "clock when all are busy."
    )
    header = ("a step", "seconds, one process", "seconds, two processes at once", "ratio")
    report.show(
        report.Section(
            "side-by-side", "python -m tools.speed.side_by_side", "Two processes on two cores", header, rows, note,
            report.versions("torch"),
        ),
        given.write,
    )  # fmt: skip


if __name__ == "__main__":
    main()
