"""The claims of the paper's Section V, compared with records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fhpt_bench.protocol import MetricCard
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.schema import ScoreEntry
from fhpt_bench.records.score_difference import Comparison, compare_scores
from fhpt_bench.reporting.formatting import badges, score_format
from leaderboards.columns import find_columns
from leaderboards.paper.choice import Choice
from leaderboards.paper.contents import (
    COARSE,
    CURVES,
    DSC,
    END2END,
    FULL,
    GALLERIES,
    NO_FACE,
    PATN,
    PB_FIXED,
    PB_ONLY,
    PERCEPTUAL,
    TEXTURE64,
    Measure,
    System,
)
from leaderboards.paper.tables import fill

Answer = Literal["holds", "does not hold", "cannot be told"]
_SSIM, _IS, _FID, _LPIPS = PERCEPTUAL
_FACE = (Measure(("face-id:canonical:face-id",)), Measure(("face-id:canonical:acc@0.6",)))
_RECALL = tuple(Measure(tuple(key for key in GALLERIES if network in key)) for network in ("resnet50", "vgg16"))
_GENDER = Measure(("gender-bias:canonical:gender-bias",))
_ABLATIONS = (PB_ONLY, TEXTURE64, PB_FIXED, END2END)

_INTRODUCTION = """# Claims of the paper

What [the records that ship](../leaderboards/reference/README.md) say of the claims of Section V of Yang et al.,
arXiv:2005.12494. Measured on {heading}. Made by `python -m tools.docs.claims`; do not edit.

A part of a claim *holds* if the 95 % interval of the paired difference, over people, excludes 0 on its side; for scores
of the whole set (FD, IS), if the two 95 % intervals do not overlap. It *does not hold* if the same is true of the other
side. Otherwise it *cannot be told*. A claim holds if all its parts hold, and does not hold if one part does not.

The people are rendered, the networks are small and were trained for different times
([baselines](baselines.md#what-ships)): nothing here confirms or refutes what the paper measured on DeepFashion.

| claim | in the paper | answer |
|---|---|---|"""


@dataclass(frozen=True)
class Part:
    """One comparison that a claim implies.

    Args:
        a: the system that is said to be better.
        b: the other.
        measure: by which score.
        worse: the claim is that `a` is worse than `b`.
    """

    a: System
    b: System
    measure: Measure
    worse: bool = False


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Args:
        text: in our words.
        where: where the paper makes it.
        parts: what it implies; it holds if all of them hold.
    """

    text: str
    where: str
    parts: tuple[Part, ...]


CLAIMS = (
    Claim(
        "The full network is better than each ablation on FID and LPIPS", "Table II",
        tuple(Part(FULL, ablation, measure) for ablation in _ABLATIONS for measure in (_FID, _LPIPS)),
    ),
    Claim("Even the coarse image is better than PATN's on FID", "Table III", (Part(COARSE, PATN, _FID),)),
    Claim(
        "SSIM and IS fall when details are added", "Table III",
        tuple(Part(FULL, COARSE, measure, worse=True) for measure in (_SSIM, _IS)),
    ),
    Claim(
        "Keypoints of body, face and hands are closer than with the transfer branch alone", "Figure 7",
        # The face without the module that is given the landmarks: the paper claims it "even without" them.
        tuple(Part(NO_FACE if key.endswith("face") else FULL, PB_ONLY, Measure((key,))) for key in CURVES),
    ),
    Claim(
        "The face module improves the identity of faces", "Table IV",
        tuple(Part(FULL, NO_FACE, measure) for measure in _FACE),
    ),
    Claim(
        "DSC retrieves better than PATN, in spite of its looks (FID)", "Table V",
        (*(Part(DSC, PATN, measure) for measure in _RECALL), Part(DSC, PATN, _FID, worse=True)),
    ),
    Claim(
        "The gender error falls from DSC to PATN to DRN", "Table VI",
        (Part(FULL, PATN, _GENDER), Part(PATN, DSC, _GENDER)),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """What the records say of one part of a claim.

    Args:
        part: the part.
        answer: whether it holds.
        score: name and variant of the score, or "".
        values: both values with their intervals, as text, or "".
        difference: a - b with its 95 % interval, or "" for a score of the whole set.
        n: number of pairs behind the comparison; 0 if there is none.
        reason: why it cannot be told, or "".
    """

    part: Part
    answer: Answer
    score: str = ""
    values: str = ""
    difference: str = ""
    n: int = 0
    reason: str = ""


def examine(claim: Claim, choice: Choice) -> list[Finding]:
    """Compare the systems of a claim, part by part.

    With values by pair, a part holds if the 95 % interval of the paired difference excludes 0 on its side; for scores
    of the whole set, if the two 95 % intervals do not overlap. It does not hold if the same is true of the other side.

    Args:
        claim: the claim.
        choice: the records.
    """
    return [_examine(part, choice) for part in claim.parts]


def verdict(findings: Sequence[Finding]) -> Answer:
    """The answer to a claim: it holds if all parts hold, and does not hold if one part does not.

    Args:
        findings: of its parts, at least one.
    """
    answers = {finding.answer for finding in findings}
    if "does not hold" in answers:
        return "does not hold"
    return "holds" if answers == {"holds"} else "cannot be told"


def _examine(part: Part, choice: Choice) -> Finding:
    missing = [system.model for system in (part.a, part.b) if system.model not in choice.measured]
    if missing:
        return Finding(part, "cannot be told", reason=f"no record of {' and '.join(missing)}")
    pair = [choice.measured[system.model] for system in (part.a, part.b)]
    records = [record for record, _ in pair]
    filled = fill(part.measure, find_columns(records), pair, choice)
    if filled.column is None or filled.ranking is None:
        return Finding(part, "cannot be told", reason=f"neither record has {part.measure.keys[0]}")
    scores = [cell.score if cell else None for cell in filled.ranking.cells]
    a, b = scores
    if a is None or b is None or a.value is None or b.value is None:
        return Finding(part, "cannot be told", reason=f"the records have no comparable {filled.column.key}")
    metric = standing(records[0], a).metric
    if metric is None:
        return Finding(part, "cannot be told", reason=f"this version of {a.protocol} is not installed")
    found = compare_scores(a, b, pair[0][1].get(a.key), pair[1][1].get(a.key), metric.higher_is_better)
    name = f"{a.label} {'↑' if metric.higher_is_better else '↓'} ({a.variant})"
    return Finding(
        part,
        _answer(found, part.worse),
        name,
        _values(a, b, metric),
        _difference(found, metric),
        _count(found, a, b),
        _reason(found),
    )


def _answer(found: Comparison, worse: bool) -> Answer:
    expected, opposite = ("worse", "better") if worse else ("better", "worse")
    answers: Mapping[str | None, Answer] = {expected: "holds", opposite: "does not hold"}
    return answers.get(found.verdict, "cannot be told")


def _values(a: ScoreEntry, b: ScoreEntry, metric: MetricCard) -> str:
    spec = score_format([score.value for score in (a, b) if score.value is not None], metric)
    texts = []
    for score in (a, b):
        interval = f" [{score.interval[0]:{spec}}, {score.interval[1]:{spec}}]" if score.interval else ""
        texts.append(f"{score.value:{spec}}{interval}")
    return " and ".join(texts)


def _difference(found: Comparison, metric: MetricCard) -> str:
    if found.paired is None:
        return ""
    spec = f"+{score_format([found.value_a, found.value_b], metric)}"
    text = f"{found.value_a - found.value_b:{spec}}"
    interval = found.paired.interval
    return text if interval is None else f"{text} [{interval.low:{spec}}, {interval.high:{spec}}]"


def _count(found: Comparison, a: ScoreEntry, b: ScoreEntry) -> int:
    return found.paired.n if found.paired is not None else min(a.n, b.n)


def _reason(found: Comparison) -> str:
    if found.verdict == "tie":
        return "the interval includes 0" if found.paired is not None else "the intervals overlap"
    return found.reason


def claims_page(choice: Choice, heading: str) -> str:
    """The page of all claims, as Markdown.

    Args:
        choice: the records.
        heading: what was measured: benchmark, version, number of pairs.

    Returns:
        A table of the claims with their answers, and one table for each claim with its parts.
    """
    findings = {claim: examine(claim, choice) for claim in CLAIMS}
    lines = [
        *_INTRODUCTION.format(heading=heading).splitlines(),
        *(f"| {claim.text} | {claim.where} | {verdict(found)} |" for claim, found in findings.items()),
    ]
    for claim, found in findings.items():
        lines += ["", f"## {claim.text}", "", "| part | score | values | difference | n | answer |"]
        lines += ["|---|---|---|---|--:|---|", *(_line(finding, choice) for finding in found)]
    return "\n".join([*lines, ""])


def _line(finding: Finding, choice: Choice) -> str:
    part = finding.part
    text = f"{_name(part.a, choice)} {'worse' if part.worse else 'better'} than {_name(part.b, choice)}"
    answer = finding.answer + (f": {finding.reason}" if finding.reason else "")
    score = finding.score or part.measure.keys[0]
    return f"| {text} | {score} | {finding.values} | {finding.difference} | {finding.n or ''} | {answer} |"


def _name(system: System, choice: Choice) -> str:
    """A model with what a reader must know of it."""
    marks = badges(choice.measured[system.model][0].model) if system.model in choice.measured else []
    return f"`{system.model}` ({', '.join(marks)})" if marks else f"`{system.model}`"
