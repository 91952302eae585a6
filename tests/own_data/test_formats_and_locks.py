"""Images of other formats, two commands on one folder, and the precision that a device has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.data.images import codec_of, read_image
from fhpt_bench.errors import UserError
from fhpt_bench.output_folder import FolderLock
from fhpt_bench.training import precision
from fhpt_bench.training.folder import TrainingFolder
from tests.hostile.conftest import Done, write_benchmark

Call = Callable[..., Done]


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    return write_benchmark(tmp_path / "data")


def saved(benchmark: Path, folder: Path, suffix: str, **options: object) -> Path:
    """The source images as generated images of all pairs, in another format."""
    folder.mkdir()
    for line in (benchmark.parent / "pairs.csv").read_text().split()[1:]:
        source, target = line.split(",")
        with Image.open(benchmark.parent / "test" / source) as image:
            image.save(folder / f"{source[:-4]}___{target[:-4]}{suffix}", **options)
    return folder


@pytest.mark.parametrize(
    ("suffix", "options", "codec", "badge"),
    [
        (".webp", {"lossless": True}, "webp-lossless", ""),
        (".webp", {"quality": 50}, "webp", "[WEBP]"),
        (".bmp", {}, "bmp", ""),
        (".png", {}, "png", ""),
        (".jpg", {"quality": 95}, "jpeg", "[JPEG]"),
    ],
)
def test_formats(benchmark: Path, tmp_path: Path, suffix: str, options: dict, codec: str, badge: str) -> None:
    """WebP was "no image"; now it is read, and lossy files are marked."""
    images = saved(benchmark, tmp_path / "images", suffix, **options)
    record = fb.evaluate(images, "mine", str(benchmark), "psnr", out=tmp_path / "out")
    assert record.model.codec == codec
    assert badge in fb.reporting.formatting.model_label(record.model)
    assert ("[" in fb.reporting.formatting.model_label(record.model)) == bool(badge)
    direct = fb.run("copy-source", str(benchmark), "psnr", out=tmp_path / "direct")
    assert (record["psnr"].value == direct["psnr"].value) == (not badge)


def test_a_file_that_cannot_be_used_is_named(benchmark: Path, tmp_path: Path, call: Call) -> None:
    images = saved(benchmark, tmp_path / "images", ".tiff")
    for more in ([], ["--allow-missing"]):
        done = call("evaluate", images, "-b", benchmark, "-o", tmp_path / "out", *more)
        assert done.code == 2
        assert "holds 24 files (p00_0___p00_1.tiff," in done.err
        assert "only PNG, JPEG, WebP and BMP images are read: convert them" in done.err
    some = saved(benchmark, tmp_path / "some", ".png")
    (some / "p00_0___p00_1.png").rename(some / "p00_0___p00_1.gif")
    assert "p00_0___p00_1.gif" in call("evaluate", some, "-b", benchmark, "-o", tmp_path / "out", "--allow-missing").err


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_animations_are_refused(tmp_path: Path, suffix: str) -> None:
    """Only their first frame was read."""
    frames = [Image.fromarray(np.full((8, 8, 3), value, np.uint8)) for value in (0, 200)]
    frames[0].save(tmp_path / f"x{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(UserError, match="has 2 frames"):
        read_image(tmp_path / f"x{suffix}")


def test_a_truncated_webp(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "x.webp")
    content = (tmp_path / "x.webp").read_bytes()
    (tmp_path / "x.webp").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="cannot be decoded"):
        read_image(tmp_path / "x.webp")
    assert codec_of(tmp_path / "x.webp") == "webp"


def test_a_second_command_on_a_folder_is_refused(benchmark: Path, tmp_path: Path) -> None:
    """Both ended with exit code 0 and the same wrong score."""
    out = tmp_path / "out"
    lock = FolderLock(out)
    with pytest.raises(UserError, match="Another command is writing into"):
        fb.run("copy-source", str(benchmark), "psnr", out=out)
    assert sorted(path.name for path in out.iterdir()) == [".lock"]
    lock.release()
    assert fb.run("copy-source", str(benchmark), "psnr", out=out)["psnr"].n == 24
    assert fb.run("copy-source", str(benchmark), "psnr", out=out)["psnr"].n == 24, "released at the end"
    with pytest.raises(UserError, match="another model"):
        fb.run("warp", str(benchmark), "psnr", out=out)
    assert fb.run("copy-source", str(benchmark), "psnr", out=out)["psnr"].n == 24, "released after a refusal"


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from fhpt_bench.output_folder import FolderLock; "
    code += "lock = FolderLock(Path(sys.argv[1])); print('locked', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(UserError, match="Another command"):
            FolderLock(tmp_path)
        process.kill()
    for _ in range(50):
        try:
            FolderLock(tmp_path).release()
            return
        except UserError:
            time.sleep(0.1)
    pytest.fail("still locked")


def test_two_runs_started_together_never_mix(benchmark: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [sys.executable, "-m", "fhpt_bench", "run", "-b", str(benchmark), "-p", "psnr", "-o", str(out), "-m"]
    environment = {**os.environ, "PYTHONWARNINGS": ""}
    started = [
        subprocess.Popen([*words, model], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for model in ("warp", "copy-source")
    ]
    ends = [(process.communicate()[1], process.returncode) for process in started]
    assert sorted(code for _, code in ends) == [0, 2], ends
    (refused,) = (text for text, code in ends if code == 2)
    assert "Another command is writing" in refused or "another model" in refused or "did not write" in refused
    record = fb.read_record(out)
    alone = fb.run(record.model.name, str(benchmark), "psnr", out=tmp_path / "alone")
    assert record["psnr"].value == alone["psnr"].value


def test_validate_compares_run_record_and_images(benchmark: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "out"
    fb.run("warp", str(benchmark), "psnr", out=out)
    assert call("validate", out).code == 0
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**run, "run_id": "0" * 64}))
    assert "it belongs to another run" in call("validate", out).out
    (out / "run.json").write_text(json.dumps(run))
    file = next((out / "images").iterdir())
    pixels = read_image(file).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(file)
    done = call("validate", out)
    assert done.code == 1
    assert "their pixels are not those that were measured" in done.out


@pytest.mark.parametrize(
    ("given", "preset", "device", "native", "expected"),
    [
        (None, "bf16", "cpu", False, "no"),
        (None, "bf16", "cpu", True, "bf16"),
        (None, "bf16", "cuda", False, "no"),
        (None, None, "cuda", True, "bf16"),
        (None, None, "cuda", False, "no"),
        (None, None, "cpu", True, "no"),
        (None, "no", "cuda", True, "no"),
        ("bf16", "no", "cpu", False, "bf16"),
        ("no", "bf16", "cuda", True, "no"),
    ],
)
def test_bfloat16_only_where_the_device_has_it(
    monkeypatch: pytest.MonkeyPatch, given: str, preset: str, device: str, native: bool, expected: str
) -> None:
    monkeypatch.setattr(precision, "has_native_bf16", lambda device: native)
    choice = precision.choose_precision(given, preset, device)
    assert choice.precision == expected
    assert choice.reason in str(choice)
    if given == "bf16":
        assert "slow" in choice.reason


@pytest.mark.parametrize("limit", [{"ATEN_CPU_CAPABILITY": "avx2"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}])
def test_a_limited_cpu_has_no_native_bfloat16(limit: dict[str, str]) -> None:
    code = "from fhpt_bench.training.precision import has_native_bf16; print(has_native_bf16('cpu'))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | limit
    )
    assert done.stdout == "False\n"


def test_a_refused_training_does_not_leave_its_identity(tmp_path: Path) -> None:
    """It was written before the lock was taken: beside the weights of another training."""
    lock = FolderLock(tmp_path)
    with pytest.raises(UserError, match="Another command is writing into"):
        TrainingFolder(tmp_path, {"seed": 1})
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]
    lock.release()
    first = TrainingFolder(tmp_path, {"seed": 0})
    held = (tmp_path / "training.json").read_bytes()
    with pytest.raises(UserError, match="something other than this training"):
        TrainingFolder(tmp_path, {"seed": 1})
    assert (tmp_path / "training.json").read_bytes() == held
    first.lock()
    first.release()
