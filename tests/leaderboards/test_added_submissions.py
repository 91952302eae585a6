"""`leaderboard --add`: submissions are checked, marked, and refused if anything is wrong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hostile.conftest import Done, call, true_record  # noqa: F401

Call = Callable[..., Done]


@pytest.fixture
def submission(true_record: Path, tmp_path: Path, call: Call) -> Path:  # noqa: F811
    file = tmp_path / "mine.zip"
    done = call("submit", true_record, "--who", "A", "--made", "copied", "--out", file)
    assert done.code == 0, done.err
    return file


def test_it_is_shown_and_marked(submission: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    (tmp_path / "none").mkdir()
    words = ["leaderboard", "--records", tmp_path / "none", "--add", submission]
    done = call(*words)
    assert done.code == 0, done.err
    assert "copy-source (submission)" in done.out
    assert "(submission): sent by somebody else" in done.out
    assert "mine.zip: nothing is wrong; cannot be checked from the file:" in done.err
    assert "images" in done.err
    page = call(*words, "--format", "html", "--out", tmp_path / "page")
    assert page.code == 0, page.err
    assert '"badges":["submission"]' in (tmp_path / "page/index.html").read_text(encoding="utf-8")


def test_a_changed_one_is_refused(submission: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(submission) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "record.json":
                record = json.loads(content)
                record["scores"][0]["value"] += 0.01
                content = json.dumps(record).encode()
            new.writestr(name, content)
    done = call("leaderboard", "--records", tmp_path, "--add", changed)
    assert done.code == 2
    assert "is damaged: its members are not those that submission.json lists" in done.err


def test_a_consistent_forgery_is_refused(submission: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    import hashlib

    forged = tmp_path / "forged.zip"
    with zipfile.ZipFile(submission) as old, zipfile.ZipFile(forged, "w") as new:
        members = {name: old.read(name) for name in old.namelist()}
        record = json.loads(members["record.json"])
        record["scores"][0]["value"] += 0.01
        members["record.json"] = json.dumps(record).encode()
        card = json.loads(members["submission.json"])
        card["members"]["record.json"] = hashlib.sha256(members["record.json"]).hexdigest()
        members["submission.json"] = json.dumps(card).encode()
        for name, content in members.items():
            new.writestr(name, content)
    done = call("leaderboard", "--records", tmp_path, "--add", forged)
    assert done.code == 2
    assert "forged.zip is wrong at" in done.err
    assert "`fhpt-bench validate` shows all" in done.err
