"""A record checked against this installation: its benchmark's pairs and pixels, its weights, its fingerprints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark, benchmarks, load_benchmark
from fhpt_bench.data.subsets import SUBSETS
from fhpt_bench.errors import UserError
from fhpt_bench.feature import FeatureSpec, features, supplied_features
from fhpt_bench.protocol import Protocol, protocols
from fhpt_bench.records.fingerprint import describe, fingerprint
from fhpt_bench.records.pair_table import PAIRS_FILE
from fhpt_bench.records.schema import CardPart, Record, ScoreEntry
from fhpt_bench.records.validation.checks import Check, judge

if TYPE_CHECKING:
    import pandas as pd


def installed_checks(record: Record, people: pd.Series[str] | None, data_root: Path | None = None) -> list[Check]:
    """Check what can be checked only if the same benchmark, protocols and weights are installed.

    Args:
        record: from `read_record`.
        people: the person of each pair by pair id, from its `pairs.csv`; None if that cannot be read.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
    """
    return [*_benchmark(record, people, data_root), *_weights(record), *_recomputed_fingerprints(record)]


def _benchmark(record: Record, people: pd.Series[str] | None, data_root: Path | None) -> list[Check]:
    """Check against the installed benchmark; only registered names are looked up, because a path could run code."""
    part = record.benchmark
    if part.id not in benchmarks.entries():
        return [Check("cannot", "benchmark", f"{part.id} is not installed here")]
    try:
        benchmark = load_benchmark(part.id, data_root)
        if benchmark.version != part.version:
            detail = f"version {part.version} is not installed here (found {benchmark.version})"
            return [Check("cannot", "benchmark", detail)]
        if part.subset not in (None, *SUBSETS):
            return [Check("WRONG", "benchmark", f"{part.id} has no subset {part.subset!r}")]
        if part.limit is not None and part.limit < 1:
            return [Check("WRONG", "benchmark", f"its limit is {part.limit}")]
        benchmark = benchmark.restricted(part.subset).limited(part.limit)
        if part.missing:
            if people is None:
                return [Check("cannot", "benchmark", f"{PAIRS_FILE}, which lists the measured pairs, is missing")]
            benchmark = benchmark.only(people.index)
        problems = list(_setting(record, benchmark, people))
    except UserError as error:
        return [Check("cannot", "benchmark", str(error))]
    return judge("benchmark", problems, f"{part.id} {part.version}: the same pairs, people, keypoints and pixels")


def _setting(record: Record, benchmark: Benchmark, people: pd.Series[str] | None) -> Iterator[str]:
    part = record.benchmark
    train = benchmark.train_image_digests() if part.train_sha256 else {}
    here = describe(benchmark, benchmark.image_digests(), train)
    if part.title != here.title:
        yield f"its title is {part.title!r}, that of the installed one {here.title!r}"
    if part.n_pairs != here.n_pairs:
        yield f"it has {part.n_pairs} pairs, the installed one {here.n_pairs}"
    if part.pairs_sha256 != here.pairs_sha256:
        yield f"the pair list has the digest {part.pairs_sha256[:12]}, the installed one {here.pairs_sha256[:12]}"
    if part.people not in (None, here.people):
        yield f"it has {part.people} people, the installed one {here.people}"
    if part.limit != here.limit:
        yield f"its limit is {part.limit}, which gives another number of pairs"
    if part.missing != here.missing:
        yield f"it lacks {part.missing} pairs by its record, {here.missing} by {PAIRS_FILE}"
    if part.image_size != here.image_size:
        yield f"its images are {part.image_size}, the installed ones {here.image_size}"
    if part.data_sha256 != here.data_sha256:
        what = "its images, keypoints and anchors have"
        yield f"{what} the digest {part.data_sha256[:12]}, those here {here.data_sha256[:12]}"
    if (part.landmarks_by, part.landmarks_sha256) != (here.landmarks_by, here.landmarks_sha256):
        yield f"its keypoints of face and hands are by {part.landmarks_by}, those here by {here.landmarks_by}"
    if part.train_sha256 != here.train_sha256:
        yield "its training images are not those of the installed benchmark"
    if people is not None and people.to_dict() != {pair.id: pair.person for pair in benchmark.pairs}:
        yield f"the pairs or people in {PAIRS_FILE} are not those of the installed benchmark"


def _weights(record: Record) -> list[Check]:
    named = record.provenance.weights
    here = {name: weights.digest(name) for name in named if name in weights.names()}
    absent = [name for name in named if not here.get(name)]
    differing = [name for name, digest in here.items() if digest and digest != named[name]]
    problems = [
        f"{name} has the digest {named[name][:12]}, the one here {(here[name] or '')[:12]}"
        for name in differing
        if name not in record.provenance.overrides
    ]
    own = [name for name in differing if name in record.provenance.overrides]
    checks = [Check("cannot", "weights", f"not here: {', '.join(absent)}")] if absent else []
    if own:
        checks.append(
            Check("cannot", "weights", f"the author's own files in place of the pinned ones: {', '.join(own)}")
        )
    if equal := len(named) - len(absent) - len(differing):
        checks += judge("weights", problems, f"{equal} are equal to the installed ones")
    elif problems:
        checks += judge("weights", problems, "")
    return checks


def _recomputed_fingerprints(record: Record) -> list[Check]:
    """A fingerprint follows from the installed protocol, the benchmark, and the digests that the record names."""
    problems, unknown, right = [], [], 0
    for score in record.scores:
        if score.status == "ok":
            said = record.card(score)
            expected = expected_fingerprint(record, score, record.provenance.weights)
            if expected is None:
                unknown.append(score.key)
            elif said is None or said.version != expected.version:
                if expected.digits == score.fingerprint:
                    problems.append(f"{score.key} has the fingerprint of version {expected.version} of its protocol")
                unknown.append(score.key)
            elif expected.digits == score.fingerprint:
                right += 1
            else:
                problems.append(f"{score.key} does not follow from its card, benchmark and weights")
    checks = []
    if unknown:
        why = "the same version of the protocol is not installed here"
        checks.append(Check("cannot", "fingerprint", f"{why}: {', '.join(unknown)}"))
    if problems or right:
        checks += judge("fingerprint", problems, f"{right} follow from card, benchmark and weights")
    return checks


@dataclass(frozen=True)
class Expected:
    """What this installation gives a score of a record: the version of the protocol, and the fingerprint's digits."""

    version: int
    digits: str


def expected_fingerprint(record: Record, score: ScoreEntry, digests: Mapping[str, str]) -> Expected | None:
    """The fingerprint that the installed protocol gives a score, or None where the same protocol is not installed.

    Args:
        record: the record.
        score: one of its scores.
        digests: name -> digest of the networks' weights.
    """
    said = record.card(score)
    if said is None or score.protocol not in protocols.entries():
        return None
    try:
        protocol = protocols.load(score.protocol)(score.variant)
        identities = [spec.identity(dict(digests)) for spec in _specs(protocol, said)]
        own = {weight: digests[weight] for weight in protocol.weights}
    except (UserError, KeyError):
        return None
    return Expected(protocol.card.version, fingerprint(protocol.card, record.benchmark, identities, own))


def _specs(protocol: Protocol, said: CardPart) -> list[FeatureSpec]:
    """The features that the record says it used, if they can take the place of the protocol's own."""
    if said.features == protocol.features:
        return [protocol.feature_class(name).spec for name in protocol.features]
    # The user may have supplied files in place of a feature.
    supplied = {kind.spec.id: kind for kind in map(supplied_features.load, supplied_features.entries())}
    if unknown := [name for name in said.features if name not in supplied and name not in features.entries()]:
        raise UserError(f"The feature {unknown[0]} is not installed here.")
    replaced = tuple(supplied[name].replaces if name in supplied else name for name in said.features)
    used = said.features if replaced == protocol.features else protocol.features
    return [supplied[name].spec if name in supplied else protocol.feature_class(name).spec for name in used]
