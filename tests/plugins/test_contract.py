"""What a plugin must keep, and what is said if it does not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.model_checks import doubtful_range
from fhpt_bench.model import models
from fhpt_bench.protocol import protocols
from tests.hostile.conftest import write_benchmark

MODEL = """
import torch
from fhpt_bench.model import Generator, ModelCard

class Mine(Generator):
    card = ModelCard("mine", "a model")

    def generate(self, batch):
        {body}
"""
PROTOCOL = """
import numpy as np
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol, Protocol, Score

class Mine({base}):
    id = "mine"
    title = "a protocol"
    citation = "none"
    variants = {{"canonical": "it"}}
    metrics = (MetricCard("mine", "Mine", True, range=(0, 1)),)

    def {method}
"""


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return str(write_benchmark(tmp_path / "data"))


def model(tmp_path: Path, body: str) -> str:
    (tmp_path / "mymodel.py").write_text(MODEL.format(body=body))
    return f"{tmp_path / 'mymodel.py'}:Mine"


def protocol(tmp_path: Path, method: str, base: str = "PairwiseProtocol", change: Callable[[str], str] = str) -> str:
    (tmp_path / "myprotocol.py").write_text(change(PROTOCOL.format(base=base, method=method)))
    return f"{tmp_path / 'myprotocol.py'}:Mine"


def check(name: str) -> Result:
    return CliRunner().invoke(cli, ["check-plugin", name], env={"COLUMNS": "200"})


@pytest.mark.parametrize(
    ("body", "doubtful"),
    [
        ("return batch.source", False),
        ("return batch.source * 1.2", False),
        ("return (batch.source + 1) / 2", True),
        ("return (batch.source + 1) * 127.5", True),
        ("return batch.source * 3", True),
        ("return (batch.source + 1) / 2 - 0.001", True),
    ],
)
def test_a_doubtful_range_is_said_and_recorded(
    benchmark: str, tmp_path: Path, body: str, doubtful: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """[0, 1] and [0, 255] were clipped in silence; nothing is ever rescaled."""
    name = model(tmp_path, body)
    for _ in range(2):  # the second time, the images are kept
        record = fb.run(name, benchmark, "psnr", out=tmp_path / "out", batch_size=5)
        assert (record.model.output_range is not None) == doubtful
        assert ("[RANGE]" in fb.reporting.formatting.model_label(record.model)) == doubtful
    assert ("[-1, 1] is expected" in caplog.text) == doubtful
    assert (check(name).exit_code == 1) == doubtful


def test_the_range_of_the_models_that_ship() -> None:
    import torch

    white = torch.ones(4, 3, 8, 8)
    assert doubtful_range(white) is not None, "an image without a dark pixel is doubtful"
    dark = white.clone()
    dark[:, :, :1, :1] = -0.5
    assert doubtful_range(dark) is None
    residual = torch.linspace(-1.2, 1.2, 4 * 3 * 32 * 32).reshape(4, 3, 32, 32)
    residual[0, 0, 0, :4] = 1.57
    assert doubtful_range(residual) is None, "a few pixels of an image that is not clipped"
    residual[0, 0, :2] = 1.57
    assert doubtful_range(residual) is not None


MODELS = {
    "no card": ('    card = ModelCard("mine", "a model")\n', "", "it has no card"),
    "a card of text": ('ModelCard("mine", "a model")', '"mine"', "it has no card"),
    "an unknown conditioning": (
        '"a model")', '"a model", conditioning=("depth",))', r"unknown conditioning .*mymodel\.py:6",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MODELS.values(), ids=MODELS)
def test_models(tmp_path: Path, old: str, new: str, message: str) -> None:
    name = model(tmp_path, "return batch.source")
    file = tmp_path / "mymodel.py"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(UserError, match=message):
        models.load(name)
    done = check(name)
    assert done.exit_code == 1
    assert "WRONG" in done.output


CLASSES = {
    "no title": ('    title = "a protocol"\n', "", "it has no text 'title'"),
    "no variants": ('    variants = {"canonical": "it"}\n', "", "it has no variants"),
    "no comma": ("range=(0, 1)),)", "range=(0, 1)))", "not a tuple of MetricCard, with a comma"),
    "no metrics": ('metrics = (MetricCard("mine", "Mine", True, range=(0, 1)),)', "x = 1", "not a tuple of MetricCard"),
    "an empty range": ("range=(0, 1)", "range=(1, 0)", "has an empty range"),
    "two of one name": ("range=(0, 1)),)", 'range=(0, 1)), MetricCard("mine", "M", True))', "two metrics with"),
    "an unknown headline": ('    citation = "none"\n', '    citation = ""\n    headlines = ("x",)\n', "headline 'x'"),
    "a version of no variant": (
        '    citation = "none"\n', '    citation = ""\n    versions = {"x": 2}\n', "name 'x', which is not one of its",
    ),
    "a version that is not raised": (
        '    citation = "none"\n', '    citation = ""\n    versions = {"canonical": 1}\n', "not a whole number above 1",
    ),
    "a version of text": ('    citation = "none"\n', '    citation = ""\n    version = "1"\n', "not a whole number"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), CLASSES.values(), ids=CLASSES)
def test_classes_of_protocols(tmp_path: Path, old: str, new: str, message: str) -> None:
    good = "compare(self, images):\n        return {}"
    protocols.load(protocol(tmp_path, good))
    name = protocol(tmp_path, good, change=lambda text: text.replace(old, new))
    with pytest.raises(UserError, match=message):
        protocols.load(name)
    assert check(name).exit_code == 1


VALUES = "PairValues.of(np.full(len(images.generated), {}))"
RESULTS = {
    "a value out of range": (f'compare(self, images): return {{"mine": {VALUES.format(7.0)}}}', "is 7.0, outside"),
    "a list": ("compare(self, images): return [1, 2]", "compare returned list"),
    "plain arrays": ('compare(self, images): return {"mine": np.ones(len(images.generated))}', "not a mapping of"),
    "too few values": ('compare(self, images): return {"mine": PairValues.of(np.ones(1))}', "1 values of mine for"),
    "another metric": (f'compare(self, images): return {{"other": {VALUES.format(0.5)}}}', "KeyError: 'mine'"),
    "an error": ("compare(self, images): return 1 / 0", r"ZeroDivisionError: division by zero \(.*myprotocol\.py:12\)"),
}  # fmt: skip


@pytest.mark.parametrize(("method", "message"), RESULTS.values(), ids=RESULTS)
def test_results_of_compare(benchmark: str, tmp_path: Path, method: str, message: str) -> None:
    name = protocol(tmp_path, method)
    score = fb.run("copy-source", benchmark, name, out=tmp_path / "out")["mine"]
    assert score.status == "failed"
    assert re.search(message, score.reason)
    done = check(name)
    assert done.exit_code == 1
    assert "WRONG" in done.output


SCORES = {
    "not a tuple": ('score(self, evidence): return Score("mine", 0.5, 3)', "score returned Score, not a tuple"),
    "numbers": ("score(self, evidence): return (0.5,)", "not a tuple of Score"),
    "no such metric": ('score(self, evidence): return (Score("x", 0.5, 3),)', "no value of mine"),
    "a numpy number": ('score(self, evidence): return (Score("mine", np.float32(0.5), 3),)', "of type float32"),
    "NaN": ('score(self, evidence): return (Score("mine", float("nan"), 3),)', "the value is nan"),
    "no values by pair": ('score(self, evidence): return (Score("mine", 0.5, 3),)', "its card says per_pair=True"),
}


@pytest.mark.parametrize(("method", "message"), SCORES.values(), ids=SCORES)
def test_results_of_score(benchmark: str, tmp_path: Path, method: str, message: str) -> None:
    name = protocol(tmp_path, method, base="Protocol")
    score = fb.run("copy-source", benchmark, name, out=tmp_path / "out")["mine"]
    assert score.status == "failed"
    assert message in score.reason


TRIALS = {
    "a good one": ("return batch.source", "Everything that was tried fits"),
    "another shape": ("return batch.source[:, :, 1:]", "not a tensor of shape (4, 3, 256, 176)"),
    "no tensor": ("return None", "generate returned NoneType"),
    "NaN": ("return batch.source / 0 * 0", "NaN or infinite"),
    "an error": ("return batch.nothing", "AttributeError"),
    "the batch's mean": ("return batch.source - batch.source.mean() + 0 * batch.source", "depends on the others"),
    "random numbers of its own": (
        "made = torch.Generator().manual_seed(torch.seed() % 2**31)\n"
        "        return batch.source + 0.5 * torch.rand(batch.source.shape, generator=made)",
        "gave different images",
    ),
    "a changed input": ("return batch.source.mul_(0.9)", "changed its input"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "message"), TRIALS.values(), ids=TRIALS)
def test_check_plugin_on_models(tmp_path: Path, body: str, message: str) -> None:
    done = check(model(tmp_path, body))
    assert message in done.output
    assert done.exit_code == ("fits" not in message)


@pytest.mark.parametrize("name", ["warp", "psnr", "ssim"])
def test_check_plugin_on_ours(name: str) -> None:
    done = check(name)
    assert done.exit_code == 0, done.output


def test_what_cannot_be_tried_is_no_failure(tmp_path: Path) -> None:
    good = f'compare(self, images): return {{"mine": {VALUES.format(0.5)}}}'
    name = protocol(tmp_path, good + '\n    @property\n    def weights(self): return ("drn-tex64",)')
    done = check(name)
    assert "cannot" in done.output
    assert "The weights drn-tex64" in " ".join(done.output.split())
    assert done.exit_code == 0
    assert isinstance(check("nonsense").exception, UserError)
