"""Which protocols are asked for, what they need, and which of that can be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.feature import Feature, features
from fhpt_bench.protocol import Protocol, protocols
from fhpt_bench.record import BenchmarkPart, fingerprint


@dataclass(frozen=True)
class Step:
    """One protocol to run.

    Args:
        protocol: made with its variant.
        features: the classes it looks through, by id.
        fingerprint: of its scores.
        skip: why it cannot run (weights, settings or training images that are not to be had), or None.
    """

    protocol: Protocol
    features: dict[str, type[Feature]]
    fingerprint: str
    skip: str | None = None


def select_protocols(chosen: str | Sequence[str], benchmark: Benchmark) -> tuple[tuple[str, str | None], ...]:
    """Split a selection into (id, variant) and look each id up, importing nothing.

    Args:
        chosen: "all" (the benchmark's list), or `id` and `id:variant` with commas between, or a sequence of them.
        benchmark: whose list "all" is.

    Raises:
        UserError: where an id is unknown or nothing is chosen.
    """
    names = chosen.split(",") if isinstance(chosen, str) else list(chosen)
    names = [name.strip() for name in names if name.strip()]
    if names == ["all"]:
        names = list(benchmark.protocols)
    if not names:
        raise UserError("No protocol is chosen: give --protocols all, or some of `fhpt-bench protocols`.")
    selection = []
    for name in dict.fromkeys(names):
        plugin, _, variant = (name, "", "") if ".py:" in name else name.partition(":")
        protocols.find(plugin)
        selection.append((plugin, variant or None))
    return tuple(selection)


def load_protocols(selection: Sequence[tuple[str, str | None]]) -> tuple[Protocol, ...]:
    """Make the protocols of a selection.

    Args:
        selection: from `select_protocols`.

    Raises:
        UserError: where a plugin is broken or has no such variant.
    """
    return tuple(protocols.load(plugin)(variant) for plugin, variant in selection)


def make_plan(chosen: Sequence[Protocol], setting: Benchmark, benchmark: BenchmarkPart) -> tuple[Step, ...]:
    """Fetch the weights that protocols need.

    Args:
        chosen: from `load_protocols`.
        setting: the benchmark on which they are to be measured.
        benchmark: what a record says of it.

    Returns:
        One step a protocol and variant; those whose weights, settings or training images are not to be had say so.

    Raises:
        UserError: where a feature is broken.
    """
    steps: dict[str, Step] = {}
    digests: dict[str, str] = {}
    missing: dict[str, str] = {}  # weights -> reason; each is tried once, however many look through it
    for protocol in chosen:
        needed = {name: features.load(name) for name in protocol.features}
        names = [*protocol.weights, *(w for feature in needed.values() for w in feature.spec.weights)]
        skip = protocol.lacks(setting)
        for name in names:
            if name not in digests:
                try:
                    digests[name] = weights.fetch(name)
                except weights.WeightsMissing as error:
                    digests[name], missing[name] = "absent", str(error).splitlines()[0]
            skip = skip or missing.get(name)
        identities = [feature.spec.identity(digests) for feature in needed.values()]
        own = {name: digests[name] for name in protocol.weights}
        mark = fingerprint(protocol.card, benchmark, identities, own)
        steps.setdefault(protocol.card.key, Step(protocol, needed, mark, skip))
    return tuple(steps.values())
