"""Measuring the images of a record again, to see whether its numbers belong to them."""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from fhpt_bench.benchmark import Benchmark, benchmarks, load_benchmark
from fhpt_bench.errors import UserError, name_some
from fhpt_bench.evaluation.engine import evaluate
from fhpt_bench.evaluation.generated_folder import AUTO, GeneratedFolder, match_folder
from fhpt_bench.protocol import Protocol, protocols
from fhpt_bench.records.pair_table import images_digest, read_pair_values
from fhpt_bench.records.schema import CardPart, Record
from fhpt_bench.records.validation.checks import Check, judge
from fhpt_bench.records.validation.installed import expected_fingerprint

# Chosen, not measured: room for networks on another kind of CPU, and for one pair of a share.
_TOLERANCE = 2e-3
# The share of pairs that may differ by more: a keypoint that is close to a threshold changes sides on another CPU.
_ODD_PAIRS = 0.05
_NAME = "measured again"


def remeasure(
    record: Record,
    data_root: Path | None = None,
    progress: bool = False,
    images: Path | None = None,
    share: float = 1.0,
) -> list[Check]:
    """Measure a record's images with the installed protocols, and compare the numbers.

    Nothing is written into the folder of the record or that of the images. Only registered benchmarks and protocols are
    used, since a path in a record could run code.

    Args:
        record: a record in its folder.
        data_root: the folder of the benchmark's data, if it does not ship with the package.
        progress: show progress bars.
        images: the folder of the generated images, in any layout of `evaluate`; default: `images/` of the record.
        share: the share of the pairs that is measured, above 0 and at most 1. If it is 1, scores are compared; below,
            the values of pairs chosen at random, for protocols that have such values and in which a pair's value does
            not depend on the other pairs.

    Returns:
        What belongs to the images, what does not, and what cannot be measured here.

    Raises:
        UserError: if `images` is given and cannot be used.
    """
    part, folder = record.benchmark, images or (record.folder or Path()) / "images"
    chosen = [f"{card.id}:{card.variant}" for card in record.protocols if _is_known(card)]
    if (not folder.is_dir() and images is None) or part.id not in benchmarks.entries() or not chosen:
        return [Check("cannot", _NAME, "its images, its benchmark or its protocols are not here")]
    try:
        benchmark = load_benchmark(part.id, data_root, part.limit, part.subset)
        resize = record.model.folder.resize if record.model.folder and images is not None else None
        layout = AUTO if images is not None else "plain"
        found = match_folder(folder, benchmark, layout, resize, allow_missing=part.missing > 0)
        checks = _pixels(record, found, benchmark, progress) if images is not None else []
        if any(check.status == "WRONG" for check in checks):
            return checks
        with tempfile.TemporaryDirectory() as place:
            if share < 1:
                return [*checks, *_compare_pairs(record, found, benchmark, data_root, share, Path(place), progress)]
            again = evaluate(
                folder, "again", part.id, chosen, data_root=data_root, subset=part.subset, limit=part.limit,
                out=Path(place) / "run", progress=progress, layout=found.layout, resize=resize,
                allow_missing=part.missing > 0,
            )  # fmt: skip
    except UserError as error:
        if images is not None:
            raise
        return [Check("cannot", _NAME, str(error))]
    return [*checks, *_compare_scores(record, again)]


def _is_known(card: CardPart) -> bool:
    """Whether a card's protocol and variant are installed; an encoder of somebody else's is not."""
    if card.id not in protocols.entries():
        return False
    try:
        return card.variant in protocols.load(card.id).variants
    except UserError:
        return False


def _pixels(record: Record, found: GeneratedFolder, benchmark: Benchmark, progress: bool) -> list[Check]:
    """Whether a folder of images has the pixels that were measured."""
    if record.pairs.images_sha256 is None:
        return [Check("cannot", "pixels", "the record has no digest of its images")]
    same = images_digest(found.check(benchmark, progress).digests) == record.pairs.images_sha256
    problems = [] if same else [f"the images in {found.path} are not those that were measured"]
    return judge("pixels", problems, f"the measured ones, for each of {len(found.files)} pairs")


def _compare_pairs(
    record: Record, found: GeneratedFolder, benchmark: Benchmark, data_root: Path | None, share: float, place: Path,
    progress: bool,
) -> list[Check]:  # fmt: skip
    """Measure pairs chosen at random, and compare their values with those of the record."""
    kinds = {card.id: protocols.load(card.id) for card in record.protocols if card.id in protocols.entries()}
    chosen = [
        f"{card.id}:{card.variant}"
        for card in record.protocols
        if card.id in kinds and card.variant in kinds[card.id].variants and _has_pairs(kinds[card.id](card.variant))
    ]
    if not chosen:
        return [Check("cannot", _NAME, "none of its protocols has values by pair that can be measured alone")]
    # Not seeded: an author must not know which pairs are measured.
    held = [pair for pair in benchmark.pairs if pair.id in found.files]
    pairs = random.SystemRandom().sample(held, max(1, math.ceil(share * len(held))))
    (place / "images").mkdir()
    for pair in pairs:
        Image.fromarray(found.read(pair)).save(place / "images" / f"{pair.id}.png", compress_level=1)
    part = record.benchmark
    again = evaluate(
        place / "images", "again", part.id, chosen, data_root=data_root, subset=part.subset, limit=part.limit,
        out=place / "run", progress=progress, layout="plain", allow_missing=True,
    )  # fmt: skip
    said = read_pair_values(record.folder or Path(), record.pairs.rows)
    here = read_pair_values(place / "run", again.pairs.rows)
    alike = set(_alike(record, again))
    problems, odd = [], []
    for key in sorted(alike & said.keys() & here.keys()):
        names = here[key].index
        one, two = said[key].reindex(names), here[key]
        far = ((one["skipped"] == "") != (two["skipped"] == "")) | (one["weight"].fillna(0) != two["weight"].fillna(0))
        a, b = one["value"].to_numpy(float), two["value"].to_numpy(float)
        far |= np.abs(a - b) > _TOLERANCE * np.maximum(np.abs(a), np.abs(b))
        if far.sum() > max(1.0, _ODD_PAIRS * len(names)):
            first = names[far.to_numpy()][0]
            problems.append(
                f"{key} differs in {int(far.sum())} of {len(names)} pairs: {first} has {one['value'][first]!r}, its "
                f"image gives {two['value'][first]!r}"
            )
        elif far.any():
            odd.append(f"{key} ({int(far.sum())})")
    measured = len(alike & said.keys() & here.keys())
    detail = f"{measured} scores, in {len(pairs)} of {len(held)} pairs, chosen at random"
    checks = judge(_NAME, problems, f"{detail}{': equal but in few pairs of ' if odd else ''}{name_some(odd, 10)}")
    left = [score.key for score in record.scores if score.status == "ok" and score.key not in alike & here.keys()]
    if left:
        checks.append(Check("cannot", _NAME, f"needs all pairs, or is measured otherwise here: {name_some(left, 10)}"))
    return checks


def _has_pairs(protocol: Protocol) -> bool:
    return not protocol.depends_on_set and any(metric.per_pair for metric in protocol.card.metrics)


def _alike(record: Record, again: Record) -> Iterator[str]:
    """The scores that are measured here as they were, but for the pairs."""
    here = {score.key: score for score in again.scores}
    for score in record.scores:
        other = here.get(score.key)
        expected = expected_fingerprint(record, score, again.provenance.weights)
        if score.status != "ok" or other is None or expected is None or expected.digits != score.fingerprint:
            continue
        said, used = record.card(score), again.card(other)
        if said is not None and used is not None and said.features == used.features:
            yield score.key


def _compare_scores(record: Record, again: Record) -> list[Check]:
    differing, unknown = list(_differing(record, again)), list(_unknown(record, again))
    same = sum(score.status == "ok" for score in record.scores) - len(differing) - len(unknown)
    checks = judge(_NAME, differing, f"{same} scores belong to the images")
    if unknown:
        detail = f"another fingerprint or no value here: {name_some(unknown, 10)}"
        checks.append(Check("cannot", _NAME, detail))
    return checks


def _unknown(record: Record, again: Record) -> Iterator[str]:
    found = {score.key: score for score in again.scores}
    for score in record.scores:
        here = found.get(score.key)
        if score.status == "ok" and (here is None or here.value is None or here.fingerprint != score.fingerprint):
            yield score.key


def _differing(record: Record, again: Record) -> Iterator[str]:
    unknown, found = set(_unknown(record, again)), {score.key: score for score in again.scores}
    for score in record.scores:
        if score.value is None or score.key in unknown:
            continue
        value = found[score.key].value or 0.0
        if abs(score.value - value) > _TOLERANCE * max(abs(score.value), abs(value)) + 1 / max(score.n, 1):
            yield f"{score.key} is {score.value!r}, its images give {value!r}"
