"""Adversaries of the audit: what is measured, and which score is fooled by which image."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from protocols.audit import campaign
from protocols.audit.adversaries import ADVERSARIES, MODELS, folders, load
from protocols.audit.damages import DAMAGES

PLUGIN = '''
import os

import numpy as np

from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol


class Difference(PairwiseProtocol):
    """Mean absolute difference: prefers a faithful image."""

    id = "difference"
    title = "a difference"
    citation = "none"
    variants = {"canonical": "levels"}
    metrics = (MetricCard("value", "Difference", higher_is_better=False),)

    def compare(self, images):
        with open(os.environ["AUDIT_CALLS"], "a") as file:
            file.write("x" * len(images.target))
        difference = np.abs(images.generated.astype(float) - images.target)
        return {"value": PairValues.of(difference.mean((1, 2, 3)))}


class Detail(Difference):
    """Contrast of neighbouring rows in the generated image alone: blind to the target."""

    id = "detail"
    metrics = (MetricCard("value", "Detail", higher_is_better=True),)

    def compare(self, images):
        rows = np.abs(np.diff(images.generated.astype(float), axis=1))
        return {"value": PairValues.of(rows.mean((1, 2, 3)))}
'''

# The kinds that adversaries are; the others would only take time.
NEEDED = tuple(damage for damage in DAMAGES if damage.name in ("other-pose", "blur", "jpeg"))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adversaries")
    (folder / "mine.py").write_text(PLUGIN)
    audit(folder)
    return folder


def audit(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIT_CALLS", str(folder / "calls"))
        patch.setattr(campaign, "DAMAGES", NEEDED)
        protocols = ",".join(f"{folder / 'mine.py'}:{name}" for name in ("Difference", "Detail"))
        words = ["audit", "-p", protocols, "--limit", "12", "--out", str(folder / "out"), "--processes", "1"]
        done = CliRunner().invoke(cli, words)
        assert done.exit_code == 0, (done.output, done.exception)


def rows(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (folder / "out" / "models.csv").open() as file:
        return {(row["score"].split(":")[0], row["model"]): row for row in csv.DictReader(file)}


def test_every_adversary_is_measured_once_and_work_is_kept(audited: Path) -> None:
    found = rows(audited)
    assert {name for _, name in found} == {adversary.name for adversary in ADVERSARIES}
    assert {row["n"] for row in found.values()} == {"24"}
    calls = (audited / "calls").read_text()
    # One compare for each folder: real, the strengths of each damage, and the models alone.
    assert len(calls) == 24 * (1 + 5 * len(NEEDED) + len(MODELS))
    kept = {file: file.read_bytes() for file in (audited / "out").glob("a*.*")}
    audit(audited)
    assert (audited / "calls").read_text() == calls
    assert {file: file.read_bytes() for file in (audited / "out").glob("a*.*")} == kept


def test_values_are_those_of_the_damage_with_the_same_image(audited: Path) -> None:
    with (audited / "out" / "audit.csv").open() as file:
        damaged = {(r["score"].split(":")[0], r["damage"], r["number"]): r["value"] for r in csv.DictReader(file)}
    for adversary, damage, number in (
        ("copy-source", "other-pose", "5"),
        ("blur-2", "blur", "3"),
        ("jpeg-75", "jpeg", "2"),
    ):
        for score in ("difference", "detail"):
            assert rows(audited)[score, adversary]["value"] == damaged[score, damage, number]


def test_a_score_of_the_difference_is_not_fooled_and_one_of_detail_is(audited: Path) -> None:
    found = rows(audited)
    assert all(found["difference", adversary.name]["better_than"] == "" for adversary in ADVERSARIES)
    # A sharp image of another pose has more detail than the blurred right one; the mean image has hardly any.
    assert "blur-2" in found["detail", "copy-source"]["better_than"].split()
    assert found["detail", "mean-image"]["better_than"] == ""
    faithful = {adversary.name for adversary in ADVERSARIES if adversary.faithful}
    assert {row["better_than"] for (_, name), row in found.items() if name in faithful} == {""}
    page = (audited / "out" / "audit.md").read_text()
    assert "## Adversaries" in page
    lines = {line.split(" | ")[0]: line for line in page.partition("## Adversaries")[2].splitlines() if " | " in line}
    assert lines["| difference:canonical:value"].endswith("| none |")
    assert "copy-source (better than blur-2" in lines["| detail:canonical:value"]


def test_only_what_was_measured_is_shown() -> None:
    assert set(folders(DAMAGES, MODELS)) == {adversary.name for adversary in ADVERSARIES}
    blur = [damage for damage in DAMAGES if damage.name == "blur"]
    assert folders(blur, []) == {"blur-2": "blur-3"}


def test_a_mean_image_of_another_size_is_left_out_with_a_reason() -> None:
    made, refused = load(MODELS, load_benchmark("studio", limit=2))
    assert (list(made), refused) == (list(MODELS), {})
    made, refused = load(MODELS, load_benchmark("studio-512", limit=2))
    assert (list(made), list(refused)) == (["autoencoder"], ["mean-image"])
    assert "352 wide" in refused["mean-image"]
    assert "are missing: train them" in load(["pg2"], load_benchmark("studio", limit=2))[1]["pg2"]
