"""The chosen protocols, what they need, and which of it is available."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.feature import Feature, SuppliedFeature
from fhpt_bench.plugin_code import file_digest
from fhpt_bench.protocol import Protocol, ProtocolCard, View, protocols
from fhpt_bench.records.fingerprint import fingerprint
from fhpt_bench.records.schema import BenchmarkPart

LITERATURE = "literature"
Selection = tuple[tuple[str, str | None], ...]  # (protocol id or path, variant or None for the default)


@dataclass(frozen=True)
class Step:
    """One protocol to run.

    Args:
        protocol: the protocol, created with its variant.
        features: id -> class of the features that it uses, without those that are supplied.
        fingerprint: the fingerprint of its scores.
        skip: why it cannot run (missing weights, training images, or parts of the benchmark), or None.
        supplied: feature id -> the values that the user supplies in its place.
    """

    protocol: Protocol
    features: dict[str, type[Feature]]
    fingerprint: str
    skip: str | None = None
    supplied: Mapping[str, SuppliedFeature] = field(default_factory=dict)

    @property
    def card(self) -> ProtocolCard:
        """The protocol's card with the features that this run uses."""
        card = self.protocol.card
        seen = tuple(self.supplied[name].spec.id if name in self.supplied else name for name in card.features)
        return replace(card, features=seen)


def by_view(steps: Sequence[Step]) -> dict[View | None, list[Step]]:
    """Protocols by what they see of the images; None: the whole images.

    Args:
        steps: the protocols.
    """
    groups: dict[View | None, list[Step]] = {}
    for step in steps:
        groups.setdefault(step.protocol.view, []).append(step)
    return groups


def of_real_images(steps: Sequence[Step], benchmark: Benchmark) -> list[Step]:
    """The steps with only the features that they need of the benchmark's own images.

    The protocols of a view are left out: they need no vectors of these images.

    Args:
        steps: the protocols.
        benchmark: the benchmark.
    """
    found = []
    for step in by_view(steps).get(None, []):
        needed = step.protocol.features_of_real(benchmark)
        found.append(replace(step, features={name: kind for name, kind in step.features.items() if name in needed}))
    return found


def select_protocols(chosen: str | Sequence[str], benchmark: Benchmark) -> Selection:
    """Split a selection into (id, variant) and look each id up without importing it.

    Args:
        chosen: "all" (the benchmark's list), or `id` and `id:variant` separated by commas, or a sequence of them.
        benchmark: its list is "all".

    Raises:
        UserError: if an id is unknown or nothing is chosen.
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


def load_protocols(selection: Selection, variants: str | None = None) -> tuple[Protocol, ...]:
    """Create the protocols of a selection.

    Args:
        selection: from `select_protocols`.
        variants: None for the chosen ones only; `LITERATURE` adds every variant that papers have used
            (`Protocol.used_by`) and the first variant, in the order of the card.

    Returns:
        One protocol per id and variant, without repeats.

    Raises:
        UserError: if a plugin is broken or has no such variant, two protocols have one id, or a file that the user
            names for one of them cannot be used.
    """
    if variants not in (None, LITERATURE):
        raise UserError(f"Unknown variants {variants!r}: give {LITERATURE}, or leave it out.")
    made = [protocols.load(plugin)(variant) for plugin, variant in selection]
    for (plugin, _), protocol in zip(selection, made, strict=True):
        if ".py:" in plugin and protocol.id in protocols.entries():
            raise UserError(
                f"The protocol {plugin} has the id of the installed protocol {protocol.id!r}, for which its numbers "
                "would be taken: give it another id."
            )
    chosen: dict[str, Protocol] = {}
    for protocol in made:
        added = []
        if variants == LITERATURE:
            kind = type(protocol)
            wanted = {next(iter(kind.variants)), *kind.used_by, *(p.variant for p in made if type(p) is kind)}
            added = [kind(variant) for variant in kind.variants if variant in wanted]
        for one in (*added, protocol):
            if type(chosen.setdefault(one.card.key, one)) is not type(one):
                raise UserError(f"Two of the chosen protocols have the id {one.id!r}: give one of them another id.")
    for protocol in chosen.values():
        if problem := protocol.wrong_file():
            raise UserError(problem)
    return tuple(chosen.values())


def make_plan(
    chosen: Sequence[Protocol],
    benchmark: Benchmark,
    part: BenchmarkPart,
    supplied: Mapping[str, SuppliedFeature],
) -> tuple[Step, ...]:
    """Fetch the weights that the protocols need, and compute the fingerprints.

    Args:
        chosen: from `load_protocols`.
        benchmark: the benchmark on which they are measured.
        part: what the record says of it.
        supplied: feature id -> the values that the user supplies in its place.

    Returns:
        One step per protocol and variant; a step that cannot run has a reason.

    Raises:
        UserError: if a feature is broken, or no chosen protocol uses the supplied values.
    """
    if supplied and not any(name in supplied for protocol in chosen for name in protocol.features):
        raise UserError(
            "--keypoints is given, but no chosen protocol uses keypoints: leave it out, or choose one that does."
        )
    steps: dict[str, Step] = {}
    digests: dict[str, str] = {}
    missing: dict[str, str] = {}  # weights -> reason; each is tried once, even if several protocols use it
    for protocol in chosen:
        needed = {name: protocol.feature_class(name) for name in protocol.features if name not in supplied}
        names = [*protocol.weights, *(w for feature in needed.values() for w in feature.spec.weights)]
        skip = protocol.lacks(benchmark) or next(filter(None, (feature.missing() for feature in needed.values())), None)
        for name in names:
            if name not in digests:
                try:
                    digests[name] = weights.fetch(name)
                except weights.WeightsMissing as error:
                    digests[name], missing[name] = "absent", str(error).splitlines()[0]
            skip = skip or missing.get(name)
        origins = [supplied[name].spec if name in supplied else needed[name] for name in protocol.features]
        identities = [origin.identity(digests) for origin in origins]
        own = {name: digests[name] for name in protocol.weights}
        digest = fingerprint(protocol.card, part, identities, own, file_digest(type(protocol)))
        steps.setdefault(protocol.card.key, Step(protocol, needed, digest, skip, supplied))
    return tuple(steps.values())
