"""Plugins whose files or code change, and scores that say other things than their own values."""

from __future__ import annotations

from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation.model_checks import wrong_images
from fhpt_bench.model import models
from fhpt_bench.plugin_code import code_digest
from tests.hostile.conftest import write_benchmark

HEAD = """
import json
from pathlib import Path
import numpy as np
import pandas as pd
import torch
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol, Protocol, Score
"""
MODEL = """
class Mine(Generator):
    card = ModelCard("mine", "a model")
    calls = 0

    def generate(self, batch):
        self.calls += 1
        {body}
"""
PROTOCOL = """
class Mine({base}):
    id = "{id}"
    title = "a protocol"
    citation = "none"
    variants = {{"canonical": "it"}}
    metrics = (MetricCard("mine", "Mine", True, range=(0, 1), per_pair={per_pair}),)

    def {method}
"""


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return str(write_benchmark(tmp_path / "data"))


def model(folder: Path, body: str, head: str = "") -> str:
    (folder / "mymodel.py").write_text(HEAD + head + MODEL.format(body=body))
    return f"{folder / 'mymodel.py'}:Mine"


def protocol(folder: Path, method: str, base: str = "Protocol", per_pair: bool = True, id_: str = "mine") -> str:
    text = HEAD + PROTOCOL.format(base=base, id=id_, per_pair=per_pair, method=method)
    (folder / "myprotocol.py").write_text(text)
    return f"{folder / 'myprotocol.py'}:Mine"


@pytest.mark.parametrize("place", ['with_name("gain.json")', 'parent / "weights" / "gain.json"'])
def test_a_file_that_the_source_names_counts(tmp_path: Path, place: str) -> None:
    """An edited parameter file gave the old number: only modules were in the digest."""
    (tmp_path / "weights").mkdir()
    name = model(tmp_path, "return batch.source * GAIN", f"GAIN = json.loads((Path(__file__).{place}).read_text())\n")
    file = tmp_path / ("weights/gain.json" if "weights" in place else "gain.json")
    file.write_text("0.5")
    (tmp_path / "unnamed.json").write_text("1")
    before = models.load(name)
    digest = code_digest(before)
    (tmp_path / "unnamed.json").write_text("2")
    assert code_digest(models.load(name)) == digest
    file.write_text("0.1")
    again = models.load(name)
    assert code_digest(again) != digest
    assert again is not before, "the module is run again, with the new file"


def test_an_edited_protocol_measures_again(benchmark: str, tmp_path: Path) -> None:
    """Its finished pairs were kept by its version alone."""
    values = []
    for value in (0.5, 0.25):
        method = f'compare(self, images): return {{"mine": PairValues.of(np.full(len(images.generated), {value}))}}'
        name = protocol(tmp_path, method, "PairwiseProtocol")
        values.append(fb.run("copy-source", benchmark, name, limit=3, out=tmp_path / "out")["mine"])
    assert [score.value for score in values] == [0.5, 0.25]
    assert values[0].fingerprint != values[1].fingerprint


def test_an_import_that_fails_has_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "net.py").touch()
    name = model(tmp_path, "return batch.source", "from .net import paint\n")
    with pytest.raises(UserError, match=r"relative import .*mymodel\.py:\d+\)\. A plugin's file imports from its own"):
        models.load(name)


@pytest.mark.parametrize(("resumed", "body"), [(False, "(x + 1) * 127.5"), (True, "x * 3")])
def test_the_range_of_every_batch(benchmark: str, tmp_path: Path, resumed: bool, body: str) -> None:
    """Only the first batch was looked at."""
    name = model(tmp_path, f"x = batch.source\n        return x if self.calls == 1 else {body}")
    for _ in range(1 + resumed):
        record = fb.run(name, benchmark, "psnr", limit=6, out=tmp_path / "out", batch_size=3)
    assert record.model.output_range is not None
    assert max(map(abs, record.model.output_range)) > 1.5


def test_what_a_model_returns(benchmark: str, tmp_path: Path) -> None:
    """Whole numbers were rounded to three grey values, complex numbers and sparse tensors ended in a traceback."""
    import torch

    images = torch.zeros(1, 3, 2, 2)
    shape = tuple(images.shape)
    assert wrong_images(images.half(), shape) is None
    for wrong, said in ((images.byte(), "uint8"), (images.long(), "int64"), (images + 0j, "complex64"),
                        (images.to_sparse(), "sparse_coo"), (images > 0, "bool")):  # fmt: skip
        assert said in str(wrong_images(wrong, shape))
    with pytest.raises(UserError, match="a tensor of complex64, not a dense one of floating-point numbers"):
        fb.run(model(tmp_path, "return batch.source + 0j"), benchmark, "psnr", limit=2, out=tmp_path / "out")


TABLE = 'pd.DataFrame({"value": np.full(len(ids), 0.5), "weight": 1.0, "skipped": ""}, index=ids)'
SCORES = {
    "two values": ('(Score("mine", 0.1, 3), Score("mine", 0.9, 3))', False, "two values of one metric"),
    "n of text": ('(Score("mine", 0.1, "3"),)', False, "n is '3', not a number of pairs"),
    "details": ('(Score("mine", 0.1, 3, details={"x": np.float32(1)}),)', False, "are not JSON values"),
    "an interval": ('(Score("mine", 0.5, 3, interval=(0.1, 0.9)),)', False, "of type tuple, not an Interval"),
    "a dictionary": ('(Score("mine", 0.5, 3, {"a": 1}),)', True, "not a table with the columns"),
    "other columns": ('(Score("mine", 0.5, 3, pd.DataFrame({"v": 0.5}, index=ids)),)', True, "not a table with"),
    "one pair twice": (f'(Score("mine", 0.5, 3, {TABLE.replace("=ids", "=ids[:1] * 3")}),)', True, "one row"),
    "too few pairs": (f'(Score("mine", 0.5, 2, {TABLE}.head(2)),)', True, "one row for each of the 3 pairs"),
    "another mean": (f'(Score("mine", 0.9, 3, {TABLE}),)', True, "the value is 0.9, but its pairs give 0.5"),
    "another n": (f'(Score("mine", 0.5, 999, {TABLE}),)', True, "n is 999, but 3 pairs count"),
    "a pair out of range": (
        f'(Score("mine", 0.5, 3, {TABLE.replace("np.full(len(ids), 0.5)", "[7.0, -6.0, 0.5]")}),)', True,
        "a pair has the value 7.0, outside the range",
    ),
    "no weight": (f'(Score("mine", 0.5, 3, {TABLE.replace("1.0", "np.nan")}),)', True, "no finite value and weight"),
}  # fmt: skip


@pytest.mark.parametrize(("returned", "per_pair", "message"), SCORES.values(), ids=SCORES)
def test_a_score_must_fit_its_own_values(
    benchmark: str, tmp_path: Path, returned: str, per_pair: bool, message: str
) -> None:
    """They were recorded with status ok, or ended in a traceback."""
    method = f"score(self, evidence):\n        ids = [p.id for p in evidence.pairs]\n        return {returned}"
    score = fb.run("copy-source", benchmark, protocol(tmp_path, method, per_pair=per_pair), limit=3,
                   out=tmp_path / "out")["mine"]  # fmt: skip
    assert (score.status, score.value) == ("failed", None)
    assert message in score.reason


@pytest.mark.parametrize("values", ["np.full((n, 1), 0.5), np.ones((n, 1))", "np.full(n, 0.5), np.full(n, np.nan)"])
def test_values_by_pair_are_single_finite_numbers(benchmark: str, tmp_path: Path, values: str) -> None:
    method = f"""compare(self, images):
        n = len(images.generated)
        return {{"mine": PairValues({values}, ("",) * n)}}"""
    name = protocol(tmp_path, method, "PairwiseProtocol")
    score = fb.run("copy-source", benchmark, name, limit=3, out=tmp_path / "out")["mine"]
    assert score.status == "failed"
    assert "weight" in score.reason


def test_an_id_means_one_protocol(benchmark: str, tmp_path: Path) -> None:
    """The second of two was dropped, and a file's number was recorded as PSNR."""
    method = 'score(self, evidence): return (Score("mine", 0.5, 3),)'
    name = protocol(tmp_path, method, per_pair=False, id_="psnr")
    for chosen in (name, ["psnr", name]):
        with pytest.raises(UserError, match="has the id of the installed protocol 'psnr'"):
            fb.run("copy-source", benchmark, chosen, limit=3, out=tmp_path / "out")
    one = protocol(tmp_path, method, per_pair=False)
    other = tmp_path / "other.py"
    other.write_text((tmp_path / "myprotocol.py").read_text())
    with pytest.raises(UserError, match="Two of the chosen protocols have the id 'mine'"):
        fb.run("copy-source", benchmark, [one, f"{other}:Mine"], limit=3, out=tmp_path / "out")
