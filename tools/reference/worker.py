"""One training in a process of its own: `python -m tools.reference.worker FILE`, with its arguments as JSON."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from fhpt_bench.errors import UserError
from fhpt_bench.files import write_text
from fhpt_bench.training.train import train

FACTS = "facts.json"  # what the training returned, in its folder


def main(file: str) -> int:
    """Train until the time is over.

    Args:
        file: JSON: `deadline`, the time since the epoch at which training must stop (null for no limit); `recipe`,
            `out` and the other arguments of `fhpt_bench.training.train.train`.

    Returns:
        The exit code: 0, or 2 if an input cannot be used.
    """
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    deadline = given.pop("deadline")
    if deadline is not None:
        given["time_budget"] = max(1e-3, deadline - time.time())  # at least one iteration
    try:
        facts = train(**given)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    write_text(Path(given["out"]) / FACTS, json.dumps(facts, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
