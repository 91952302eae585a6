"""What all recipes have in common: held-out people, bitwise equal resuming, and error messages before any work."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.training.distributed import make_accelerator
from fhpt_bench.training.features import mirrored, training_features
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.loop import Learner, Schedule, fit
from fhpt_bench.training.recipe import Task
from fhpt_bench.training.split import deal_people
from fhpt_bench.training.train import train

RECIPE = """
from fhpt_bench.training.recipe import Recipe, RecipeCard

class Mean(Recipe):
    card = RecipeCard("mean", "mean colour", "one number", "training images", "none")

    def train(self, task):
        value = float(task.images.stack(list(task.images.digests)).mean()) + task.seed
        (task.folder.path / "mean.txt").write_text(str(value))
        return {"mean": str(value)}
"""


@pytest.fixture
def mean(tmp_path: Path) -> str:
    file = tmp_path / "mean.py"
    file.write_text(RECIPE)
    return f"{file}:Mean"


def task(path: Path, seed: int = 0) -> Task:
    images = RealImages(path, (4, 4), {})
    return Task(load_benchmark("studio"), images, seed, TrainingFolder(path, {"seed": seed}), "cpu", False)


class Line(Learner):
    """Fits a line to noise; after `patience` batches it raises an error, as if the process was killed."""

    unit = "epoch"

    def __init__(self, patience: int = 10**9) -> None:
        rng = np.random.default_rng(0)
        self.x, self.y = (torch.tensor(rng.normal(size=(20, n)), dtype=torch.float32) for n in (3, 1))
        layer = torch.nn.Linear(3, 1)
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        self.accelerator = make_accelerator("cpu")
        optimiser = torch.optim.Adam(layer.parameters(), 0.1)
        self.layer, self.optimiser = self.accelerator.prepare(layer, optimiser)
        self.patience = patience

    @property
    def state(self) -> Mapping[str, Any]:
        return {"layer": self.layer, "optimiser": self.optimiser}

    def advance(self, number: int) -> Mapping[str, float | torch.Tensor]:
        return {"loss": torch.stack([self.step(batch) for batch in torch.randperm(20).split(8)]).mean()}

    def step(self, batch: torch.Tensor) -> torch.Tensor:
        self.patience -= 1
        if self.patience < 0:
            raise KeyboardInterrupt
        loss = ((self.layer(self.x[batch]) - self.y[batch]) ** 2).mean()
        self.optimiser.zero_grad()
        self.accelerator.backward(loss)
        self.optimiser.step()
        return loss.detach()

    def judge(self) -> Mapping[str, float]:
        return {"size": float(self.layer.weight.detach().norm())}


def test_each_person_is_in_one_fold_and_folds_are_even() -> None:
    people = [f"p{i // 5:02}" for i in range(200)]
    groups = ["MEN" if person < "p08" else "WOMEN" for person in people]
    fold = deal_people(people, groups, 4, seed=3)
    by_person = {person: {int(f) for p, f in zip(people, fold, strict=True) if p == person} for person in people}
    assert all(len(folds) == 1 for folds in by_person.values())
    for group, count in (("MEN", 8), ("WOMEN", 32)):
        found = [sum(f == {one} and (p < "p08") == (group == "MEN") for p, f in by_person.items()) for one in range(4)]
        assert found == [count // 4] * 4
    order = np.random.default_rng(0).permutation(200)
    again = deal_people([people[i] for i in order], [groups[i] for i in order], 4, seed=3)
    assert (again == fold[order]).all()
    assert (deal_people(people, groups, 4, seed=4) != fold).any()


@pytest.mark.parametrize(
    ("people", "groups", "reason"),
    [
        (["a"], [], "1 people do not fit 0 groups"),
        (["a", "a"], ["x", "y"], "a person is in two groups"),
        (["a", "b", "c"], ["x", "x", "y"], "1 people of y cannot be split into 2 folds"),
    ],
)
def test_people_that_cannot_be_split(people: list[str], groups: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        deal_people(people, groups, 2, seed=0)


@pytest.mark.parametrize("patience", [1, 7, 14])
def test_a_resumed_training_is_equal_to_the_last_bit(tmp_path: Path, patience: int) -> None:
    whole = Line()
    log = fit(whole, Schedule(5), task(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        fit(Line(patience), Schedule(5), task(tmp_path / "stopped"))
    torch.manual_seed(99)  # other random numbers drawn in between have no effect
    resumed = Line()
    assert fit(resumed, Schedule(5), task(tmp_path / "stopped")) == log
    assert torch.equal(resumed.layer.weight, whole.layer.weight)
    assert log[-1]["size"] > 0
    with (tmp_path / "stopped" / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert rows[0]["loss"] == ""
    assert float(rows[5]["loss"]) < float(rows[1]["loss"])
    assert fit(Line(0), Schedule(5), task(tmp_path / "stopped")) == log  # training is finished: only loaded


def test_results_depend_on_the_seed_and_not_on_the_random_state_of_the_caller(tmp_path: Path) -> None:
    torch.manual_seed(1)
    line, before = Line(), torch.get_rng_state()
    one = fit(line, Schedule(3), task(tmp_path / "one"))
    assert torch.equal(before, torch.get_rng_state())
    torch.manual_seed(2)
    assert fit(Line(), Schedule(3), task(tmp_path / "again")) == one
    assert fit(Line(), Schedule(3), task(tmp_path / "other", seed=1)) != one


def test_checkpoints_of_another_training_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        with pytest.raises(KeyboardInterrupt):
            fit(Line(7), Schedule(5), task(tmp_path / name, seed=ord(name)))
    (tmp_path / "a" / "checkpoint.pt").write_bytes((tmp_path / "b" / "checkpoint.pt").read_bytes())
    with pytest.raises(UserError, match=r"checkpoint\.pt belongs to another training: remove it"):
        fit(Line(), Schedule(5), task(tmp_path / "a", seed=ord("a")))
    (tmp_path / "b" / "checkpoint.pt").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"checkpoint\.pt is damaged"):
        fit(Line(), Schedule(5), task(tmp_path / "b", seed=ord("b")))


def test_features_of_training_images_come_from_the_cache(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = load_benchmark(str(tiny))
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    acme = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"
    given = Task(benchmark, images, 0, TrainingFolder(tmp_path / "t", {}), "cpu", False)
    plain, darker = training_features(given, f"{acme}:MeanColour", (lambda i, image: image // (i + 1),))
    pixels = images.stack(list(images.digests))
    np.testing.assert_allclose(plain, pixels.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(darker[2], (pixels[2] // 3).mean((0, 1)), rtol=1e-5)
    from fhpt_bench.feature import features

    monkeypatch.setattr(features.load(f"{acme}:MeanColour"), "extract", None)
    again = training_features(given, f"{acme}:MeanColour", ())
    assert (again[0] == plain).all()
    assert (mirrored(0, pixels[0])[:, 0] == pixels[0][:, -1]).all()


def test_a_recipe_by_path(tiny: Path, tmp_path: Path, mean: str) -> None:
    out = tmp_path / "out"
    ran = CliRunner().invoke(cli, ["train", mean, "-b", str(tiny), "--out", str(out), "--seed", "2", "--device", "cpu"])
    assert ran.exit_code == 0
    value = (out / "mean.txt").read_text()
    assert f"mean: {value}" in ran.output
    identity = json.loads((out / "training.json").read_text())
    assert (identity["recipe"], identity["seed"], identity["benchmark"]) == ("mean", 2, "tiny")
    assert train(mean, str(tiny), out=out, seed=2)["mean"] == value  # the same training may be started again
    with pytest.raises(UserError, match="holds something other than this training: choose another folder"):
        train(mean, str(tiny), out=out, seed=3)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    for taken in (tmp_path / "full", tmp_path / "mean.py"):
        with pytest.raises(UserError, match=r"holds files that this command did not write|is a file"):
            train(mean, str(tiny), out=taken)


def test_a_training_that_does_not_fit_is_told_what_to_do(tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "hungry.py"
    file.write_text(
        "import torch\n"
        "from fhpt_bench.training.recipe import Recipe, RecipeCard\n"
        "class Hungry(Recipe):\n"
        "    card = RecipeCard('hungry', 'a', 'b', 'c', 'd')\n"
        "    presets = {'paper': None, 'small': None}\n"
        "    def train(self, task):\n"
        "        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 20.00 GiB.')\n"
        "    estimate = train\n"
    )
    for dry_run in (True, False):
        with pytest.raises(
            UserError, match=r"hungry does not fit into the memory of the CPU: give .*--preset \(small\)"
        ):
            train(f"{file}:Hungry", str(tiny), out=tmp_path / "out", device="cpu", dry_run=dry_run)


def test_error_messages_name_the_mistake(tiny: Path, tmp_path: Path, mean: str) -> None:
    with pytest.raises(UserError, match="Unknown recipe 'retrieval-vgg61': did you mean retrieval-vgg16"):
        train("retrieval-vgg61")
    with pytest.raises(UserError, match="--seed -1 is negative"):
        train(mean, str(tiny), seed=-1)
    with pytest.raises(UserError, match="has no class 'Median'"):
        train(mean.replace("Mean", "Median"), str(tiny))
    (tiny.parent / "train").rename(tiny.parent / "elsewhere")
    with pytest.raises(UserError, match="tiny names no training images, or their folder is missing: name them"):
        train(mean, str(tiny), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_list_of_recipes() -> None:
    shown = CliRunner().invoke(cli, ["train"])
    assert shown.exit_code == 0
    for name in ("gender-vgg16", "retrieval-efficientnet", "retrieval-resnet50", "retrieval-vgg16"):
        assert name in shown.output


def test_mistakes_are_found_before_torch_is_imported(tiny: Path) -> None:
    (tiny.parent / "train").rename(tiny.parent / "elsewhere")
    code = (
        "import sys; from fhpt_bench.cli import main\n"
        "try: main(['train', 'NAME', '-b', sys.argv[1]])\n"
        "except SystemExit as stop: print(stop.code, 'torch' in sys.modules)"
    )
    for name in ("retrieval-vgg61", "retrieval-vgg16"):
        done = subprocess.run(
            [sys.executable, "-c", code.replace("NAME", name), str(tiny)], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "2 False", done.stderr
