"""`action.yml`: the check of a repository of submissions refuses what is wrong, and prints no command of a stranger."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.cli import cli

ROOT = Path(__file__).parents[2]


def script(name: str = "Check") -> str:
    steps = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    (found,) = (step for step in steps if step.get("name") == name)
    return str(found["run"])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    fb.run("copy-source", protocols="psnr", limit=8, out=folder)
    return folder


@pytest.fixture(scope="module")
def packed(run: Path) -> Path:
    file = run.parent / "mine.zip"
    words = ["submit", str(run), "--who", "::error::stranger", "--made", "by hand", "--out", str(file)]
    assert CliRunner().invoke(cli, words).exit_code == 0
    return file


class Repository:
    """A repository of submissions with a pull request."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.git("init", "-q", "-b", "main")
        (place / "old.zip").write_bytes(b"not a submission, but not of this pull request")
        self.commit("main")
        self.base = self.git("rev-parse", "HEAD").strip()
        self.git("checkout", "-q", "-b", "change")

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *identity, *words], cwd=self.place, check=True, capture_output=True, text=True)
        return done.stdout

    def commit(self, text: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", text)

    def check(self, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "FILES": "", "IMAGES": "images", "RECOMPUTE": "50%", "BASE": self.base, **variables}
        env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
        return subprocess.run(["bash", "-c", script()], cwd=self.place, env=env, capture_output=True, text=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_the_files_of_a_pull_request_are_checked(repository: Repository, run: Path, packed: Path) -> None:
    (repository.place / "new").mkdir()
    shutil.copy(packed, repository.place / "new" / "mine's $(touch evil) é.zip")
    shutil.copy(packed, repository.place / "-x.zip")
    shutil.copytree(run / "images", repository.place / "images" / "-x")
    repository.commit("change")
    done = repository.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 submissions checked, 0 refused." in done.stdout
    assert "in 4 of 8 pairs, chosen at random" in " ".join(done.stdout.split())
    assert not list(repository.place.rglob("evil"))
    lines = [line.strip() for line in done.stdout.splitlines()]
    stopped = next(line.removeprefix("::stop-commands::") for line in lines if line.startswith("::stop-commands::"))
    commands = [line for line in lines[: lines.index(f"::{stopped}::")] if line.startswith("::")]
    assert commands[0] == f"::stop-commands::{stopped}"
    assert "::error::stranger" in done.stdout  # printed, but commands are off
    assert not any(line.startswith("::") for line in lines[lines.index(f"::{stopped}::") + 1 :])


def test_a_wrong_file_or_other_images_fail(repository: Repository, run: Path, packed: Path) -> None:
    shutil.copy(packed, repository.place / "mine.zip")
    images = shutil.copytree(run / "images", repository.place / "images" / "mine")
    first, second = sorted(images.iterdir())[:2]
    shutil.copy(first, second)
    (repository.place / "wrong.zip").write_bytes(packed.read_bytes()[:-50])
    repository.commit("change")
    done = repository.check()
    assert done.returncode == 1
    assert "2 submissions checked, 2 refused." in done.stdout


def test_named_files_a_push_and_a_shallow_clone(repository: Repository, packed: Path) -> None:
    shutil.copy(packed, repository.place / "mine.zip")
    repository.commit("change")
    assert "1 submissions checked, 0 refused." in repository.check(FILES="mine.zip\n").stdout
    pushed = repository.check(BASE="")
    assert (pushed.returncode, "2 submissions checked, 1 refused." in pushed.stdout) == (1, True)
    # A base that the clone does not have must not look like a pull request without submissions.
    assert repository.check(BASE="0" * 40).returncode != 0


def test_the_workflow_of_the_docs_names_this_action() -> None:
    page = (ROOT / "docs" / "submit.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])
    step = workflow["jobs"]["check"]["steps"][1]
    assert set(step["with"]) <= set(yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))["inputs"])
    assert workflow[True] == "pull_request"  # YAML 1.1 reads "on" as true
    assert workflow["permissions"] == {"contents": "read"}
