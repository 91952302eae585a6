"""Nothing runs from data, and nothing of other packages runs because it is listed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Done, Forger, write_benchmark

Call = Callable[..., Done]
GROUPS = ("models", "protocols", "features", "supplied_features", "benchmarks", "recipes", "weights", "commands")
LISTINGS = (
    ["--help"], ["models"], ["protocols"], ["benchmarks"], ["weights", "list"], ["doctor"], ["train"], ["nonsense"],
    ["models", "nonsense"], ["run", "-m", "nonsense"], ["data", "--help"],
)  # fmt: skip


@pytest.fixture
def spy(tmp_path: Path) -> Path:
    """A package with an entry point in every group, whose import leaves a mark; returns its folder."""
    root = tmp_path / "packages"
    info = root / "spy_hpt-1.0.dist-info"
    info.mkdir(parents=True)
    (root / "spy_hpt.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spy-hpt\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("".join(f"[fhpt_bench.{group}]\nspy = spy_hpt:X\n" for group in GROUPS))
    return root


def run(spy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path.insert(0, {str(spy)!r}); from fhpt_bench.cli import main; main(sys.argv[1:])"
    return subprocess.run([sys.executable, "-c", start, *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", LISTINGS, ids=" ".join)
def test_lists_import_nothing_of_other_packages(spy: Path, tmp_path: Path, words: list[str]) -> None:
    done = run(spy, *words)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "ran").exists()
    if words[0] in ("models", "protocols", "benchmarks", "weights", "doctor", "train", "--help") and len(words) < 3:
        assert "spy" in done.stdout + done.stderr


@pytest.mark.parametrize("words", [["models", "spy"], ["protocols", "spy"], ["weights", "list", "spy"], ["spy"]])
def test_a_card_is_loaded_when_it_is_asked_for(spy: Path, tmp_path: Path, words: list[str]) -> None:
    done = run(spy, *words)
    assert (tmp_path / "ran").exists()
    assert "is broken" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_benchmark_file_never_runs_code(tmp_path: Path, call: Call) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Evil: pass\n")
    for name in (f"{tmp_path / 'evil.py'}:Evil", "evil.py:Evil", "../evil.py:Evil"):
        file = write_benchmark(tmp_path / str(len(name)), protocols=f'["{name}"]')
        for words in (["run", "-m", "copy-source", "-b", file], ["benchmarks", file], ["data", "check", file]):
            assert call(*words).code == 2
    assert not (tmp_path / "ran").exists()


def test_a_record_never_runs_code(tmp_path: Path, forge: Forger, call: Call) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Evil: pass\n")
    path = f"{tmp_path / 'evil.py'}:Evil"

    def change(record: dict) -> None:
        record["benchmark"]["id"] = record["model"]["name"] = path
        record["protocols"][0].update(id=path, features=[path], weights=[path])
        record["scores"][0]["protocol"] = path

    folder = forge(change=change)
    for words in (["validate", folder], ["validate", folder, "--images"], ["leaderboard", "--records", folder]):
        call(*words)
    assert not (tmp_path / "ran").exists()
