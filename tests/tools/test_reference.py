"""`python -m tools.reference`: the plan, the time limit, resuming, and what it leaves."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from baselines.pg2.hyperparameters import SMALL
from baselines.spt.hyperparameters import SMALL as SPT_SMALL
from baselines.spt.hyperparameters import fade_in
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.training.recipe import recipes
from tools.reference import fitting, packing, running
from tools.reference.__main__ import main
from tools.reference.frechet_difference import paired_difference
from tools.reference.plan import MOST, make_plan, shortened

RECIPES = """
from dataclasses import replace

from baselines.pg2.hyperparameters import SMALL
from baselines.pg2.recipe import PG2Recipe
from fhpt_bench.training.recipe import RecipeCard

TINY = replace(
    SMALL, width=2, blocks=3, bottleneck=4, discriminator_width=2, batch_size=2, iterations=6, fixed_iterations=6,
    coarse_iterations=3,
)


class One(PG2Recipe):
    presets = {"small": TINY}
    judged = 2


class Two(One):
    card = RecipeCard("other", *(getattr(One.card, name) for name in ("title", "trains", "needs", "citation")))
"""


@pytest.fixture
def options(small_people: Path, tmp_path: Path) -> list[str]:
    """Two tiny recipes on the benchmark of small people."""
    file = tmp_path / "tiny.py"
    file.write_text(RECIPES)
    return [
        "--only", f"{file}:One,{file}:Two", "--benchmark", str(small_people), "--device", "cpu",
        "--work", str(tmp_path / "work"), "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def run(options: list[str], *more: str) -> Result:
    return CliRunner().invoke(main, [*options, *more], catch_exceptions=False)


def test_each_phase_keeps_its_share() -> None:
    changes = shortened(SMALL, 20)
    assert changes == {
        "iterations": 20, "fixed_iterations": 20, "half_size_iterations": 0, "coarse_iterations": 12
    }  # fmt: skip
    assert dataclasses.replace(SMALL, **changes).coarse_iterations == 12


def test_a_short_training_keeps_every_phase() -> None:
    changes = shortened(SPT_SMALL, 5)
    assert changes["fade_iterations"] == 1
    hparams = dataclasses.replace(SPT_SMALL, **changes)
    assert [fade_in(number, hparams) for number in range(hparams.iterations)][-1] == 1.0


def test_trainings_of_other_lengths_and_presets_are_kept_apart(tmp_path: Path) -> None:
    plans = [
        make_plan(["patn"], preset, tmp_path, iterations)[0]
        for preset, iterations in (("small", None), ("small", 20), ("cpu", None))
    ]
    assert [plan.folder.name for plan in plans] == ["patn-small", "patn-small-20", "patn-cpu"]
    outputs = [run(["--only", "patn", "--dry-run", *more]).output for more in ((), ("--iterations", "20"))]
    assert "reference-results/small: patn" in outputs[0]
    assert "reference-results/small-20: patn" in outputs[1]


def test_the_presets_small_have_equal_budgets_and_natural_colours() -> None:
    """What the systems of the paper's tables have seen must not differ in number or colours."""
    names = ["patn", "dsc", "vunet", "spt", "pg2", "drn", "drn-pb-only", "drn-tex64", "drn-end2end", "drn-pb-fixed"]
    for name in names:
        hparams: Any = recipes.load(name).presets["small"]
        assert (hparams.iterations, hparams.batch_size) == (10_000, 8), name
        assert (hparams.flip, hparams.recolour) == (True, False), name
    face: Any = recipes.load("drn-face").presets["small"]
    assert not face.recolour


def test_a_record_of_an_unknown_model_is_refused() -> None:
    words = [sys.executable, "-m", "tools.reference.records", "--only", "nosuch"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "nosuch" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_plan_writes_nothing(options: list[str], tmp_path: Path) -> None:
    result = run(options, "--dry-run", "--seconds", "520", "--iterations", "2")
    assert result.exit_code == 0
    assert "2 trainings on cpu, one after the other" in result.output
    assert "pg2 (small): 2 iterations of 2 pairs (1 coarse); not begun" in result.output
    assert "pg2.safetensors, other.safetensors, logs-and-samples-pg2-other.zip" in result.output
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "out").exists()


def test_side_by_side_is_planned_on_a_gpu() -> None:
    result = run(["--only", "patn,drn", "--device", "cuda", "--dry-run"])
    assert "2 trainings on cuda, side by side, a process each; mixed precision: as in the preset" in result.output
    assert "drn (small): 10,000 iterations of 8 pairs (5,000 fixed, 4,000 half size)" in result.output


def test_a_call_out_of_time_leaves_weights_and_the_next_resumes_side_by_side(
    options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "work" / "pg2-small").mkdir(parents=True)
    (tmp_path / "work" / "pg2-small" / "mine.txt").write_text("not of a training")
    (tmp_path / "work" / "pg2-small" / "pg2.safetensors").write_bytes(b"of another training")
    first = run(options, "--seconds", "0.01")  # over before a process has started: one iteration each
    assert first.exit_code == 1
    assert "pg2: failed: " in first.output
    assert "other: 1 of 6 iterations" in first.output  # the failure of one does not stop the others
    assert not (tmp_path / "out" / "pg2.safetensors").exists()
    early = (tmp_path / "out" / "other.safetensors").read_bytes()

    for name in ("mine.txt", "pg2.safetensors"):
        (tmp_path / "work" / "pg2-small" / name).unlink()
    second = run(options, "--side-by-side")
    assert second.exit_code == 0, second.output
    assert "2 trainings on cpu, side by side" in second.output
    assert "other (small): 6 iterations of 2 pairs (3 coarse); 1 done in" in second.output
    assert "pg2: 6 of 6 iterations" in second.output
    assert "other: 6 of 6 iterations" in second.output
    files = sorted((tmp_path / "out").iterdir())
    # The archive of the first call has another name: it has no files of pg2.
    both = "logs-and-samples-pg2-other.zip"
    assert [file.name for file in files] == ["logs-and-samples-other.zip", both, "other.safetensors", "pg2.safetensors"]
    assert files[2].read_bytes() != early
    with zipfile.ZipFile(files[1]) as archive:
        names = set(archive.namelist())
        assert {f"other/{name}" for name in ("log.csv", "facts.json", "training.json", "000006.png")} <= names
        assert json.loads(archive.read("other/facts.json"))["iterations"] == "6 of 6"


def test_trainings_are_shortened_to_what_fits(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial's times decide; all trainings get the same number of iterations, and finish."""
    monkeypatch.setattr(fitting, "TRIAL", 2)
    for wrong in (["--fit"], ["--fit", "--seconds", "9", "--iterations", "3"]):
        with pytest.raises(UserError, match="give --seconds, without --iterations"):
            run(options, *wrong)
    planned = run(options, "--fit", "--seconds", "300", "--dry-run")
    assert "may shorten them" in planned.output
    assert not (tmp_path / "work").exists()
    # An iteration is said to take 500 s: 0.9 * (3000 s - the trial's few - 45 s) / (2 * 500 s) are 2.
    monkeypatch.setattr(fitting, "progress", lambda training: (2, 1000.0))
    result = run(options, "--fit", "--seconds", "3000")
    assert result.exit_code == 0, result.output
    assert "2 iterations fit; to resume, give --iterations 2 in place of --fit" in result.output
    for name in ("pg2", "other"):
        assert f"{name}: 2 of 2 iterations" in result.output
        assert (tmp_path / "work" / f"{name}-small-2").is_dir()
    with pytest.raises(UserError, match="too short for one iteration"):
        run(options, "--fit", "--seconds", "1000")


def test_a_training_that_does_not_stop_is_ended(tmp_path: Path) -> None:
    (training,) = make_plan(["pg2"], "small", tmp_path, None)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    lines: list[str] = []
    assert running._ended(training, process, time.time() - running.GRACE, lines.append) == "late"
    assert process.poll() is not None
    assert lines == ["pg2: ended, because it had not stopped in time; its last checkpoint is kept"]


def test_files_that_are_too_large_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (training,) = make_plan(["pg2"], "small", tmp_path, None)
    (training.folder / "samples").mkdir(parents=True)
    (training.folder / "pg2.safetensors").write_bytes(bytes(300_000))
    for number in range(3):
        (training.folder / "samples" / f"{number:06d}.png").write_bytes(bytes([number]) * 60_000)
    monkeypatch.setattr(packing, "LARGEST", 190_000)
    files, notes = packing.pack([training], tmp_path / "out")
    assert [file.name for file in files] == ["logs-and-samples-pg2.zip"]
    assert notes[0].startswith("pg2: its weights are larger than 16 MiB")
    assert all(file.stat().st_size <= 190_000 for file in files)
    monkeypatch.setattr(packing, "LARGEST", (64 << 10) + 61_000)
    files, notes = packing.pack([training], tmp_path / "out")
    with zipfile.ZipFile(files[-1]) as archive:
        assert archive.namelist()[0] == "pg2/000002.png"  # the last contact sheet first


def test_recipes_that_cannot_be_trained_together_are_refused(tmp_path: Path) -> None:
    for names, message in (
        (["pg2", "pg2"], "twice"),
        (["gender-vgg16"], "no preset 'small'"),
        (["nothing"], "nothing"),
        ([], f"give 1 to {MOST}"),
        (["pg2"] * (MOST + 1), f"give 1 to {MOST}"),
    ):
        with pytest.raises(UserError, match=message):
            make_plan(names, "small", tmp_path, None)


def test_the_paired_difference_of_frechet_distances(tmp_path: Path) -> None:
    """Its distances are those of the records; the same images differ by 0, other ones by less than both intervals."""
    values = {}
    for name in ("warp", "blur-2"):
        score = fb.run(name, protocols="fd-effnet-lite0", limit=24, out=tmp_path / name)["fd-effnet-lite0"]
        assert score.value is not None
        assert score.interval is not None
        values[name] = (score.value, score.interval[1] - score.interval[0])
    benchmark = load_benchmark("studio", limit=24)
    a, b, interval = paired_difference(tmp_path / "warp", tmp_path / "blur-2", benchmark)
    assert (a, b) == pytest.approx((values["warp"][0], values["blur-2"][0]), rel=1e-9)
    assert interval is not None
    assert interval.low < a - b < interval.high
    assert interval.high - interval.low < sum(width for _, width in values.values())
    _, _, none = paired_difference(tmp_path / "warp", tmp_path / "warp", benchmark)
    assert none is not None
    assert (none.low, none.high) == (0.0, 0.0)
