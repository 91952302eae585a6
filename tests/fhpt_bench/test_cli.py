"""A user's mistake takes less than three seconds and gives one sentence: what is wrong, and what to do."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.benchmark import load_benchmark

# Fails as with a full disk, and prints afterwards whether torch was imported.
PROGRAM = """
import errno, os, sys
if os.environ.get("FULL_DISK"):
    def fsync(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")
    os.fsync = fsync
from fhpt_bench.cli import main
try:
    main()
finally:
    print("TORCH", "torch" in sys.modules)
"""


def call(*words: str | Path, full_disk: bool = False) -> tuple[int, str, str, float]:
    """Exit code, output, error and CPU seconds of a command (wall time would include other processes)."""
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, words)], capture_output=True, text=True, check=False,
        env={**os.environ, **({"FULL_DISK": "1"} if full_disk else {})},
    )  # fmt: skip
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime
    return done.returncode, done.stdout, done.stderr, seconds


@pytest.fixture
def images(tiny: Path, tmp_path: Path) -> Path:
    """A folder with a correctly named image of every pair."""
    benchmark = load_benchmark(str(tiny))
    folder = tmp_path / "images"
    folder.mkdir()
    for pair in benchmark.pairs:
        Image.open(benchmark.folder / pair.source).save(folder / f"{pair.id}.png")
    return folder


def first(folder: Path) -> Path:
    return sorted(folder.iterdir())[0]


def empty(tiny: Path, images: Path) -> None:
    for path in images.iterdir():
        path.unlink()


def half(tiny: Path, images: Path) -> None:
    for path in sorted(images.iterdir())[::2]:
        path.unlink()


def truncated(tiny: Path, images: Path) -> None:
    path = first(images)
    with Image.open(path) as image:
        image.convert("RGB").save(path.with_suffix(".jpg"))
    path.unlink()
    content = path.with_suffix(".jpg").read_bytes()
    path.with_suffix(".jpg").write_bytes(content[: len(content) // 2])


def wrong_size(tiny: Path, images: Path) -> None:
    Image.new("RGB", (256, 64)).save(first(images))


def transparent(tiny: Path, images: Path) -> None:
    Image.new("RGBA", (48, 64)).save(first(images))


def sixteen_bit(tiny: Path, images: Path) -> None:
    Image.fromarray(np.zeros((64, 48), np.uint16)).save(first(images))


def twice(tiny: Path, images: Path) -> None:
    shutil.copy(first(images), first(images).with_suffix(".jpg"))


def no_bytes(tiny: Path, images: Path) -> None:
    first(images).write_bytes(b"")


def damaged_real_image(tiny: Path, images: Path) -> None:
    first(tiny.parent / "test").write_bytes(b"\xff\xd8\xff")


def missing_column(tiny: Path, images: Path) -> None:
    pairs = tiny.parent / "pairs.csv"
    pairs.write_text(pairs.read_text().replace("from,to", "from,name"))


def half_row(tiny: Path, images: Path) -> None:
    with (tiny.parent / "pairs.csv").open("a") as file:
        file.write("only-one.jpg\n")


def path_in_name(tiny: Path, images: Path) -> None:
    with (tiny.parent / "pairs.csv").open("a") as file:
        file.write("../../etc/a.jpg,b.jpg\n")


def unknown_setting(tiny: Path, images: Path) -> None:
    tiny.write_text("imagesize = 3\n" + tiny.read_text())


def nothing(tiny: Path, images: Path) -> None:
    pass


RUN = ["run", "-m", "copy-source", "-b", "{tiny}", "-o", "{out}"]
EVALUATE = ["evaluate", "{images}", "-b", "{tiny}", "-o", "{out}"]


@pytest.mark.parametrize(
    ("words", "damage", "message"),
    [
        (["run"], nothing, "--model with one of .*warp"),
        (["run", "-m", "wrap"], nothing, "Unknown model 'wrap': did you mean warp"),
        ([*RUN, "-p", "ssmi"], nothing, "Unknown protocol 'ssmi': did you mean ssim"),
        ([*RUN, "-p", "SSIM"], nothing, "Unknown protocol 'SSIM': did you mean ssim"),
        ([*RUN, "--device", "gpu"], nothing, "--device 'gpu' is unknown: give cpu, cuda, or cuda:1"),
        (["train", "drn", "--dry-run", "--device", "cuda:x"], nothing, "--device 'cuda:x' is unknown"),
        (["--install-completion", "tcsh"], nothing, "no completion for the shell 'tcsh': give one of bash, zsh, fish"),
        ([*RUN, "-p", "lpips:alex-0.2"], nothing, "no variant 'alex-0.2': did you mean alex-0.1"),
        (["run", "-m", "warp", "-b", "studoi"], nothing, "Unknown benchmark 'studoi': did you mean studio"),
        (["run", "--modle", "warp"], nothing, "--modle.*--model"),
        (["rnu"], nothing, "did you mean run"),
        ([*RUN, "--limit", "0"], nothing, "give a positive number"),
        (EVALUATE, empty, "holds no image"),
        (EVALUATE, half, "lacks 12 of 24 pairs, first fashion.*png"),
        (EVALUATE, truncated, r"\.jpg cannot be decoded .*damaged"),
        (EVALUATE, no_bytes, r"\.png cannot be decoded"),
        (EVALUATE, wrong_size, "is 256 wide and 64 high, but the benchmark's are 48 wide and 64 high"),
        (EVALUATE, transparent, "has transparent pixels: put it on a solid background and save it as 8-bit RGB"),
        (EVALUATE, sixteen_bit, "has 16 bits per channel: save it as 8-bit RGB"),
        (EVALUATE, twice, "are two images with the same name"),
        (["evaluate", "{tmp}/absent", "-b", "{tiny}"], nothing, "There is no folder"),
        (RUN, damaged_real_image, r"test/.*\.jpg cannot be decoded"),
        (RUN, missing_column, "has no column 'to': its first line must be"),
        (RUN, half_row, "Line 26 of the pair list .* does not have one value for each of from,to"),
        (RUN, path_in_name, "give a path below the folder of the images"),
        (RUN, unknown_setting, "wrong at 'imagesize'"),
        (["run", "-m", "{tmp}/absent.py:Model", "-b", "{tiny}"], nothing, "There is no model file"),
        (["run", "-m", "{here}:Modle", "-b", "{tiny}"], nothing, "has no class 'Modle'"),
        ([*RUN[:-1], "/proc/nowhere"], nothing, "Cannot write /proc/nowhere"),
        (["validate", "{tmp}/absent"], nothing, "Cannot read"),
        (["data", "check", "studoi"], nothing, "Unknown benchmark 'studoi': did you mean studio"),
        (["data", "check", "{tiny}"], damaged_real_image, r"test/.*\.jpg cannot be decoded"),
        (["data", "check", "{tiny}", "--data-root", "{tmp}/absent"], nothing, "There is no data folder"),
        (["leaderboard", "--records", "{tmp}/absent"], nothing, "absent"),
        ([*RUN, "--subset", "man"], nothing, "no subset 'man': did you mean men"),
        (["data", "leakage", "deepfashion"], nothing, "not part of this package: prepare it .*data-root"),
        (["data", "prepare", "deepfashion", "--root", "{tmp}/absent"], nothing, "There is no folder"),
        (["data", "prepare", "deepfashion", "--root", "{tmp}"], nothing, "Missing below .*: the test pair list .*PATN"),
    ],
)  # fmt: skip
def test_mistakes_are_quick_and_explained(
    tiny: Path, images: Path, tmp_path: Path, words: list[str], damage: Callable[[Path, Path], None], message: str
) -> None:
    damage(tiny, images)
    places = {"tiny": tiny, "images": images, "out": tmp_path / "out", "tmp": tmp_path, "here": __file__}
    code, output, error, seconds = call(*(word.format(**places) for word in words))
    assert code == 2, error
    assert re.search(message, error), error
    assert "Traceback" not in error
    assert len(error.splitlines()) == 1
    assert "TORCH False" in output  # the mistake is found before anything slow starts
    assert seconds < 3
    assert not (tmp_path / "out" / "record.json").exists()


def test_full_disk_is_explained_at_once(tiny: Path, tmp_path: Path) -> None:
    code, output, error, seconds = call("run", "-m", "warp", "-b", tiny, "-o", tmp_path / "out", full_disk=True)
    assert code == 2
    assert "no space is left" in error
    assert "TORCH False" in output
    assert seconds < 3


def test_disk_that_fills_during_a_run_loses_nothing(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    import fhpt_bench as fb

    synced, real_fsync = 0, os.fsync

    def fill(descriptor: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 26:
            raise OSError(errno.ENOSPC, "No space left on device")
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fill)
    with pytest.raises(fb.UserError, match=r"no space is left.*finished work is kept"):
        fb.run("warp", str(tiny), "ssim", out=tmp_path / "out", batch_size=4)
    monkeypatch.undo()
    kept = len(list((tmp_path / "out" / "images").glob("*.png")))
    assert kept >= 12
    assert not list((tmp_path / "out").rglob("*.part"))
    assert fb.run("warp", str(tiny), "ssim", out=tmp_path / "out", batch_size=4)["ssim"].n == 24


def test_newer_record_is_refused(tiny: Path, tmp_path: Path) -> None:
    import fhpt_bench as fb

    fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "out")
    file = tmp_path / "out" / "record.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 99}))
    code, output, error, seconds = call("validate", file)
    assert code == 2
    assert "schema version 99" in error
    assert "upgrade" in error
    assert seconds < 3
    assert "TORCH False" in output


def test_failed_protocol_gives_exit_code_1(tiny: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "bad.py"
    plugin.write_text(
        "from fhpt_bench.protocol import MetricCard, Protocol\n"
        "class Bad(Protocol):\n"
        "    id, title, citation, variants = 'bad', '', '', {'canonical': ''}\n"
        "    metrics = (MetricCard('bad', 'BAD', True),)\n"
        "    def score(self, evidence):\n        raise RuntimeError('[red]no')\n"
    )
    words = ["run", "-m", "copy-source", "-b", tiny, "-p", f"psnr,{plugin}:Bad", "-o", tmp_path / "out"]
    code, output, error, _ = call(*words)
    assert code == 1, error
    assert "RuntimeError: [red]no" in output
    assert json.loads((tmp_path / "out" / "record.json").read_text())["scores"][0]["status"] == "ok"


def test_help_is_quick_and_complete() -> None:
    seconds = min(call("--help")[3] for _ in range(3))
    output = call("--help")[1]
    for command in ("run", "evaluate", "leaderboard", "models", "protocols", "benchmarks", "weights", "validate"):
        assert re.search(rf"^  {command} ", output, re.MULTILINE)
    assert "TORCH False" in output
    assert seconds < 0.6  # 0.2 measured; twice the promised 0.3, because test machines differ


def test_every_command_has_a_whole_sentence() -> None:
    listed = call("--help")[1].partition("Commands:\n")[2].partition("TORCH")[0].rstrip().splitlines()
    assert len(listed) >= 14
    for line in listed:
        name, _, sentence = line.strip().partition(" ")
        assert sentence.strip().endswith("."), f"{name}: {sentence}"
        assert "..." not in sentence, name


@pytest.mark.parametrize("words", [["models"], ["models", "warp"], ["protocols"], ["protocols", "lpips:vgg-0.1"],
                                   ["benchmarks"], ["doctor"], ["weights", "list"]])  # fmt: skip
def test_listings_end_well(words: list[str]) -> None:
    code, output, error, _ = call(*words)
    assert code == 0, error
    assert output
