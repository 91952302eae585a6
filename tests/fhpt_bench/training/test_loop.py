"""The training loop with a small learner: resuming, several processes, time budgets, dry runs and error messages."""

from __future__ import annotations

import contextlib
import csv
import errno
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import load_file

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.processes import Processes
from fhpt_bench.training import loop
from fhpt_bench.training.distributed import average_gradients, make_accelerator
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.loop import Schedule, fit
from fhpt_bench.training.recipe import Task, recipes
from fhpt_bench.training.schedules import fixed_then_linear
from fhpt_bench.training.train import train
from tests.float64 import COMMAND, TOLERANCE, Float64

TOY = f"{Path(__file__).parent / 'toy.py'}:Toy"
SCHEDULE = Schedule(units=7, log_every=2, judge_every=4, checkpoint_every=3, sample_every=5)


def make(task: Task, patience: int = 10**9) -> Any:
    """A toy learner with dropout; after `patience` batches it raises an error, as if the process was killed."""
    module = sys.modules[recipes.load(TOY).__module__]
    return module.ToyLearner(task, module.ToyHyperparameters(dropout=0.3), patience)


def task(benchmark: Path, folder: Path, **more: Any) -> Task:
    benchmark = load_benchmark(str(benchmark))
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    return Task(benchmark, images, 5, TrainingFolder(folder, {}), "cpu", False, **more)


def equal(one: Any, other: Any) -> bool:
    """Whether two states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def read_log(folder: Path) -> list[list[float]]:
    """The rows of `log.csv` without its header; NaN for an empty cell."""
    lines = (folder / "log.csv").read_text().splitlines()[1:]
    return [[float(cell or "nan") for cell in line.split(",")] for line in lines]


def state(learner: Any) -> dict[str, Any]:
    return {name: part.state_dict() for name, part in learner.state.items()}


@pytest.fixture
def whole(paired: Path, tmp_path: Path) -> tuple[Any, tuple[dict[str, float], ...]]:
    """A learner that was trained without a stop, and its log."""
    learner = make(task(paired, tmp_path / "whole"))
    return learner, fit(learner, SCHEDULE, task(paired, tmp_path / "whole"))


def test_a_resumed_training_is_equal_to_the_last_bit(paired: Path, tmp_path: Path, whole: Any) -> None:
    learner, rows = whole
    assert [row["iteration"] for row in rows] == [0, 2, 4, 6, 7]
    assert [name for name in rows[2] if name not in rows[1]] == ["held_out_l1"]
    assert learner.stream.position == 14
    again = task(paired, tmp_path / "stopped")
    for patience in (1, 4, 9, 7):  # in unit 1; before unit 3's checkpoint; between two checkpoints; in the last unit
        with pytest.raises(KeyboardInterrupt):
            fit(make(again, patience), SCHEDULE, again)
    assert again.folder.spent()["done"] == 6
    torch.manual_seed(99)
    resumed = make(again)
    assert fit(resumed, SCHEDULE, again) == rows
    assert equal(state(resumed), state(learner))
    assert fit(make(again, 0), SCHEDULE, again) == rows, "a finished training is only loaded"
    moments = resumed.optimisers["generator"].state_dict()["state"]
    assert float(moments[0]["step"]) == 7
    assert moments[0]["exp_avg_sq"].abs().sum() > 0


def test_files_in_the_folder(paired: Path, tmp_path: Path, whole: Any) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    given = task(paired, tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt):
        fit(make(given, 9), SCHEDULE, given)
    fit(make(given), SCHEDULE, given)
    folder = given.folder.path
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["iteration", "l1", "gan", "critic", "rate", "held_out_l1"]
    assert [{name: float(v) for name, v in row.items() if v} for row in rows] == list(whole[1])
    assert (folder / "log.csv").read_bytes() == (tmp_path / "whole" / "log.csv").read_bytes()
    sheets = sorted((folder / "samples").iterdir())
    assert [sheet.name for sheet in sheets] == ["000000.png", "000005.png", "000007.png"]
    with Image.open(sheets[0]) as first, Image.open(sheets[2]) as last:
        assert first.size == (4 * 48, 64)
        assert first.tobytes() != last.tobytes()
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("l1")] == [2, 4, 6, 7]
    assert [event.value for event in events.Scalars("l1")] == pytest.approx([row["l1"] for row in whole[1][1:]])
    assert all(event.value > 0 for event in events.Scalars("images/s"))
    spent = given.folder.spent()
    assert (spent["done"], spent["of"]) == (7, 7)
    assert spent["seconds"] > 0


@pytest.mark.parametrize("after", [0, 1, 2, 5])
def test_a_full_disk_stops_the_training(
    paired: Path, tmp_path: Path, whole: Any, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """The events for TensorBoard were written in a thread, which failed with a traceback."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    given, write, count = task(paired, tmp_path / "full"), RecordWriter.write, itertools.count()

    def fail(writer: Any, content: bytes) -> None:
        if next(count) >= after:
            raise OSError(errno.ENOSPC, "no space")
        write(writer, content)

    monkeypatch.setattr(RecordWriter, "write", fail)
    with pytest.raises(UserError, match="no space is left"):
        fit(make(given), SCHEDULE, given)
    monkeypatch.undo()
    assert fit(make(given), SCHEDULE, given) == whole[1]


def test_a_loss_that_is_not_finite_stops_the_training_before_a_checkpoint(
    paired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = task(paired, tmp_path / "diverged")
    learner = make(given)
    step = learner.advance
    monkeypatch.setattr(learner, "advance", lambda n: {**step(n), "l1": torch.tensor(float("nan") if n == 5 else 1.0)})
    with pytest.raises(UserError, match=r"The loss l1 is no longer finite by iteration 6: .*diverged is kept"):
        fit(learner, SCHEDULE, given)
    kept = given.folder.checkpoint()
    assert kept is not None
    assert kept["number"] == 3


def test_a_budget_stops_with_a_checkpoint_after_each_unit(paired: Path, tmp_path: Path, whole: Any) -> None:
    given = task(paired, tmp_path / "pieces", budget_s=0.0)
    for number in range(1, 7):
        assert fit(make(given), SCHEDULE, given) == tuple(row for row in whole[1] if row["iteration"] <= number)
        assert given.folder.spent()["done"] == number
    last = make(given)
    assert fit(last, SCHEDULE, given) == whole[1]
    assert equal(state(last), state(whole[0]))


def test_the_command_reports_that_it_stopped_and_resumes(paired: Path, tmp_path: Path) -> None:
    words = ["train", TOY, "-b", str(paired), "--out", str(tmp_path / "toy"), "--device", "cpu"]
    ran = CliRunner().invoke(cli, [*words, "--time-budget", "0.000001h"])
    assert ran.exit_code == 0, ran.output
    assert "stopped: after 1 of 7; the same command resumes from here" in ran.output
    ran = CliRunner().invoke(cli, words)
    assert "held-out l1: 0." in ran.output
    assert "stopped" not in ran.output
    for wrong, reason in (("8 h", "'8 h' is not a duration: give hours, minutes or seconds"), ("0", "leaves no time")):
        ran = CliRunner().invoke(cli, [*words, "--time-budget", wrong])
        assert reason in f"{ran.output} {ran.exception}"


# Both calls in one program: a second launch would take seconds.
STOP_AND_RESUME = f"""
import runpy
import sys
from fhpt_bench.cli import cli
with runpy.run_path({COMMAND!r})["Float64"]():
    for budget in (["--time-budget", "0.000001"], []):
        cli.main([*sys.argv[1:], *budget], standalone_mode=False)
"""


def test_two_processes_equal_one_with_the_whole_batch(paired: Path, tmp_path: Path) -> None:
    """They stop at the first row of the log and resume; only the main process prints and writes.

    In float64, see `tests/float64.py`. The test fails if a process uses only its own gradients or the sum in place of
    the mean, starts from its own random weights, or logs only its own losses.
    """
    (tmp_path / "stop_and_resume.py").write_text(STOP_AND_RESUME)
    done = subprocess.run(
        [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines",
         "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", "1",
         "--main_process_port", "0", str(tmp_path / "stop_and_resume.py"),
         "train", TOY, "-b", str(paired), "--device", "cpu", "--out", str(tmp_path / "two")],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("held-out l1: ") == 2
    assert done.stdout.count("stopped: after 2 of 7") == 1
    with Float64():
        train(TOY, str(paired), out=tmp_path / "one", device="cpu")
    one, two = (load_file(tmp_path / name / "toy.safetensors") for name in ("one", "two"))
    assert all(tensor.dtype == torch.float64 for tensor in one.values())
    torch.testing.assert_close(two, one, rtol=TOLERANCE, atol=TOLERANCE)
    logs = [read_log(tmp_path / name) for name in ("one", "two")]
    np.testing.assert_allclose(logs[1], logs[0], rtol=TOLERANCE, atol=TOLERANCE)


class TwoProcesses:
    """Replaces the accelerator of one of two processes."""

    num_processes = 2


def test_gradients_are_means_over_processes_even_if_one_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    here = [torch.nn.Parameter(torch.zeros(n)) for n in (2, 3, 1)]
    here[0].grad = torch.tensor([1.0, 2.0])
    # What the other process sends: whether it has each gradient, then all of them.
    other = torch.tensor([1.0, 1.0, 0.0, 3.0, 4.0, 5.0, 6.0, 7.0, 0.0])
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda flat: flat.add_(other))
    average_gradients(TwoProcesses(), here)  # type: ignore[arg-type]
    assert [p.grad if p.grad is None else p.grad.tolist() for p in here] == [[2.0, 3.0], [2.5, 3.0, 3.5], None]


def test_processes_that_see_different_checkpoints(
    paired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import accelerate.utils

    given = task(paired, tmp_path / "mine")
    learner = make(given)
    monkeypatch.setattr(loop, "join", lambda device: Processes(2, 0))
    monkeypatch.setattr(accelerate.utils, "gather_object", lambda own: [*own, 3])
    with pytest.raises(UserError, match=r"see different checkpoints in .*mine: choose a folder that all of them share"):
        fit(learner, SCHEDULE, given)


def test_a_dry_run_writes_nothing(paired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    ran = CliRunner().invoke(
        cli, ["train", TOY, "-b", str(paired), "--preset", "noisy", "--dry-run", "--device", "cpu"]
    )
    assert ran.exit_code == 0, ran.output
    facts = dict(line.split(": ", 1) for line in ran.stdout.splitlines())
    assert facts["recipe"] == "toy noisy"
    assert facts["folder"] == "trained/tiny/toy-noisy"
    generator, critic = 3 * 6 * 9 + 6 + 12 + 6 * 3 * 9 + 3, 3 * 4 * 9 + 4 + 8
    assert facts["parameters"] == f"{generator + critic} (generator {generator}, critic {critic})"
    assert facts["memory"].endswith("GiB of this process")
    assert "images/s" in facts["one iteration"]
    assert "(7 iterations, 3 evaluations; from one of each that was measured)" in facts["estimated time"]
    assert sorted(tmp_path.rglob("*")) == before
    train(TOY, str(paired), device="cpu", preset="noisy", time_budget=1e-9)
    plan = train(TOY, str(paired), device="cpu", preset="noisy", dry_run=True)
    assert plan["folder"] == "trained/tiny/toy-noisy (1 of 7 done)"
    heads = train("gender-vgg16", device="cpu", dry_run=True)
    assert heads["time"].startswith("feature extraction of 1,600 images with VGG16")


def test_error_messages_name_the_mistake(paired: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"recipe toy has no preset 'plane': did you mean plain\?"):
        train(TOY, str(paired), preset="plane")
    with pytest.raises(UserError, match="has no preset 'small': leave --preset out for gender-vgg16"):
        train("gender-vgg16", preset="small")
    (paired.parent / "train-keypoints.csv").rename(paired.parent / "elsewhere.csv")
    with pytest.raises(UserError, match=r"There is no file .*train-keypoints.csv of training keypoints: put it there"):
        train(TOY, str(paired))
    paired.write_text("\n".join(line for line in paired.read_text().splitlines() if "train_keyp" not in line))
    with pytest.raises(UserError, match="tiny names no training keypoints: name their file in its benchmark file"):
        train(TOY, str(paired))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="gender-vgg16 works in one process: start it without torchrun"):
        train("gender-vgg16")


def test_preset_and_pairs_are_part_of_the_identity_of_a_training(paired: Path, tmp_path: Path) -> None:
    train(TOY, str(paired), out=tmp_path / "toy", device="cpu", time_budget=1e-9)
    with pytest.raises(UserError, match="holds something other than this training"):
        train(TOY, str(paired), out=tmp_path / "toy", preset="noisy", device="cpu")
    with (paired.parent / "train-pairs.csv").open("a") as file:
        file.write("a.jpg,b.jpg\n")
    with pytest.raises(UserError, match="holds something other than this training"):
        train(TOY, str(paired), out=tmp_path / "toy", device="cpu")


def test_an_accelerator_has_the_precision_that_it_is_made_with() -> None:
    layer, x = torch.nn.Conv2d(1, 1, 1), torch.ones(1, 1, 2, 2)
    for precision, dtype in (("no", torch.float32), ("bf16", torch.bfloat16), ("no", torch.float32)):
        accelerator = make_accelerator("cpu", precision)  # type: ignore[arg-type]
        with accelerator.autocast():
            assert layer(x).dtype == dtype


def test_the_learning_rate_is_fixed_and_then_falls_to_zero() -> None:
    """The schedule of the paper: 1e-4 for 10 of 40 epochs, then linear to 0; saved and loaded with its optimiser."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1e-4)
    schedule, rates = fixed_then_linear(optimiser, 10, 40), []
    for epoch in range(42):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
        if epoch == 20:
            kept = schedule.state_dict(), optimiser.state_dict()
            optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1e-4)
            schedule = fixed_then_linear(optimiser, 10, 40)
            schedule.load_state_dict(kept[0])
            optimiser.load_state_dict(kept[1])
    np.testing.assert_allclose(rates, np.interp(np.arange(42), [0, 10, 40, 41], [1e-4, 1e-4, 0, 0]), atol=1e-18)
    for fixed, total in ((5, 4), (-1, 4)):
        with pytest.raises(ValueError, match="units in all are less than"):
            fixed_then_linear(optimiser, fixed, total)


def test_imports_need_no_evaluation_network() -> None:
    names = ["estimate", "features", "loop", "pairs", "replay", "distributed", "schedules", "recipe", "folder", "split"]
    code = (
        f"import sys, importlib\n[importlib.import_module('fhpt_bench.training.' + r) for r in {names}]\n"
        "print([m for m in ('mediapipe', 'dlib', 'faiss', 'skimage', 'lpips', 'timm', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_on_a_gpu(paired: Path, tmp_path: Path, precision: Any) -> None:
    """A GPU gives the losses of the CPU, also if the training is stopped and resumed."""
    # Autocast leaves float64 as it is, so bf16 is compared in its own precision. Rounding to 8 bits is an error of
    # 0.002 in each of a few layers; the first five steps of RAdam are linear in the gradient and do not enlarge it.
    exact = precision == "no"
    for device, budget in (("cpu", None), ("cuda", 1e-9), ("cuda", None)):
        with Float64() if exact else contextlib.nullcontext():
            facts = train(TOY, str(paired), out=tmp_path / device, device=device, mixed_precision=precision,
                          time_budget=budget)  # fmt: skip
        assert facts["precision"] == precision
    rtol, atol = (TOLERANCE, TOLERANCE) if exact else (0.1, 1e-3)
    np.testing.assert_allclose(read_log(tmp_path / "cuda"), read_log(tmp_path / "cpu"), rtol=rtol, atol=atol)
    plan = train(TOY, str(paired), out=tmp_path / "cuda", device="cuda", dry_run=True)
    assert "of the GPU's" in plan["memory"]
    assert plan["mixed precision"] == "bf16"
