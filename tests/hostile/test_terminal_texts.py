"""Nothing that comes from a file or a name controls the terminal."""

from __future__ import annotations

import json
import os
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fhpt_bench.errors import UserError, plain
from tests.hostile.conftest import Done, Forger, write_benchmark

Call = Callable[..., Done]
# A colour, a link (OSC 8), a bell, a carriage return, a C1 control, a direction mark, and markup of two kinds.
EVIL = "x\x1b[31m\x1b]8;;http://e\x07y\r\x9b2J\u202e[red][/red]<b>|*`$z"


def harmless(text: str) -> None:
    """No control or format character but line ends; styles are off, since the output is no terminal."""
    found = {character for character in text if unicodedata.category(character)[0] == "C" and character not in "\n"}
    # Progress bars end their lines with a carriage return where the output is no terminal.
    assert found <= {"\r"}, found
    assert "\r" not in re.sub(r"\r?\n", "", text)


def texts(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every text in a JSON value; for a key, the path ends with None."""
    if isinstance(content, str):
        yield path
    for key, value in (
        content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    ):
        if isinstance(content, dict):
            yield (*path, key, None)
        yield from texts(value, (*path, key))


def with_text(content: Any, path: tuple[Any, ...], text: str) -> Any:
    """A copy of a JSON value in which one text or key is replaced."""
    copy = json.loads(json.dumps(content))
    here = copy
    *steps, last = path[:-1] if path[-1] is None else path
    for step in steps:
        here = here[step]
    if path[-1] is None:
        here[text] = here.pop(last)
    else:
        here[last] = text
    return copy


def test_any_text_of_a_record(forge: Forger, call: Call) -> None:
    """Each text and each key of a record in turn."""
    folder = forge()
    content = json.loads((folder / "record.json").read_text())
    content["scores"] = content["scores"][:1]
    for path in texts(content):
        (folder / "record.json").write_text(json.dumps(with_text(content, path, EVIL)))
        for words in (["leaderboard", "--records", folder], ["compare", folder, folder]):
            harmless(call(*words).text)


@pytest.mark.parametrize("format_", ["table", "markdown", "csv", "latex"])
def test_names_in_every_format(forge: Forger, call: Call, format_: str) -> None:
    def change(record: dict[str, Any]) -> None:
        record["model"]["name"] = record["model"]["codec"] = record["scores"][1]["reason"] = EVIL
        record["model"]["conditioning"] = [EVIL]
        record["benchmark"]["version"] = record["benchmark"]["subset"] = EVIL
        record["provenance"]["overrides"] = [EVIL]
        record["scores"][1].update(status="skipped", value=None, interval=None)

    forge(change=change)
    done = call("leaderboard", "--records", forge.place, "--format", format_, "--full")
    assert done.code == 0
    harmless(done.text)
    assert "http" in done.out


def test_validate_and_names_that_are_listed(forge: Forger, call: Call) -> None:
    folder = forge(change=lambda record: record["scores"][0].update(label=EVIL, fingerprint=EVIL, unit=EVIL))
    harmless(call("validate", folder).text)
    forge("named", lambda record: record["model"].update(name=EVIL))
    harmless(call("compare", "none", "other", "--records", forge.place).text)  # lists the known names
    harmless(call("leaderboard", "--records", forge.place, "--benchmark", EVIL).text)


def test_benchmark_files_and_image_names(tmp_path: Path, call: Call) -> None:
    quoted = json.dumps(EVIL)
    file = write_benchmark(tmp_path / "data", title=quoted, version=quoted)
    for words in (["benchmarks", file], ["run", "-m", "copy-source", "-b", file, "-o", tmp_path / "out"]):
        done = call(*words)
        assert done.code == 0
        harmless(done.text)
    harmless(call("leaderboard", "--records", tmp_path / "out").text)
    harmless(call("benchmarks", write_benchmark(tmp_path / "other", id=quoted)).text)
    images = shutil.copytree(tmp_path / "out" / "images", tmp_path / "images")
    (images / f"{EVIL.replace('/', '')}.png").write_bytes(b"x")
    for more in ([], ["--allow-missing"]):
        harmless(call("evaluate", images, "-b", file, "-o", tmp_path / "out2", *more).text)
    harmless(call("run", "-m", EVIL.replace("/", "")).text)
    harmless(call(EVIL).text)


@pytest.mark.parametrize("name", [b"caf\xe9", b"\xff\x1b[31m", "é".encode("latin-1") + b"[/bold]"])
def test_names_that_are_not_utf8(tmp_path: Path, benchmark: Path, call: Call, name: bytes) -> None:
    """As the folder of images, whose name becomes the model's, as an output folder and in a record."""
    images = tmp_path / os.fsdecode(name.replace(b"/", b""))
    images.mkdir()
    for person in range(12):
        for a, b in ((0, 1), (1, 0)):
            Image.new("RGB", (48, 64)).save(images / f"p{person:02}_{a}___p{person:02}_{b}.png")
    out = tmp_path / "runs" / os.fsdecode(b"out\xfc")
    for _ in range(2):  # the second time resumes
        done = call("evaluate", images, "-b", benchmark, "-o", out, "-p", "psnr")
        assert done.code == 0
        harmless(done.text)
    record = json.loads((out / "record.json").read_text(encoding="utf-8"))
    assert record["model"]["name"] == plain(images.name)
    assert "\\x" in record["model"]["name"]
    for words in (["validate", out], ["leaderboard", "--records", tmp_path / "runs"]):
        done = call(*words)
        assert done.code == 0
        harmless(done.text)


def test_a_checkpoints_header(tmp_path: Path, call: Call) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    for digest in (EVIL, "0" * 64):
        header = {"name": "drn", "digest": digest, "origin": EVIL, "card": EVIL}
        save_file({"x": np.zeros(1, np.float32)}, tmp_path / "c.safetensors", header)
        done = call("run", "-m", "drn-no-face", "--checkpoint", tmp_path / "c.safetensors", "--limit", "4")
        assert done.code == 2
        harmless(done.text)


def test_every_error_is_one_harmless_sentence() -> None:
    assert str(UserError(f"The file {EVIL} is wrong.")).isprintable()
    assert str(UserError("one", "two")) == "one\ntwo"
    assert plain("a\tb\nc") == "a b c"
