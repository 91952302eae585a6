"""Images with a known defect, wrong or faithful: which score prefers a wrong image to a faithful one.

The wrong ones show another pose or no person; the faithful ones show the right person in the right pose, of less
quality. Those that are a damage at one of its strengths are not measured twice; the others are models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fhpt_bench.data.images import encode_png
from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from fhpt_bench.progress import progress_bar
from fhpt_bench.records.score_difference import compare_scores
from fhpt_bench.significance import LEVEL, holm
from protocols.audit.findings import AuditedScore, audited_score, same_score

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from fhpt_bench.benchmark import Benchmark
    from fhpt_bench.evaluation.model_images import ModelImages
    from fhpt_bench.records.pair_table import PairValues
    from fhpt_bench.records.schema import Record
    from protocols.audit.damage import Damage


@dataclass(frozen=True)
class Adversary:
    """Images with a known defect.

    Args:
        name: the name of the model that makes them.
        title: what they show.
        faithful: whether they show the right person in the right pose.
        damage: the damage and the strength that make the same images; None if the model is run.
    """

    name: str
    title: str
    faithful: bool
    damage: tuple[str, float] | None = None


ADVERSARIES = (
    Adversary("copy-source", "the source image: another pose", False, ("other-pose", 1.0)),
    Adversary("mean-image", "the mean of the training images: no person", False),
    Adversary("blur-2", "the target image, blurred with a sigma of 2 pixels", True, ("blur", 2)),
    Adversary("jpeg-75", "the target image as a JPEG of quality 75", True, ("jpeg", 75)),
    Adversary("autoencoder", "the target image through an autoencoder", True),
)
_BATCH = 16
MODELS = tuple(adversary.name for adversary in ADVERSARIES if adversary.damage is None)


@dataclass(frozen=True)
class Standing:
    """What one score says of the adversaries, and of other models.

    Args:
        score: the score.
        real: its value of the undamaged images.
        values: name of the adversary or model -> value and number of pairs; only of those that have a comparable value.
        fooled: (wrong, faithful) adversaries of which the wrong one is significantly better, with Holm's correction
            for all such comparisons of the score.
        compared: number of (wrong, faithful) pairs that could be compared.
    """

    score: AuditedScore
    real: float
    values: Mapping[str, tuple[float, int]]
    fooled: tuple[tuple[str, str], ...]
    compared: int


def folders(damages: Sequence[Damage], painted: Sequence[str]) -> dict[str, str]:
    """Name of each adversary or model that is measured -> name of its folder.

    Args:
        damages: the kinds of damage that are measured.
        painted: names of the models that are measured.
    """
    known = {damage.name: damage.strengths for damage in damages}
    found = {name: painted_folder(name) for name in painted}
    for adversary in ADVERSARIES:
        if adversary.damage is not None and adversary.damage[0] in known:
            name, strength = adversary.damage
            found[adversary.name] = f"{name}-{known[name].index(strength) + 1}"
    return found


def painted_folder(model: str) -> str:
    """The name of a model's folder; "blur-2" is both a model and the second strength of a damage."""
    return f"model-{model}"


def load(names: Sequence[str], benchmark: Benchmark) -> tuple[dict[str, ModelImages], dict[str, str]]:
    """Make the models that can generate a benchmark's images; name -> its images, and name -> reason of the others.

    Args:
        names: registered names.
        benchmark: the benchmark.

    Raises:
        UserError: if there is no model of a name.
    """
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.evaluation.model_images import ModelImages, find_model

    real = RealImages(benchmark.folder, benchmark.image_size, {})
    made: dict[str, ModelImages] = {}
    refused: dict[str, str] = {}
    for name in dict.fromkeys(names):
        find_model(name)
        try:
            made[name] = ModelImages(name, benchmark, real)
        except UserError as error:
            refused[name] = str(error)
    return made, refused


def paint(name: str, images: ModelImages, benchmark: Benchmark, folder: Path, progress: bool) -> None:
    """Write a model's images of a benchmark's pairs as PNG files.

    Args:
        name: its name.
        images: makes them.
        benchmark: the benchmark with the chosen pairs.
        folder: where to write.
        progress: show a progress bar.

    Raises:
        UserError: if the model fails, or a file cannot be written.
    """
    import torch

    with progress_bar(name, len(benchmark.pairs), progress) as done, torch.inference_mode():
        for number, start in enumerate(range(0, len(benchmark.pairs), _BATCH)):
            pairs = benchmark.pairs[start : start + _BATCH]
            for pair, image in zip(pairs, images.make(images.begin(number, pairs)), strict=True):
                write_bytes(folder / f"{pair.id}.png", encode_png(image))
            done(len(pairs))


def judge(real: tuple[Record, PairValues], measured: Mapping[str, tuple[Record, PairValues]]) -> list[Standing]:
    """What every score of a record says of the adversaries.

    Args:
        real: the record of the undamaged images, with its values by pair.
        measured: name of the adversary or model -> its record.

    Returns:
        One for each score that has a value for the undamaged images and for an adversary, with one fingerprint.
    """
    found = []
    wrong, faithful = ([a.name for a in ADVERSARIES if a.faithful == kind] for kind in (False, True))
    for score in real[0].scores:
        if score.value is None:
            continue
        kind = audited_score(real[0], score)
        entries = {name: entry for name, (record, _) in measured.items() if (entry := same_score(score, record))}
        tables: dict[str, pd.DataFrame | None] = {name: measured[name][1].get(score.key) for name in entries}
        pairs = [(a, b) for a in wrong for b in faithful if a in entries and b in entries]
        results = [
            compare_scores(entries[a], entries[b], tables[a], tables[b], kind.higher_is_better) for a, b in pairs
        ]  # fmt: skip
        sure = holm(np.array([result.p for result in results])) <= LEVEL
        fooled = tuple(
            pair for pair, result, certain in zip(pairs, results, sure, strict=True)
            if certain and result.verdict == "better"
        )  # fmt: skip
        values = {name: (entry.value, entry.n) for name, entry in entries.items() if entry.value is not None}
        if values:
            compared = sum(result.verdict is not None for result in results)
            found.append(Standing(kind, score.value, values, fooled, compared))
    return found


def section(found: Sequence[Standing], left_out: Mapping[str, str]) -> str:
    """The part of the report on adversaries, as Markdown; empty if none was measured.

    Args:
        found: what the scores say.
        left_out: name -> reason of the models that were not measured.
    """
    names = [a.name for a in ADVERSARIES if any(a.name in one.values for one in found)]
    found = [one for one in found if one.score.headline]
    if not names:
        return ""
    lines = [
        "## Adversaries",
        "",
        "Images with one known defect. A score is fooled if a wrong image (another pose, or no person) is",
        "significantly better than a faithful one of less quality (paired by person where there are values by pair,",
        "else by intervals that do not overlap; Holm's correction for the comparisons of a score).",
        "",
    ]
    for adversary in ADVERSARIES:
        kind = "faithful" if adversary.faithful else "wrong"
        if adversary.name in names:
            lines.append(f"- `{adversary.name}` ({kind}): {adversary.title}")
    lines += [f"- `{name}`: not measured: {reason}" for name, reason in left_out.items()]
    lines += ["", f"| score | real | {' | '.join(names)} | fooled by |", "|---|--:|" + "--:|" * len(names) + "---|"]
    for one in found:
        cells = [_cell(one.values.get(name)) for name in names]
        lines.append(f"| {one.score.key} | {one.real:.4g} | {' | '.join(cells)} | {_fooled(one)} |")
    return "\n".join(lines) + "\n"


def _cell(value: tuple[float, int] | None) -> str:
    return "" if value is None else f"{value[0]:.4g} (n={value[1]})"


def _fooled(one: Standing) -> str:
    if not one.compared:
        return "not known"
    by = {wrong: [b for a, b in one.fooled if a == wrong] for wrong, _ in one.fooled}
    return "; ".join(f"{wrong} (better than {', '.join(beaten)})" for wrong, beaten in by.items()) or "none"
