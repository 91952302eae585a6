"""Submissions: what is packed is checked again, and nothing of a stranger's zip file is trusted."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.records.submission import CARD_FILE, LIMITS, THUMBNAILS_FILE, check_submission, unpack_submission

SAID = ["--who", "Ann, ann@example.org", "--made", "by hand"]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, [*map(str, words)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of eight pairs of studio."""
    folder = tmp_path_factory.mktemp("run") / "run"
    fb.run("copy-source", protocols="psnr,ssim", limit=8, out=folder)
    return folder


@pytest.fixture
def packed(run: Path, tmp_path: Path) -> Path:
    file = tmp_path / "mine.zip"
    result = call("submit", run, *SAID, "--paper", "https://example.org/p", "--out", file)
    assert result.exit_code == 0, result.output
    return file


def test_what_is_packed_is_checked_again(packed: Path, run: Path, tmp_path: Path) -> None:
    submission = unpack_submission(packed, tmp_path / "unpacked")
    assert {path.name for path in (tmp_path / "unpacked").iterdir()} == set(LIMITS)
    assert (submission.card.who, submission.card.paper) == ("Ann, ann@example.org", "https://example.org/p")
    assert submission.record.run_id == fb.read_record(run).run_id
    assert submission.record["ssim"].per_pair.equals(fb.read_record(run)["ssim"].per_pair)
    found = check_submission(submission)
    assert found.wrong == 0
    names = {check.name: check.status for check in found.checks}
    assert (names["digests of images"], names["thumbnails"], names["images"]) == ("ok", "ok", "cannot")
    shown = call("validate", packed)
    assert shown.exit_code == 0
    assert "Nothing that could be checked is wrong" in shown.output
    with Image.open(tmp_path / "unpacked" / THUMBNAILS_FILE) as sheet:
        top = np.asarray(sheet.convert("RGB"))[:93, :64].astype(int)
    with Image.open(run / "images" / f"{submission.card.thumbnails[0]}.png") as image:
        assert np.abs(np.asarray(image.resize((64, 93))).astype(int) - top).mean() < 6


def test_the_same_run_gives_the_same_file_and_others_are_kept(packed: Path, run: Path) -> None:
    words = ["submit", run, *SAID, "--paper", "https://example.org/p", "--out", packed]
    assert call(*words).exit_code == 0
    packed.write_bytes(b"mine")
    assert "exists with another content" in str(call(*words).exception)
    assert packed.read_bytes() == b"mine"


def test_a_wrong_record_is_not_packed(run: Path, tmp_path: Path) -> None:
    content = json.loads((run / "record.json").read_text())
    content["scores"][0]["value"] += 1
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "record.json").write_text(json.dumps(content))
    (tmp_path / "wrong" / "pairs.csv").write_bytes((run / "pairs.csv").read_bytes())
    result = call("submit", tmp_path / "wrong", *SAID, "--out", tmp_path / "wrong.zip")
    assert result.exit_code == 1
    assert "WRONG" in result.output
    assert not (tmp_path / "wrong.zip").exists()
    assert "must not be empty" in str(call("submit", run, "--who", "", "--made", "x").exception)


def test_images_of_other_benchmarks_are_shown_only_if_asked(tmp_path: Path, small_people: Path) -> None:
    fb.run("copy-source", str(small_people), "psnr", limit=10, out=tmp_path / "run")
    for words, shown in (([], False), (["--thumbnails"], True)):
        file = tmp_path / f"{shown}.zip"
        result = call("submit", tmp_path / "run", *SAID, *words, "--out", file)
        # The record cannot be held against a benchmark that is not registered; nothing in it is wrong.
        assert result.exit_code == 0, result.output
        assert (THUMBNAILS_FILE in zipfile.ZipFile(file).namelist()) == shown
        assert ("may forbid you to publish" in result.output) == shown


def changed(file: Path, **members: bytes | None) -> Path:
    """A copy with other members; the card lists their true digests."""
    with zipfile.ZipFile(file) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content |= {name: value for name, value in members.items() if value is not None}
    for name, value in members.items():
        if value is None:
            content.pop(name)
    if CARD_FILE not in members:
        listed = {n: hashlib.sha256(v).hexdigest() for n, v in content.items() if n != CARD_FILE}
        content[CARD_FILE] = json.dumps({**json.loads(content[CARD_FILE]), "members": listed}).encode()
    other = file.with_name("other.zip")
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in content.items():
            archive.writestr(name, value)
    return other


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"../evil": b"x"}, "it has the member '../evil'"),
        ({"/evil": b"x"}, "it has the member '/evil'"),
        ({"images/a.png": b"x"}, "it has the member 'images/a.png'"),
        ({"record.json": None}, "it has no record.json"),
        ({CARD_FILE: b"{}"}, "submission.json in .* is wrong at who"),
        ({CARD_FILE: b"[" * 10**5}, "is not JSON that can be used"),
        ({THUMBNAILS_FILE: bytes(LIMITS[THUMBNAILS_FILE] + 1)}, "thumbnails.webp has more than 8,388,608 bytes"),
        ({"images.json": b"[]"}, "images.json in .* is not a table"),
        ({"record.json": b"{}"}, "not a record of fhpt-bench"),
    ],
)
def test_hostile_files_are_one_sentence(
    packed: Path, tmp_path: Path, members: dict[str, bytes | None], message: str
) -> None:
    with pytest.raises(fb.UserError, match=message) as caught:
        unpack_submission(changed(packed, **members), tmp_path / "unpacked")
    assert len(str(caught.value).splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} <= {"mine.zip", "other.zip", "unpacked"}


def test_damaged_and_encrypted_files_are_refused(packed: Path, tmp_path: Path) -> None:
    content = packed.read_bytes()
    twice = io.BytesIO(content)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("record.json", b"{}")
    encrypted = bytearray(content)
    encrypted[content.rindex(b"PK\x01\x02") + 8] |= 1
    damaged = bytearray(content)
    damaged[60:90] = bytes(30)
    for wrong in (b"", b"PK", content[:-40], twice.getvalue(), bytes(encrypted), bytes(damaged)):
        packed.write_bytes(wrong)
        with pytest.raises(fb.UserError):
            unpack_submission(packed, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


def test_what_does_not_belong_together_is_found(packed: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 93)).save(buffer, "WEBP")
    digests = json.loads(zipfile.ZipFile(packed).read("images.json"))
    first = next(iter(digests))
    cases = [
        ({THUMBNAILS_FILE: buffer.getvalue()}, "thumbnails"),
        ({THUMBNAILS_FILE: b"no image"}, "thumbnails"),
        ({"images.json": json.dumps({**digests, first: "0" * 64}).encode()}, "digests of images"),
        ({"images.json": json.dumps({"a___b": "0" * 64}).encode()}, "digests of images"),
    ]
    for number, (members, name) in enumerate(cases):
        submission = unpack_submission(changed(packed, **members), tmp_path / str(number))
        assert name in [check.name for check in check_submission(submission).checks if check.status == "WRONG"]
        assert call("validate", tmp_path / "other.zip").exit_code == 1


def test_texts_of_the_card_are_plain(packed: Path, tmp_path: Path) -> None:
    card = json.loads(zipfile.ZipFile(packed).read(CARD_FILE))
    hostile = json.dumps({**card, "who": "a\x1b[31m\nb", "what": "\u202e<b>"}).encode()
    found = unpack_submission(changed(packed, **{CARD_FILE: hostile}), tmp_path / "unpacked").card
    assert found.who == "a\N{REPLACEMENT CHARACTER}[31m b"
    assert "\u202e" not in found.what
