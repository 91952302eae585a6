"""Plugins of an installed package work, although this project does not name the package."""

from __future__ import annotations

import json
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "third_party"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    """`fhpt-bench` in a fresh environment that has this one's packages and the third party's."""
    environment = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    [packages] = (environment / "lib").glob("python*/site-packages")
    # addsitedir, not a bare path: it also honours the .pth file of an editable install.
    lines = "".join(f"import site; site.addsitedir({folder!r})\n" for folder in site.getsitepackages())
    (packages / "host.pth").write_text(lines)
    copy = shutil.copytree(PACKAGE, tmp_path / "acme")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", copy],
        check=True,
    )  # fmt: skip
    return [str(python), "-c", "from fhpt_bench.cli import main; main()"]


def test_installed_package_is_listed_and_runs(command: list[str], tiny: Path, tmp_path: Path) -> None:
    def call(*words: str) -> str:
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    models = call("models")
    assert "acme-mirror" in models
    assert "acme-hpt 1.2.3" in models
    assert "not loaded" in models
    assert "acme-colour" in call("protocols")
    assert "the source image, mirrored" in call("models", "acme-mirror")
    broken = subprocess.run([*command, "models", "acme-broken"], capture_output=True, text=True, check=False)
    assert broken.returncode == 2  # it names a class that does not exist
    assert "acme-broken' (acme-hpt 1.2.3) is broken" in broken.stderr

    out = tmp_path / "run"
    call("run", "--model", "acme-mirror", "--protocols", "ssim,acme-colour", "-b", str(tiny), "-o", str(out))
    scores = json.loads((out / "record.json").read_text())["scores"]
    assert [score["status"] for score in scores] == ["ok", "ok"]
    assert scores[1]["details"] == {"n_real": 24}
    assert scores[1]["interval"] is None
