"""The commands, links and examples of the documents work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.benchmarks.schema import BenchmarkSchema, read_schema
from fhpt_bench.cli import cli
from fhpt_bench.networks.encoders import READY, Encoder, read_encoders

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_examples_of_contributing_run(tmp_path: Path) -> None:
    for code in re.findall(r"```python\n# (\S+)\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL):
        (tmp_path / code[0]).write_text(code[1])
    record = fb.run(
        f"{tmp_path}/mine.py:Mirror", protocols=f"{tmp_path}/brightness.py:Brightness", limit=10, out=tmp_path / "run"
    )
    assert record["brightness"].status == "ok"
    assert record["brightness"].n == 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_links_exist(document: Path) -> None:
    text = document.read_text()
    with cli.make_context("fhpt-bench", ["--help-not-shown"], resilient_parsing=True) as context:
        known = cli.list_commands(context)
    for command in re.findall(r"^(?:\$ )?fhpt-bench ([a-z]\S*)", text, re.MULTILINE):
        assert command in known, f"{document.name} names `fhpt-bench {command}`"
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text):
        assert (document.parent / link).exists(), f"{document.name} points at {link}"


def test_the_page_on_benchmarks_names_every_key_and_its_example_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "benchmark.md").read_text()
    names = {*BenchmarkSchema.model_fields} - {"schema_version"}
    assert not {name for name in names if f"`{name}`" not in text}
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my.toml").write_text(example)
    assert read_schema(tmp_path / "my.toml").keypoint_frame == (512, 352)


def test_the_page_on_encoders_names_every_key_and_its_example_is_read(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "encoders.md").read_text()
    assert not {name for name in {*Encoder.model_fields} - {"name", "folder"} if f"`{name}`" not in text}
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "my.toml").write_text(example)
    assert read_encoders(tmp_path / "my.toml")["mine"].sides == (256, 128)
    for encoder in read_encoders(READY).values():
        assert f"| `{encoder.name}` |" in text
        assert encoder.url in text


def test_studio_is_whole() -> None:
    benchmark = load_benchmark("studio")
    assert len(benchmark.image_digests()) == len(benchmark.images)
    assert benchmark.truth.face
    assert benchmark.truth.parsing
