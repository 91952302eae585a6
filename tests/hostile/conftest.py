"""What strangers send: a true record to forge from, a tiny benchmark, and the command line without tracebacks."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.cli import main

PEOPLE, SIZE = 12, (64, 48)


@dataclass(frozen=True)
class Done:
    """The result of a command: exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Run a command as a user does; anything but a result or a sentence is an error of the test."""
    monkeypatch.setenv("COLUMNS", "250")

    def run(*words: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        captured = capfd.readouterr()
        done = Done(int(ended.value.code or 0), captured.out, captured.err)
        assert "Traceback" not in done.text
        return done

    return run


def write_benchmark(root: Path, **settings: str) -> Path:
    """A benchmark of 24 pairs of 12 people, 48 wide and 64 high; `settings` are TOML values; returns the file."""
    (root / "test").mkdir(parents=True)
    random, pairs, poses = np.random.default_rng(0), ["from,to"], ["name:keypoints_y:keypoints_x"]
    for person in range(PEOPLE):
        names = [f"p{person:02}_{i}.png" for i in (0, 1)]
        pairs += [f"{names[0]},{names[1]}", f"{names[1]},{names[0]}"]
        for name in names:
            Image.fromarray(random.integers(0, 255, (*SIZE, 3), np.uint8)).save(root / "test" / name)
            poses.append(f"{name}: {[50] * 18}: {[40] * 18}")
    (root / "pairs.csv").write_text("\n".join(pairs) + "\n")
    (root / "keypoints.csv").write_text("\n".join(poses) + "\n")
    (root / "train.lst").write_text("\n".join(line.partition(":")[0] for line in poses[1:]) + "\n")
    values = {
        "id": '"mine"', "version": '"1"', "title": '"noise"', "root": '"."', "image_size": "[64, 48]",
        "images": '"test"', "pairs": '"pairs.csv"', "keypoints": '"keypoints.csv"',
        "train_images": '"test"', "train_list": '"train.lst"', "train_pairs": '"pairs.csv"',
        "train_keypoints": '"keypoints.csv"', "protocols": '["ssim", "psnr"]',
    }  # fmt: skip
    file = root / "mine.toml"
    file.write_text("".join(f"{key} = {value}\n" for key, value in (values | settings).items()))
    return file


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    return write_benchmark(tmp_path / "data")


@pytest.fixture(scope="session")
def true_record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record of 12 pairs of `studio` with scores by pair and of the whole set."""
    import fhpt_bench as fb

    folder = tmp_path_factory.mktemp("true") / "run"
    fb.run("copy-source", "studio", ["ssim", "psnr"], limit=12, out=folder)
    return folder


@dataclass(frozen=True)
class Forger:
    """Copies of a true record with changes that a careful forger makes.

    Args:
        source: the folder of the true record.
        place: where the copies are made.
    """

    source: Path
    place: Path

    def __call__(
        self,
        name: str = "forged",
        change: Callable[[dict[str, Any]], object] = lambda record: None,
        table: Callable[[list[list[str]]], Sequence[Sequence[str]]] | None = None,
        raw: bytes | None = None,
    ) -> Path:
        """A copy whose record is changed, whose table is changed with its digest, or whose record is `raw`."""
        folder = shutil.copytree(self.source, self.place / name, ignore=shutil.ignore_patterns("images", "figures"))
        content = json.loads((folder / "record.json").read_text())
        content["model"]["name"] = name
        change(content)
        if table is not None:
            lines = [line.split(",") for line in (folder / "pairs.csv").read_text().splitlines()]
            text = "".join(",".join(line) + "\n" for line in table(lines)).encode()
            (folder / "pairs.csv").write_bytes(text)
            content["pairs"]["sha256"] = hashlib.sha256(text).hexdigest()
        (folder / "record.json").write_bytes(json.dumps(content).encode() if raw is None else raw)
        return folder


@pytest.fixture
def forge(true_record: Path, tmp_path: Path) -> Forger:
    return Forger(true_record, tmp_path / "records")
