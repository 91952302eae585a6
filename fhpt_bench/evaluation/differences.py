"""What must be equal in all jobs and processes that share a run, and what differs, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fhpt_bench.devices import gpu_name
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.exchange import from_all
from fhpt_bench.evaluation.plan import Step
from fhpt_bench.evaluation.provenance import git_commit
from fhpt_bench.processes import Processes
from fhpt_bench.version import VERSION

Compared = tuple[str, Any, Any]  # what is compared, in words, and its two values


def measured_by(plan: Sequence[Step]) -> dict[str, str]:
    """The fingerprint of each protocol; "skipped" for one that cannot run here, which elsewhere it may.

    Args:
        plan: the protocols.
    """
    return {step.protocol.card.key: "skipped" if step.skip else step.fingerprint for step in plan}


def first_difference(compared: Iterable[Compared]) -> str | None:
    """The first of some values that are not equal, in words; None if all are.

    Args:
        compared: the values.

    Examples:
        >>> first_difference([("version", 1, 1), ("--batch-size", 4, 8)])
        '--batch-size (4 and 8)'
    """
    return next((f"{what} ({_short(x)} and {_short(y)})" for what, x, y in compared if x != y), None)


def of_runs(
    run: Mapping[str, Any], other: Mapping[str, Any], plan: Mapping[str, Any], other_plan: Mapping[str, Any]
) -> list[Compared]:
    """The parts of two runs' identities and plans.

    Args:
        run: the identity of a run.
        other: that of the other one.
        plan: protocol key -> fingerprint of the first.
        other_plan: of the other one.
    """
    return [
        *((f"the {name}", x, y) for name, x, y in _leaves(run, other)),
        *((f"the fingerprint of {name}", x, y) for name, x, y in _leaves(plan, other_plan)),
    ]


def check_alike(
    processes: Processes, identity: Mapping[str, Any], plan: Sequence[Step], batch_size: int, device: str
) -> None:
    """Refuse processes that would measure with other code, data, batches or GPUs than the first one.

    Args:
        processes: all of which must call this; after they were joined.
        identity: of the run.
        plan: the protocols.
        batch_size: pairs per batch.
        device: of this process. The last digits of GPUs of other names differ, and the main process would not find
            their vectors.

    Raises:
        UserError: in every process, if one of them differs from the main process.
    """
    if processes.count < 2:
        return
    version = f"{VERSION} {git_commit() or ''}".strip()
    first, *others = from_all((version, batch_size, dict(identity), measured_by(plan), gpu_name(device)))
    for rank, other in enumerate(others, 1):
        names = {"version": 0, "--batch-size": 1, "the GPU": 4}
        compared = [(name, first[place], other[place]) for name, place in names.items()]
        if problem := first_difference([*compared, *of_runs(first[2], other[2], first[3], other[3])]):
            raise UserError(
                f"Processes 0 and {rank} differ in {problem}: install, mount and give the same on all machines."
            )


def _leaves(a: Mapping[str, Any], b: Mapping[str, Any], path: str = "") -> list[Compared]:
    found: list[Compared] = []
    for name in sorted({*a, *b}):
        x, y = a.get(name), b.get(name)
        if isinstance(x, dict) and isinstance(y, dict):
            found += _leaves(x, y, f"{path}{name}.")
        else:
            found.append((f"{path}{name}", x, y))
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if re.fullmatch(r"[0-9a-f]{32,}", text) else text
