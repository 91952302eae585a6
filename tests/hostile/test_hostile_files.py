"""Whatever is behind the name of an input file: one sentence, soon, and without much memory."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.conftest import Done, Forger, write_benchmark

Call = Callable[..., Done]

# Prints the largest memory of its own process image, in MiB.
MEASURED = """
import sys
from fhpt_bench.cli import main
try:
    main(sys.argv[1:])
finally:
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("peak", int(line.split()[1]) // 1024)
"""


def peak(*words: object) -> int:
    """The largest memory of a command in MiB; it must end within 10 s of processor time with one sentence."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (1, 2), done
    assert "Traceback" not in done.stderr
    return int(done.stdout.split("peak ")[1])


def replace_by(kind: str, path: Path) -> None:
    """Put something that is not a file in the place of a file."""
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", ["pairs.csv", "keypoints.csv", "test/p00_0.png", "truth.npz"])
def test_what_is_not_a_file_is_named(tmp_path: Path, call: Call, kind: str, name: str) -> None:
    file = write_benchmark(tmp_path / "data", truth='"truth.npz"')
    np.savez(file.with_name("truth.npz"), names=np.array(["p00_0.png"]), face=np.zeros((1, 68, 3)))
    if name == "test/p00_0.png":
        file.write_text("\n".join(line for line in file.read_text().splitlines() if not line.startswith("truth")))
    replace_by(kind, file.parent / name)
    done = call("run", "-m", "copy-source", "-b", file, "-o", tmp_path / "out")
    assert done.code == 2
    assert f"Cannot read {file.parent / name}: it is a " in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("name", ["record.json", "pairs.csv"])
def test_no_part_of_a_record_stops_a_board(forge: Forger, call: Call, kind: str, name: str) -> None:
    forge("fine")
    folder = forge("broken")
    replace_by(kind, folder / name)
    done = call("leaderboard", "--records", forge.place)
    assert "fine" in done.out
    assert "broken" not in done.out
    assert call("validate", folder).code in (1, 2)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_other_inputs(tmp_path: Path, benchmark: Path, call: Call, kind: str) -> None:
    """Generated images, keypoint files, manifests, the run's own files, checkpoints and benchmark files."""
    call("run", "-m", "copy-source", "-b", benchmark, "-o", tmp_path / "run", "-p", "psnr")
    images = shutil.copytree(tmp_path / "run" / "images", tmp_path / "images")
    replace_by(kind, images / "p00_0___p00_1.png")
    assert call("evaluate", images, "-b", benchmark, "-o", tmp_path / "out").code == 2
    keypoints = tmp_path / "keypoints"
    keypoints.mkdir()
    for file in (tmp_path / "run" / "images").iterdir():
        (keypoints / f"{file.stem}_keypoints.json").write_text('{"people": []}')
    replace_by(kind, keypoints / "p00_0___p00_1_keypoints.json")
    words = ["-b", benchmark, "-o", tmp_path / "out", "-p", "kec", "--keypoints", keypoints]
    assert call("run", "-m", "copy-source", *words).code == 2
    (benchmark.parent / "manifest.json").touch()
    replace_by(kind, benchmark.parent / "manifest.json")
    assert call("data", "check", benchmark).code == 2
    for name in ("run.json", "files.jsonl", "progress/rank-0.jsonl"):
        copy = shutil.copytree(tmp_path / "run", tmp_path / f"copy of {name.replace('/', ' ')}")
        replace_by(kind, copy / name)
        assert call("run", "-m", "copy-source", "-b", benchmark, "-o", copy).code == 2, name
    for name in ("checkpoint.safetensors", "other.toml"):
        (tmp_path / name).touch()
        replace_by(kind, tmp_path / name)
    assert call("run", "-m", "drn-no-face", "--checkpoint", tmp_path / "checkpoint.safetensors").code == 2
    assert call("benchmarks", tmp_path / "other.toml").code == 2


@pytest.fixture(scope="session")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small PNG file that needs 530 MB once it is decoded as RGB."""
    file = tmp_path_factory.mktemp("bomb") / "bomb.png"
    Image.new("1", (13_300, 13_300)).save(file)
    assert file.stat().st_size < 100_000
    return file


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("{}___{}", []),
        ("{}___{}", ["--resize", "bicubic"]),
        ("{}.jpg___{}.jpg_vis", []),
        ("{}_2_{}_vis", []),
    ],
)
def test_sizes_are_read_before_images_are_decoded(
    tmp_path: Path, benchmark: Path, bomb: Path, name: str, more: list[str]
) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for person in range(12):
        for a, b in ((0, 1), (1, 0)):
            file = images / f"{name.format(f'p{person:02}_{a}', f'p{person:02}_{b}')}.png"
            os.link(bomb, file)
    assert peak("evaluate", images, "-b", benchmark, "-o", tmp_path / "out", *more) < 400


def test_the_benchmarks_own_images_too(tmp_path: Path, benchmark: Path, bomb: Path) -> None:
    for file in (benchmark.parent / "test").iterdir():
        file.unlink()
        os.link(bomb, file)
    assert peak("run", "-m", "copy-source", "-b", benchmark, "-o", tmp_path / "out") < 400
    assert peak("data", "check", benchmark) < 400
    other = write_benchmark(tmp_path / "large", image_size="[8192, 8192]")
    Image.new("1", (8192, 8192)).save(tmp_path / "large.png")
    for file in (other.parent / "test").iterdir():
        file.unlink()
        os.link(tmp_path / "large.png", file)
    assert peak("run", "-m", "copy-source", "-b", other, "-o", tmp_path / "out") < 400


def test_cheap_checks_come_first(forge: Forger) -> None:
    """400,000 people in a table of pairs, although the record has 12."""
    rows = [[f"a{i}___b{i}", f"p{i}", "0.5", "20"] for i in range(400_000)]
    folder = forge(table=lambda lines: [lines[0], *rows])
    assert peak("validate", folder) < 1000
    file = folder / "record.json"
    record = json.loads(file.read_text())
    record["pairs"]["rows"] = record["benchmark"]["n_pairs"] = 240_000
    file.write_text(json.dumps(record))
    content = (folder / "pairs.csv").read_text().splitlines()[:240_001]
    (folder / "pairs.csv").write_text("\n".join(content) + "\n")
    assert peak("validate", folder) < 1500


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return buffer.getvalue()


def resized(content: bytes, size: int) -> bytes:
    """An archive whose directory gives its only member another size."""
    at = content.index(b"PK\x01\x02") + 24
    return content[:at] + size.to_bytes(4, "little") + content[at + 4 :]


def npy(shape: str, content: bytes = b"", descr: str = "'<f4'") -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + content


TABLES = {
    "a header of 3.6 TiB": lambda: archive(names=npy("(1000000000000,)")),
    "a negative size": lambda: archive(names=npy("(-1,)")),
    "Python objects": lambda: archive(names=npy("(1,)", b"\x80\x04N.", "'|O'")),
    "2 GiB of zeros": lambda: resized(archive(names=b"\0" * 100), 2 << 30),
    "a nested type": lambda: archive(names=npy("(1,)", b"", "[" * 3000)),
    "no shape": lambda: archive(names=npy("()", b"\0" * 4), face=npy("()", b"\0" * 4)),
    "text for numbers": lambda: archive(names=npy("(1,)", b"a\0\0\0", "'<U1'"), face=npy("(1,)", b"a\0\0\0", "'<U1'")),
    "not an archive": lambda: b"PK\x03\x04" + b"\0" * 100,
    "another version": lambda: archive(names=b"\x93NUMPY\x09\x00" + b"\0" * 100),
}


@pytest.mark.parametrize("make", TABLES.values(), ids=TABLES)
def test_tables_of_truth(tmp_path: Path, call: Call, make: Callable[[], bytes]) -> None:
    file = write_benchmark(tmp_path / "data", truth='"truth.npz"')
    file.with_name("truth.npz").write_bytes(make())
    done = call("benchmarks", file)
    assert done.code == 2
    assert "truth.npz" in done.err
    assert len(done.err.splitlines()) == 1


LISTS = {
    "a name of 200,000 characters": ("pairs.csv", f'from,to\n"{"x" * 200_000}",b.png\n'),
    "a line break in a name": ("pairs.csv", 'from,to\n"a\nb.png",c.png\n'),
    "an open quote": ("pairs.csv", 'from,to\n"a,b.png\n'),
    "an escape sequence in a name": ("pairs.csv", "from,to\na\x1b[31m.png,b.png\n"),
    "two million lines": ("pairs.csv", "from,to\n" + "a.png,b.png\n" * 2_000_000),
    "carriage returns only": ("pairs.csv", "from,to\r" + "a.png,b.png\r" * 300_000),
    "another folder": ("pairs.csv", "from,to\n../a.png,b.png\n"),
    "brackets": ("keypoints.csv", f"p00_0.png: {'[' * 40_000}: [1]\n"),
    "numbers of 400 digits": ("keypoints.csv", f"p00_0.png: {[10**400] * 18}: {[10**400] * 18}\n"),
    "infinite numbers": ("keypoints.csv", f"p00_0.png: {[1e308] * 18}: {[1e308] * 18}\n".replace("e+308", "e999")),
    "objects": ("keypoints.csv", 'p00_0.png: {"a"}: [1]\n'),
    "not text": ("keypoints.csv", "\udcff\udcfe"),
}


@pytest.mark.parametrize(("name", "content"), LISTS.values(), ids=LISTS)
def test_lists(benchmark: Path, call: Call, name: str, content: str) -> None:
    benchmark.with_name(name).write_bytes(content.encode(errors="surrogateescape"))
    done = call("benchmarks", benchmark)
    assert done.code == 2
    assert name in done.err
    assert len(done.err.splitlines()) == 1
    assert len(done.err) < 1000


TOML = {
    "nesting": {"anchors": "[" * 5000 + "]" * 5000},
    "5,000 digits": {"image_size": f"[{'9' * 5000}, 3]"},
    "infinite": {"image_size": "[inf, 3]"},
    "a side of 100,000 pixels": {"image_size": "[100000, 3]"},
    "a title of 300 characters": {"title": f'"{"x" * 300}"'},
    "a protocol that is a file": {"protocols": '["evil.py:Evil"]'},
    "a date": {"title": "2020-01-01"},
    "a key of escape sequences": {'"\\u001b[31m"': "1"},
    "a long key": {".".join("a" * 50_000): "1"},
}


@pytest.mark.parametrize("settings", TOML.values(), ids=TOML)
def test_benchmark_files(tmp_path: Path, call: Call, settings: dict[str, str]) -> None:
    file = write_benchmark(tmp_path / "data", **settings)
    done = call("benchmarks", file)
    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert len(done.err) < 1000
    file.write_bytes(b"\xff\xfe")
    assert call("benchmarks", file).code == 2


KEYPOINTS = {
    "nesting": "[" * 100_000,
    "no people": "{}",
    "people of text": '{"people": ["x"]}',
    "numbers of 400 digits": json.dumps({"people": [{"pose_keypoints_2d": [10**400] * 54}]}),
    "a million people": '{"people": [' + "{}," * 1_100_000 + "{}]}",
    "a field of objects": '{"people": [{"pose_keypoints_2d": [{}, [], null]}]}',
}


@pytest.mark.parametrize("content", KEYPOINTS.values(), ids=KEYPOINTS)
def test_keypoint_files(tmp_path: Path, content: str) -> None:
    from fhpt_bench.data.keypoint_files import read_keypoint_file
    from fhpt_bench.errors import UserError

    file = tmp_path / "x_keypoints.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"x_keypoints\.json"):
        read_keypoint_file(file, (256, 176))
