"""The paper's claims on protocols, as far as an audit can test them.

Source: Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, arXiv:2005.12494,
Sections III and V.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from protocols.audit.advice import ORDERED, reliable
from protocols.audit.findings import Finding
from protocols.audit.groups import MILD, SERIOUS
from protocols.audit.results import Results

Row = Mapping[str, Finding]
_COMPARED = tuple(dict.fromkeys([*(name for name, _ in MILD), *SERIOUS]))  # without them nothing is compared


@dataclass(frozen=True)
class Part:
    """One testable part of a claim.

    Args:
        words: what is tested.
        key: the score.
        damages: names of the kinds of damage that it needs.
        fails: score's row and number of its confusions -> what fails; nothing if the part holds.
    """

    words: str
    key: str
    damages: tuple[str, ...]
    fails: Callable[[Row, int], list[str]]


def _sees(key: str, *names: str) -> Part:
    words = f"`{key}` notices {', '.join(names)} at strength 3 or weaker, in order"
    return Part(words, key, names, lambda row, _: [_seen(name, row[name]) for name in names if not reliable(row[name])])


def _ignores(key: str, *names: str) -> Part:
    words = f"`{key}` does not notice {', '.join(names)}"
    return Part(words, key, names, lambda row, _: [_seen(name, row[name]) for name in names if row[name].noticed_from])


def _confuses(key: str, expected: bool) -> Part:
    words = f"`{key}` is {'' if expected else 'never '}worse for mild than for serious damage"

    def fails(_: Row, count: int) -> list[str]:
        return [] if (count > 0) == expected else [f"{count} such couples of damages"]

    return Part(words, key, _COMPARED, fails)


def _fooled(key: str) -> Part:
    words = f"`{key}` is better with some damage, or does not notice half of the kinds of damage"

    def fails(row: Row, _: int) -> list[str]:
        unseen = sum(finding.noticed_from is None for finding in row.values())
        if unseen >= len(row) / 2 or any(any(finding.better) for finding in row.values()):
            return []
        return [f"{unseen} of {len(row)} not noticed, none better"]

    return Part(words, key, (), fails)


CLAIMS = {
    "SSIM is of limited reliability (Sections III and V)": (_confuses("ssim:canonical:ssim", True),),
    "The inception score is of limited reliability (Sections III and V)": (
        _fooled("is-effnet-lite0:canonical:is-effnet-lite0"),
    ),
    "FID and LPIPS judge perceptual quality (Sections III and V)": (
        _sees("fd-effnet-lite0:canonical:fd-effnet-lite0", "blur", "jpeg", "noise"),
        _sees("lpips:alex-0.1:lpips", "blur", "jpeg", "noise"),
        _confuses("fd-effnet-lite0:canonical:fd-effnet-lite0", False),
        _confuses("lpips:alex-0.1:lpips", False),
    ),
    "Keypoint error curves judge the structure of body, face and hands (Section III)": (
        _sees("kec:canonical:body", "jitter", "limb", "other-pose"),
        _sees("kec:canonical:face", "jitter"),
        _sees("kec:canonical:hands", "hand"),
        _ignores("kec:canonical:body", "garment-colour", "hair-colour", "background"),
    ),
    "Face distances judge identity (Section III)": (
        _sees("face-id:canonical:face-id", "identity"),
        _ignores("face-id:canonical:face-id", "garment-colour", "background"),
    ),
    "Retrieval judges whether the clothes are right (Section III)": (
        _sees("retrieval:unique-vgg16:retrieval", "garment", "garment-colour", "pattern"),
    ),
    "The gender error judges whether the gender is kept (Section III)": (
        _sees("gender-bias:canonical:gender-bias", "gender"),
        _ignores("gender-bias:canonical:gender-bias", "garment-colour", "background", "blur"),
    ),
}


def claims_table(results: Results) -> str:
    """Each claim with its parts and what the audit says, as Markdown.

    Args:
        results: of an audit.
    """
    rows = {score.key: row for score, row in results.table.items()}
    lines = ["| claim | part | answer |", "|---|---|---|"]
    for claim, parts in CLAIMS.items():
        for number, part in enumerate(parts):
            lines.append(f"| {'' if number else claim} | {part.words} | {_answer(part, rows, results)} |")
    return "\n".join(lines) + "\n"


def _answer(part: Part, rows: Mapping[str, Row], results: Results) -> str:
    row = rows.get(part.key)
    if row is None or any(name not in row or not any(row[name].decided) for name in part.damages):
        return "not measured"
    count = sum(item.score.key == part.key for item in results.confusions)
    failed = part.fails(row, count)
    return f"does not hold: {'; '.join(failed)}" if failed else "holds"


def _seen(name: str, finding: Finding) -> str:
    if finding.noticed_from is None:
        return f"{name} not noticed"
    weak = finding.tau is not None and finding.tau < ORDERED
    better = ", better at some strength" if any(finding.better) else ""
    late = f"{name} from strength {finding.noticed_from}"
    return late + (f", rank correlation {finding.tau:.2f}" if weak else "") + better
