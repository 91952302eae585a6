"""The claims of the paper, held against made-up records of which the answer is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leaderboards.measured import REFERENCE, read_measured
from leaderboards.paper.choice import choose_records
from leaderboards.paper.claims import CLAIMS, Claim, examine, verdict
from tools.docs.claims import PAGE, page

Make = Callable[..., Path]
ABLATIONS, LOOKS, FALL = CLAIMS[0], CLAIMS[1], CLAIMS[2]
FACE, GENDER = CLAIMS[4], CLAIMS[6]


@pytest.fixture
def folder(tmp_path: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]) -> Path:
    """`drn` beats its ablations on both scores, but not `drn-end2end` on LPIPS, to which it is equal."""
    rng = np.random.default_rng(3)

    def write(name: str, lpips: NDArray[np.float64], fd: float, *more: Any) -> None:
        scores = [
            given("lpips:alex-0.1:lpips", lpips),
            given("fd-effnet-lite0:canonical:fd-effnet-lite0", fd, interval=(fd - 2, fd + 2)),
            *more,
        ]
        make_record(tmp_path / name, scores, people, name=name)

    faces = [given("face-id:canonical:face-id", ability), given("face-id:canonical:acc@0.6", np.ones(60))]
    lower = [given("face-id:canonical:face-id", ability + 0.1), given("face-id:canonical:acc@0.6", np.zeros(60))]
    ssim = "ssim:canonical:ssim"
    write(
        "drn", ability, 50.0, *faces, given(ssim, ability - 0.1), given("gender-bias:canonical:gender-bias", [0.0] * 60)
    )
    write("drn-no-face", ability, 51.0, *lower)
    write("drn-coarse", ability + 0.1, 70.0, given(ssim, ability))
    for name in ("drn-pb-only", "drn-tex64", "drn-pb-fixed"):
        write(name, ability + 0.05, 60.0)
    write("drn-end2end", ability + rng.normal(0, 0.01, 60), 60.0)
    write("patn", ability + 0.2, 60.0, given("gender-bias:canonical:gender-bias", [1.0] * 60))
    return tmp_path


def answers(claim: Claim, folder: Path) -> list[str]:
    choice = choose_records(read_measured([str(folder)]), "synthetic")
    return [finding.answer for finding in examine(claim, choice)]


def test_each_part_is_answered_by_itself(folder: Path) -> None:
    assert answers(ABLATIONS, folder) == ["holds"] * 7 + ["cannot be told"]
    choice = choose_records(read_measured([str(folder)]), "synthetic")
    findings = examine(ABLATIONS, choice)
    assert findings[7].reason == "the interval includes 0"
    assert verdict(findings) == "cannot be told"
    lpips = findings[1]
    assert lpips.difference == "-0.0500 [-0.0500, -0.0500]"
    assert lpips.n == 60
    assert findings[0].difference == ""  # a score of the whole set
    assert findings[0].values == "50.00 [48.00, 52.00] and 60.00 [58.00, 62.00]"


def test_the_opposite_does_not_hold(folder: Path) -> None:
    assert answers(LOOKS, folder) == ["does not hold"]  # the coarse image has FD 70, PATN 60


def test_a_fall_is_expected_of_ssim(folder: Path) -> None:
    choice = choose_records(read_measured([str(folder)]), "synthetic")
    ssim, score = examine(FALL, choice)
    assert ssim.answer == "holds"
    assert score.reason == "neither record has is:drn:is"


def test_direction_follows_the_metric(folder: Path) -> None:
    assert answers(FACE, folder) == ["holds", "holds"]  # the distance falls, the share rises


def test_without_a_record_nothing_is_told(folder: Path) -> None:
    choice = choose_records(read_measured([str(folder)]), "synthetic")
    findings = examine(GENDER, choice)
    assert [finding.answer for finding in findings] == ["holds", "cannot be told"]
    assert findings[1].reason == "no record of dsc"
    assert verdict(findings) == "cannot be told"


def test_the_page_has_every_claim_and_every_part(folder: Path) -> None:
    text = page(folder, "synthetic")
    for claim in CLAIMS:
        assert text.count(claim.text) == 2
    assert text.count("| `") == sum(len(claim.parts) for claim in CLAIMS)
    assert "Measured on synthetic 1: 60 pairs." in text
    # `drn` is given the landmarks that the curve of the face compares.
    assert "| `drn-no-face` better than `drn-pb-only` | kec:canonical:face |" in text
    assert "| `drn` better than `drn-pb-only` | kec:canonical:body |" in text


def test_the_page_says_what_a_model_is_given(
    folder: Path, make_record: Make, given: Any, people: list[str], ability: NDArray[np.float64]
) -> None:
    scores = [given("lpips:alex-0.1:lpips", ability)]
    make_record(folder / "newer", scores, people, name="drn", conditioning=["pose", "face-landmarks"])
    assert "| `drn` (given face-landmarks) better than `drn-tex64` | LPIPS" in page(folder, "synthetic")


def test_the_page_that_ships_follows_from_the_records_that_ship() -> None:
    if not any(REFERENCE.glob("*/*/record.json")):
        pytest.skip("no reference records yet")
    assert PAGE.read_text() == page()
