"""A folder of the user's, with files of any name that fhpt-bench uses, survives every command that writes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.reading import sha256_file
from tests.deepfashion_standin import stand_in
from tests.hostile.conftest import write_benchmark

# Every name that a command writes or recognises.
NAMES = (
    "run.json", "record.json", "pairs.csv", "variants.md", "files.jsonl", "training.json", "prepared.json", "log.csv",
    "spent.json", "checkpoint.pt", "manifest.json", "train.lst", "keypoints-test.csv", "stages.png", "guidance.png",
    "images/a___b.png", "images/p00_0___p00_1.png", "figures/contact_sheet.png", "figures/mine.png",
    "progress/rank-0.jsonl", "samples/000001.png", "test/x.png", "drn.safetensors", ".writable", "notes.txt",
)  # fmt: skip
CONTENTS = (b"mine", b"", b"{}", b'{"run_id": "x"}', b'{"id": "x"}', b"\xff\xfe", b"[" * 5000)
TOY = Path(__file__).parents[1] / "fhpt_bench" / "training" / "toy.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Good inputs for every command, so that only the output can be refused."""
    root = tmp_path_factory.mktemp("world")
    benchmark = write_benchmark(root / "data")
    fb.run("copy-source", str(benchmark), "psnr", out=root / "made")
    shutil.copytree(root / "made" / "images", root / "generated")
    people = stand_in()
    people.write_tree(root / "photographs" / "DeepFashion")
    people.write_lists(root / "photographs")
    return {"benchmark": benchmark, "images": root / "generated", "photographs": root / "photographs"}


def commands(world: dict[str, Path], out: Path) -> dict[str, list[object]]:
    """Every command that writes where the user says."""
    files = ["-b", world["benchmark"], "-p", "psnr", "--out", out]
    return {
        "run": ["run", "-m", "copy-source", *files],
        "run --overwrite": ["run", "-m", "copy-source", *files, "--overwrite"],
        "evaluate": ["evaluate", world["images"], *files],
        "evaluate --overwrite": ["evaluate", world["images"], *files, "--overwrite"],
        "train": ["train", f"{TOY}:Toy", "-b", world["benchmark"], "--out", out],
        "data prepare": ["data", "prepare", "deepfashion", "--root", world["photographs"], "--out", out],
        "visualize": ["visualize", "stages", "--pairs", "1", "--out", out / "stages.png"],
        "visualize, another name": ["visualize", "guidance", "--pairs", "1", "--out", out / "notes.txt"],
        "validate": ["validate", out, "--images"],
        "leaderboard": ["leaderboard", "--records", out],
        "check": ["data", "check", world["benchmark"], "--data-root", out],
    }


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_foreign_files_are_never_touched(world: dict[str, Path], data: st.DataObject) -> None:
    held = data.draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(CONTENTS), min_size=1, max_size=6))
    name = data.draw(st.sampled_from(sorted(commands(world, Path("x")))))
    if name.startswith("visualize"):  # a new file next to others is what the user asks for
        held["stages.png" if name == "visualize" else "notes.txt"] = b"mine"
    with tempfile.TemporaryDirectory() as place:
        mine = Path(place) / "mine"
        for file, content in held.items():
            (mine / file).parent.mkdir(parents=True, exist_ok=True)
            (mine / file).write_bytes(content)
        before = contents(mine)
        done = CliRunner().invoke(cli, [str(word) for word in commands(world, mine)[name]])
        assert contents(mine) == before, name
        assert done.exit_code != 0, name
        assert isinstance(done.exception, fb.UserError | SystemExit), (name, done.exception)
        assert sorted(path.name for path in Path(place).iterdir()) == ["mine"]


@pytest.mark.parametrize("name", ["run", "evaluate", "train", "data prepare"])
def test_the_same_command_writes_into_a_new_folder(world: dict[str, Path], tmp_path: Path, name: str) -> None:
    """The commands of the property are refused for their output only."""
    done = CliRunner().invoke(cli, [str(word) for word in commands(world, tmp_path / "new")[name]])
    assert done.exit_code == 0, done.exception
    assert contents(tmp_path / "new")
