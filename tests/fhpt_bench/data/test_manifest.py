"""`fhpt-bench data check`: files that differ from the manifest are listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fhpt_bench.commands.data import data
from fhpt_bench.data.manifest import MANIFEST, read_manifest
from fhpt_bench.errors import UserError
from fhpt_bench.reading import sha256_file


def write_manifest(folder: Path) -> None:
    files = {
        path.relative_to(folder).as_posix(): {"sha256": sha256_file(path), "bytes": path.stat().st_size}
        for path in folder.rglob("*")
        if path.is_file()
    }
    (folder / MANIFEST).write_text(json.dumps({"format": 1, "files": files}))


def check(benchmark_file: Path) -> Result:
    return CliRunner().invoke(data, ["check", str(benchmark_file)])


def test_the_shipped_benchmark_matches_its_manifest() -> None:
    done = CliRunner().invoke(data, ["check"])
    assert done.exit_code == 0, done.output
    assert "as manifest.json says" in done.output


def test_an_untouched_folder_passes(tiny: Path) -> None:
    write_manifest(tiny.parent)
    (tiny.parent / ".DS_Store").touch()  # created by a file browser
    done = check(tiny)
    assert done.exit_code == 0, done.output
    assert "files      35 as manifest.json says" in done.output
    assert "24 of 12 people; 24 images, each 48 wide and 64 high" in done.output


def test_differences_are_listed(tiny: Path) -> None:
    write_manifest(tiny.parent)
    first, second, *_ = sorted((tiny.parent / "test").iterdir())
    first.unlink()
    with second.open("ab") as file:
        file.write(b"x")
    (tiny.parent / "test" / "new.jpg").touch()
    done = check(tiny)
    assert done.exit_code == 1
    lines = [line.split() for line in done.output.splitlines()]
    assert ["missing", str(first)] in lines
    assert ["changed", str(second)] in lines
    assert ["unlisted", str(tiny.parent / "test" / "new.jpg")] in lines
    assert "3 of 35 are not as manifest.json says" in done.output


def test_many_differences_are_counted(tiny: Path) -> None:
    write_manifest(tiny.parent)
    for path in (tiny.parent / "test").iterdir():
        path.unlink()
    assert "24 of 35 are not as manifest.json says (14 more than shown)" in check(tiny).output


def test_without_a_manifest_the_rest_is_checked(tiny: Path) -> None:
    done = check(tiny)
    assert done.exit_code == 0
    assert "their digests cannot be checked" in done.output
    assert "pairs      24 of 12 people" in done.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ('{"format": 2, "files": {}}', "cannot be read"),
        ('{"format": 1, "files": {"a": {"sha256": "0", "bytes": 1}}}', "cannot be read"),
        (json.dumps({"format": 1, "files": {"../a": {"sha256": "0" * 64, "bytes": 1}}}), "outside its folder"),
        (json.dumps({"format": 1, "files": {"/etc/passwd": {"sha256": "0" * 64, "bytes": 1}}}), "outside its folder"),
    ],
)  # fmt: skip
def test_a_bad_manifest_is_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(UserError, match=message):
        read_manifest(tmp_path)
