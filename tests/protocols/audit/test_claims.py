"""The answers to the paper's claims follow from the findings."""

from __future__ import annotations

from pathlib import Path

from leaderboards.page.audit import audit_content
from protocols.audit.claims import CLAIMS, claims_table
from protocols.audit.confusion import Confusion
from protocols.audit.damages import DAMAGES
from protocols.audit.findings import AuditedScore, Finding
from protocols.audit.groups import GROUPS, MILD, SERIOUS
from protocols.audit.results import Results


def finding(key: str, damage: str, worse: str) -> Finding:
    score = AuditedScore(key, key.partition(":")[0].upper(), headline=True, higher_is_better=False)
    flags = tuple(letter == "y" for letter in worse)
    return Finding(
        score,
        damage,
        0.0,
        (1.0, 2.0, 3.0, 4.0, 5.0),
        flags,
        (False,) * 5,
        (True,) * 5,
        (None,) * 5,
        1.0,
        (0.9, 1.0),
        40,
    )


def answers(results: Results) -> dict[str, str]:
    lines = claims_table(results).splitlines()[2:]
    return {line.split(" | ")[1]: line.split(" | ")[2].removesuffix(" |") for line in lines}


def test_every_claim_names_kinds_of_damage_that_exist() -> None:
    known = {name for names in GROUPS.values() for name in names}
    assert {name for parts in CLAIMS.values() for part in parts for name in part.damages} <= known


def test_answers() -> None:
    lpips, ssim, face = "lpips:alex-0.1:lpips", "ssim:canonical:ssim", "face-id:canonical:face-id"
    found = (
        *(finding(lpips, name, "nyyyy") for name in ("blur", "jpeg", "noise")),
        finding(ssim, "blur", "yyyyy"),
        finding(ssim, "jpeg", "yyyyy"),
        finding(ssim, "noise", "yyyyy"),
        finding(face, "identity", "nnnny"),
        finding(face, "garment-colour", "nnnnn"),
        finding(face, "background", "nnnyy"),
    )
    serious = tuple({*(name for name, _ in MILD), *SERIOUS})
    found += tuple(
        finding(key, name, "yyyyy")
        for key in (lpips, ssim)
        for name in serious
        if name not in ("blur", "jpeg", "noise")
    )
    confused = Confusion(found[3].score, "shift", 1, "identity", 2.0, 1.0)
    said = answers(Results("3 pairs", found, (confused,), ()))
    assert said["`lpips:alex-0.1:lpips` notices blur, jpeg, noise at strength 3 or weaker, in order"] == "holds"
    assert said["`lpips:alex-0.1:lpips` is never worse for mild than for serious damage"] == "holds"
    assert said["`ssim:canonical:ssim` is worse for mild than for serious damage"] == "holds"
    assert said["`face-id:canonical:face-id` notices identity at strength 3 or weaker, in order"] == (
        "does not hold: identity from strength 5"
    )
    assert said["`face-id:canonical:face-id` does not notice garment-colour, background"] == (
        "does not hold: background from strength 4"
    )
    assert said["`kec:canonical:hands` notices hand at strength 3 or weaker, in order"] == "not measured"
    blind = Results("3 pairs", found, (), ())
    assert answers(blind)["`ssim:canonical:ssim` is worse for mild than for serious damage"] == (
        "does not hold: 0 such couples of damages"
    )
    few = Results("3 pairs", found[:6], (), ())  # nothing serious was measured: nothing was compared
    assert answers(few)["`lpips:alex-0.1:lpips` is never worse for mild than for serious damage"] == "not measured"


def test_the_page_shows_headline_scores_by_damage(tmp_path: Path) -> None:
    results = Results("3 pairs", tuple(finding("x:y:z", name, "nnyyy") for name in ("blur", "hue")), (), ())
    results.write(tmp_path, DAMAGES)
    assert audit_content(tmp_path) == {
        "heading": "3 pairs",
        "damages": ["blur", "hue"],
        "rows": [
            {
                "label": "X",
                "key": "x:y:z",
                "cells": [[3, 0, 1.0], [3, 0, 1.0]],
                "use": {"Use it for": "image quality"},
            }
        ],
    }
    assert audit_content(tmp_path / "missing") is None
