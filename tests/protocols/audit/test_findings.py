"""The audit says the known answer of protocols whose answers are known."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import kendalltau

from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from protocols.audit.advice import ORDERED
from protocols.audit.campaign import results
from protocols.audit.damages import DAMAGES
from protocols.audit.findings import Finding, _tau
from protocols.audit.results import Results

PLUGIN = '''
import os

import numpy as np

from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol


class Constant(PairwiseProtocol):
    """Always 1."""

    id = "constant"
    title = "a constant"
    citation = "none"
    variants = {"canonical": "1"}
    metrics = (MetricCard("value", "Constant", higher_is_better=False),)

    def compare(self, images):
        with open(os.environ["AUDIT_CALLS"], "a") as file:
            file.write("x" * len(images.target))
        return {"value": PairValues.of(np.ones(len(images.target)))}


class Difference(Constant):
    """Mean absolute difference."""

    id = "difference"

    def compare(self, images):
        difference = np.abs(images.generated.astype(float) - images.target)
        return {"value": PairValues.of(difference.mean((1, 2, 3)))}


class Top(Difference):
    """Mean absolute difference of the upper fifth of the image: blind to shoes."""

    id = "top"

    def compare(self, images):
        height = images.target.shape[1] // 5
        difference = np.abs(images.generated.astype(float) - images.target)[:, :height]
        return {"value": PairValues.of(difference.mean((1, 2, 3)))}


class Upside(Difference):
    """Says that worse images are better."""

    id = "upside"
    metrics = (MetricCard("value", "Upside", higher_is_better=True),)
'''
NAMES = ("blur", "shift", "garment-colour", "hair-colour", "other-person")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict[str, Finding]], str]:
    folder = tmp_path_factory.mktemp("audit")
    (folder / "mine.py").write_text(PLUGIN)
    os.environ["AUDIT_CALLS"] = str(folder / "calls")
    protocols = ",".join(f"{folder / 'mine.py'}:{name}" for name in ("Constant", "Difference", "Top", "Upside"))
    words = ["audit", "-p", protocols, "--limit", "12", "--out", str(folder / "out"), "--processes", "1"]
    done = CliRunner().invoke(cli, [*words, *(word for name in NAMES for word in ("--damage", name))])
    assert done.exit_code == 0, (done.output, done.exception)
    damages = [damage for damage in DAMAGES if damage.name in NAMES]
    found = results("studio 1.0, 24 pairs with 12 target images", damages, [], folder / "out")
    assert Results.read(folder / "out").table.keys() == found.table.keys()
    return folder / "out", {score.key: row for score, row in found.table.items()}, done.output


def test_a_constant_notices_nothing(audited: tuple[Path, dict[str, dict[str, Finding]], str]) -> None:
    row = audited[1]["constant:canonical:value"]
    assert set(row) == set(NAMES)
    assert all(finding.noticed_from is None and finding.tau is None and finding.monotone for finding in row.values())
    assert not any(any(finding.better) for finding in row.values())


def test_a_difference_notices_everything_in_order(audited: tuple[Path, dict[str, dict[str, Finding]], str]) -> None:
    row = audited[1]["difference:canonical:value"]
    for name in ("blur", "shift", "garment-colour"):
        assert row[name].noticed_from == 1, name
        assert row[name].monotone
        assert row[name].tau == pytest.approx(1.0, abs=0.05)
        assert row[name].n == 24
    # One of the 12 target images is another person's at the first two strengths.
    assert row["other-person"].values[0] > 0 == row["other-person"].real
    assert row["other-person"].noticed_from in (4, 5)


def test_the_top_of_the_image_sees_hair_better_than_garments(
    audited: tuple[Path, dict[str, dict[str, Finding]], str],
) -> None:
    row = audited[1]["top:canonical:value"]
    assert row["hair-colour"].noticed_from is not None
    assert row["hair-colour"].loss(5) > row["garment-colour"].loss(5)
    assert row["garment-colour"].loss(5) < 0.1 * audited[1]["difference:canonical:value"]["garment-colour"].loss(5)


def test_a_score_that_rises_with_damage_is_said_to_be_better(
    audited: tuple[Path, dict[str, dict[str, Finding]], str],
) -> None:
    folder, table, _ = audited
    finding = table["upside:canonical:value"]["blur"]
    assert finding.noticed_from is None
    assert all(finding.better)
    assert finding.tau == -1.0
    page = (folder / "audit.md").read_text()
    assert "| upside:canonical:value | -!~ (-1.00) |" in page
    assert "(`constant:canonical:value`). *Use it for*: no group of damage as a whole. *Does not" in page
    assert "*Better with damage*: blur, shift, hair-colour, garment-colour, other-person." in page
    lines = (folder / "audit.csv").read_text().splitlines()
    assert len(lines) == 1 + 4 * len(NAMES) * 5
    assert (folder / "audit.png").read_bytes().startswith(b"\x89PNG")


def test_an_audit_resumes_and_measures_nothing_twice(
    audited: tuple[Path, dict[str, dict[str, Finding]], str],
) -> None:
    folder, _, _ = audited
    kept = {file: file.read_bytes() for file in folder.glob("audit.*")}
    plugin = folder.parent / "mine.py"

    calls = (folder.parent / "calls").read_text()
    assert len(calls) == 24 * (1 + 5 * len(NAMES))
    protocols = ",".join(f"{plugin}:{name}" for name in ("Constant", "Difference", "Top", "Upside"))
    words = ["audit", "-p", protocols, "--limit", "12", "--out", str(folder), "--processes", "1"]
    done = CliRunner().invoke(cli, [*words, *(word for name in NAMES for word in ("--damage", name))])
    assert done.exit_code == 0, (done.output, done.exception)
    assert {file: file.read_bytes() for file in folder.glob("audit.*")} == kept
    assert (folder.parent / "calls").read_text() == calls


def test_other_pairs_need_another_folder(audited: tuple[Path, dict[str, dict[str, Finding]], str]) -> None:
    with pytest.raises(UserError, match=r"holds the audit of studio 1.0, 24 pairs .* give another folder with --out"):
        CliRunner().invoke(cli, ["audit", "--limit", "3", "--out", str(audited[0])], catch_exceptions=False)


def test_a_folder_of_the_user_and_unknown_damage_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that this command did not write"):
        CliRunner().invoke(cli, ["audit", "--out", str(tmp_path)], catch_exceptions=False)
    with pytest.raises(UserError, match="There is no damage 'blurr': did you mean blur"):
        CliRunner().invoke(cli, ["audit", "--damage", "blurr", "--out", str(tmp_path / "new")], catch_exceptions=False)


def test_the_order_is_kendalls_tau_b_of_the_pairs_that_change() -> None:
    rng = np.random.default_rng(0)
    badness = rng.integers(0, 4, (50, 6)).astype(float)  # with ties
    badness[7] = 2.0  # nothing to damage
    badness[8] = [0, 0, 0, 1, 1, 1]  # damaged from one strength on
    found = _tau(badness)
    for row, tau in zip(badness, found, strict=True):
        np.testing.assert_allclose(tau, kendalltau(np.arange(6), row, variant="b").statistic, atol=1e-12)
    assert np.isnan(found[7])
    assert found[8] > ORDERED
