"""The commands of docs/reproduce.md, in their order, on a substitute for DeepFashion with tiny networks."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhpt_bench.cli import cli
from fhpt_bench.data.images import is_own_png
from fhpt_bench.records.schema import read_record
from fhpt_bench.training.recipe import recipes
from fhpt_bench.weights import WeightsMissing
from tests.deepfashion_standin import stand_in

PAGE = Path(__file__).parents[1] / "docs" / "reproduce.md"
TINY = {
    "width": 2, "blocks": 3, "transfer_blocks": 1, "detail_blocks": 1, "style": 4, "hidden": 4, "batch_size": 1,
    "discriminator_width": 2, "iterations": 2, "fixed_iterations": 1, "coarse_iterations": 1,
    "half_size_iterations": 2, "discriminator_steps": 1, "mixed_precision": "no", "perceptual_network": "vgg16",
}  # fmt: skip
PAIRS = "6"  # one of them with two frontal faces, for Figure 8


def commands() -> list[str]:
    """The lines of the page's blocks, down to the section for `studio`, with their variables."""
    text = PAGE.read_text().partition("## Without DeepFashion")[0]
    return [line for block in re.findall(r"```\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]


def tiny(hparams: Any) -> Any:
    """Hyperparameters with a few channels and two iterations."""
    known = {field.name for field in dataclasses.fields(hparams)}
    changes = {name: value for name, value in TINY.items() if name in known}
    if hparams.fixed_iterations == hparams.iterations:  # no falling learning rate
        changes["fixed_iterations"] = TINY["iterations"]
    return dataclasses.replace(hparams, **changes)


@pytest.fixture
def place(tmp_path: Path, random_inception: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with substitute data, in place of the home folder, and tiny presets."""
    people = stand_in(test_people=3, train_people=5, train_women=5)
    people.write_flat(tmp_path / "DeepFashion", padded=False, suffix="png")
    people.write_lists(tmp_path / "DeepFashion")
    shutil.copytree(random_inception, tmp_path / "weights")
    monkeypatch.chdir(tmp_path)
    for name in recipes.entries():
        recipe = recipes.load(name)
        if "paper" in recipe.presets:
            monkeypatch.setattr(recipe, "presets", {"paper": tiny(recipe.presets["paper"])})
            monkeypatch.setattr(recipe, "judged", 1)
        elif hasattr(recipe, "changes"):
            monkeypatch.setattr(recipe, "changes", ())
    return tmp_path


def call(words: list[str]) -> str:
    """Run one command; without network access some pinned weights are missing, which is the only excuse."""
    done = CliRunner().invoke(cli, words[1:])
    if isinstance(done.exception, WeightsMissing):
        assert words[1:3] in (["weights", "fetch"], ["train", "retrieval-resnet50"]), words
    else:
        assert done.exit_code == 0, (words, done.output, done.exception)
    return done.output


def test_the_page_leads_to_all_tables_and_figures(
    place: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    said: dict[str, str] = {}
    for line in commands():
        text = line
        for home in ("$HOME", "$PWD", "~"):
            text = text.replace(home, str(place))
        text = os.path.expandvars(text)
        if found := re.fullmatch(r"export (\w+)=(.*)", text):
            monkeypatch.setenv(found[1], found[2])
            continue
        if not text.startswith("fhpt-bench"):
            subprocess.run(text, shell=True, check=True, cwd=place)
            continue
        words = text.split()
        if words[1:3] == ["weights", "fetch"]:
            continue
        if words[1] == "run":
            words += ["--limit", PAIRS]
        said[text] = call(words)
    tables = next(text for line, text in said.items() if line.endswith("paper tables --benchmark deepfashion"))
    for words in ("Table II: ", "Table III: ", "Table IV: ", "Table V: ", "Table VI: ", "printed"):
        assert words in tables
    assert set(re.findall(r"(\S+): no record", tables)) == {"spt"}  # it needs parsing maps
    drawn = sorted((place / "paper" / "deepfashion").iterdir())
    assert [file.name for file in drawn] == sorted(f"figure-{number}.png" for number in (5, 6, 7, 8, 9, 10))
    assert all(map(is_own_png, drawn))
    record = read_record(place / "runs" / "deepfashion" / f"drn-limit{PAIRS}")
    assert record.benchmark.landmarks_by == "mediapipe-holistic 1 (mediapipe 0.10.21)"
    assert record.failed == ()
    # IS needs more images than there are here, and ResNet50's weights need a download.
    for key in ("ssim:patn", "fid:drn", "lpips", "kec:canonical:body", "kec:canonical:face", "gender-bias"):
        assert record[key].status == "ok", (key, record[key].reason)
    assert record["retrieval:paper-vgg16"].n == int(PAIRS)
