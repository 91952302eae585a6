"""`python -m tools.faults`: the short campaign finds nothing wrong, and each part can find something."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from tools.docs.pages import fill, marks
from tools.faults.__main__ import PARTS
from tools.faults.commands import WRITERS, files, record
from tools.faults.disk import end_problem
from tools.faults.files import Kind, Operation, failing
from tools.faults.inputs import KINDS
from tools.faults.kills import differences
from tools.faults.process import Ended, without_bars

ROOT = Path(__file__).parents[2]


def test_the_short_campaign(tmp_path: Path) -> None:
    """A few cases of each part; everything is removed at the end."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.faults", "--short"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sum(line.startswith("|---|") for line in done.stdout.splitlines()) == len(PARTS)
    assert not list(tmp_path.glob("fhpt-faults-*"))


def test_there_are_enough_kinds() -> None:
    assert sum(map(len, KINDS.values())) >= 80
    assert len({name for kinds in KINDS.values() for name in kinds}) == sum(map(len, KINDS.values()))


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_every_operation_of_an_atomic_write_can_fail(tmp_path: Path, kind: Kind) -> None:
    """In a process of its own, because the watch lasts as long as the process."""
    code = (
        "import sys; from pathlib import Path; from tools.faults.files import Disk; from fhpt_bench.files import *\n"
        "first = int(sys.argv[2]) if sys.argv[2] else None\n"
        "Disk([Path(sys.argv[1])], Path(sys.argv[1] + '.log'), first, sys.argv[3]).install()\n"
        "try: write_bytes(Path(sys.argv[1]) / 'a' / 'x', b'content')\n"
        "except Exception as error: print(type(error).__name__)"
    )

    def write(folder: Path, first: int | None) -> str:
        words = [sys.executable, "-c", code, str(folder), "" if first is None else str(first), kind]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert write(tmp_path / "whole", None) == ""
    lines = (tmp_path / "whole.log").read_text().splitlines()
    operations = [Operation(*line.split(" ", 1)) for line in lines]
    assert [one.what for one in operations][-4:] == ["create", "write", "sync", "rename"]
    assert {one.stage(tmp_path / "whole") for one in operations if one.what != "mkdir"} == {"a/x"}
    for number in failing(operations, kind):
        assert write(tmp_path / f"broken-{number}", number) == "UserError\n"
        assert not (tmp_path / f"broken-{number}" / "a" / "x").exists()


def test_what_a_command_must_leave(tmp_path: Path) -> None:
    """Times may differ; a score, an image, or a file too much may not."""
    text = '{"scores": [{"value": %s}], "stages": [{"seconds": %s}], "provenance": {"created": "%s"}}'
    for name, given in {"a": (1, 2, 3), "b": (1, 5, 6), "c": (1.5, 2, 3)}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "record.json").write_text(text % given)
        (tmp_path / name / ".lock").touch()
    (tmp_path / "b" / ".x.png.0123abcd.part").touch()
    states = {name: record(tmp_path / name) for name in "abc"}
    assert differences(states["a"], states["b"]) == ""
    assert differences(states["a"], states["c"]) == "record"
    (tmp_path / "b" / "x.png").write_bytes(b"")
    assert differences(files(tmp_path / "a"), files(tmp_path / "b")) == "record.json, x.png"


def test_one_sentence() -> None:
    good = Ended(2, "", without_bars("images ━━━━ 1/2\nfigures        0/2 -:--:--\nerror: Give another.\n"), 1.0)
    assert good.sentence == "error: Give another."
    assert end_problem(good) == ""
    for code, err in ((1, "error: x\n"), (2, ""), (2, "error: x\nmore\n"), (2, "Traceback\nerror: x\n"), (0, "")):
        assert Ended(code, "", err, 1.0).sentence is None


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(UserError, match="no space is left"):
        write_bytes(tmp_path / "x", b"content")
    assert list(tmp_path.iterdir()) == []


def test_the_page_shows_the_campaign() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    fill(text, dict.fromkeys(PARTS, ""))
    for name in PARTS:
        start, end = marks(name)
        assert f"Made by `python -m tools.faults --only {name}" in text.partition(start)[2].partition(end)[0]
    kills = text.partition(marks("kills")[0])[2].partition(marks("kills")[1])[0]
    assert all(f"`{writer.name}`" in kills for writer in WRITERS)
