"""A command writes only where it cannot damage files that it did not write."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench import files
from fhpt_bench.cli import cli
from fhpt_bench.data.images import encode_png
from fhpt_bench.evaluation import job
from fhpt_bench.reading import sha256_file

OWN_NAMES = (
    "record.json", "pairs.csv", "variants.md", "files.jsonl", "training.json", "log.csv", "manifest.json", "stages.png",
    "images/a___b.png", "figures/contact_sheet.png", "figures/mine.png", "progress/rank-0.jsonl", "samples/000001.png",
    "test/x.png", "notes.txt",
)  # fmt: skip


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def users_folder(path: Path) -> Path:
    """A folder of the user with a file of every name that a command writes."""
    for name in OWN_NAMES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"the user's {name}")
    return path


def generated(tiny: Path, folder: Path) -> Path:
    """A folder with generated images of all pairs."""
    fb.run("copy-source", str(tiny), "psnr", out=folder / "made")
    shutil.copytree(folder / "made" / "images", folder / "images")
    return folder / "images"


def call(*words: object) -> Result:
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_input_and_output_do_not_overlap(tiny: Path, tmp_path: Path) -> None:
    images = generated(tiny, tmp_path / "x")
    shutil.rmtree(tmp_path / "x" / "made")
    before = contents(tmp_path)
    data = tiny.parent / "test"
    for out in (tmp_path / "x", images, images / "run", data, data / "run", tiny.parent):
        for overwrite in (False, True):
            with pytest.raises(fb.UserError, match=r"overlap|did not write"):
                fb.evaluate(images, "mine", str(tiny), "psnr", out=out, overwrite=overwrite)
    assert contents(tmp_path) == before
    assert not (images / "run").exists()


def test_special_folders_are_refused(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "file").write_text("x")
    for out, message in (
        ("", "is empty"), ("/", "root or the home"), ("~", "root or the home"), (tmp_path / "file", "is a file"),
    ):  # fmt: skip
        with pytest.raises(fb.UserError, match=message):
            fb.run("copy-source", str(tiny), "psnr", out=out)
    done = call("run", "-m", "copy-source", "-b", tiny, "--out", "")
    assert done.exit_code == 2
    assert "the path is empty" in done.output
    assert not any((tmp_path / "home").iterdir())


@pytest.mark.parametrize("name", ["figures", "images", "progress", "record.json", "images/x.png"])
def test_links_inside_are_refused(tiny: Path, tmp_path: Path, name: str) -> None:
    out, target = tmp_path / "run", users_folder(tmp_path / "mine")
    fb.run("copy-source", str(tiny), "psnr", out=out)
    link = out / name
    if link.is_dir():
        shutil.rmtree(link)
    else:
        link.unlink(missing_ok=True)
    link.symlink_to(target if name in ("figures", "images", "progress") else target / "notes.txt")
    before = contents(target)
    for overwrite in (False, True):
        with pytest.raises(fb.UserError, match="contains a link"):
            fb.run("copy-source", str(tiny), "psnr", out=out, overwrite=overwrite)
    assert contents(target) == before


def test_overwrite_removes_only_files_of_the_run(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fb.run("warp", str(tiny), "psnr", out=out)
    (out / "figures" / "mine.png").write_text("the user's")
    (out / "notes.txt").write_text("the user's")
    with (out / "files.jsonl").open("a") as file:
        file.write(json.dumps("../precious.txt") + "\n" + json.dumps(str(tmp_path / "precious.txt")) + "\n[" * 9)
    (tmp_path / "precious.txt").write_text("the user's")
    record = fb.run("copy-source", str(tiny), "psnr", out=out, overwrite=True)
    assert record.model.name == "copy-source"
    for kept in (out / "figures" / "mine.png", out / "notes.txt", tmp_path / "precious.txt"):
        assert kept.read_text() == "the user's"
    assert {path.name for path in (out / "progress").iterdir()} == {"rank-0.jsonl"}


def test_a_users_file_with_the_name_of_a_figure_is_kept(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fb.run("copy-source", str(tiny), "psnr", out=out)
    (out / "variants.md").write_text("the user's")
    fb.run("copy-source", str(tiny), "ssim", out=out)
    assert (out / "variants.md").read_text() == "the user's"


def test_a_run_of_an_earlier_version_is_not_cleared(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fb.run("copy-source", str(tiny), "psnr", out=out)
    (out / "files.jsonl").unlink()
    before = contents(out)
    for model, overwrite in (("warp", True), ("copy-source", False)):
        with pytest.raises(fb.UserError, match="remove the folder yourself"):
            fb.run(model, str(tiny), "psnr", out=out, overwrite=overwrite)
        assert contents(out) == before


def test_a_run_that_was_killed_at_once_resumes(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fb.run("copy-source", str(tiny), "psnr", out=out)
    for entry in out.iterdir():
        if entry.name != "run.json":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    assert fb.run("copy-source", str(tiny), "psnr", out=out)["psnr"].n == 24


def test_a_run_that_was_killed_while_its_first_file_was_written_resumes(tiny: Path, tmp_path: Path) -> None:
    """It was refused: "holds files that this command did not write"."""
    out = tmp_path / "run"
    for name in (".lock", ".run.json.0123abcd.part"):
        out.mkdir(exist_ok=True)
        (out / name).touch()
    assert fb.run("copy-source", str(tiny), "psnr", out=out)["psnr"].n == 24
    (out / "files.jsonl").unlink()
    for name in ("images", "figures", "progress"):
        shutil.rmtree(out / name)
    for name in ("record.json", "pairs.csv"):
        (out / name).unlink()
    assert fb.run("copy-source", str(tiny), "psnr", out=out)["psnr"].n == 24
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".notes.txt.0123abcd.part").touch()
    with pytest.raises(fb.UserError, match="did not write"):
        fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "other")


def test_the_probe_of_a_disk_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill left a file after which no command accepted the folder."""
    seen: list[list[str]] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: seen.append([entry.name for entry in tmp_path.iterdir()]))
    job._check_writable(tmp_path)
    assert seen == [[]]


@pytest.mark.parametrize("link", [os.link, None], ids=["links", "no links"])
def test_a_key_is_whole_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: Any) -> None:
    """A kill between creating and writing it left an empty key, after which every run was refused."""

    def refuse(*given: object) -> None:
        raise PermissionError

    sync = os.fsync
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("os.link", link or refuse)
    monkeypatch.setattr("os.fsync", refuse)  # ends it after the content was written
    with pytest.raises(fb.UserError, match="Cannot write"):
        files.local_signature(b"x")
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("os.fsync", sync)
    files.local_signature(b"x")
    assert [(file.name, file.stat().st_size) for file in tmp_path.iterdir()] == [("key", 32)]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"run_id": 5}', "[" * 100_000, '{"model": 1}'])
def test_a_foreign_run_json_is_no_run(tiny: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "run.json").write_text(text)
    with pytest.raises(fb.UserError, match="was not written by a run"):
        fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "run.json").read_text() == text


def test_images_without_a_run_are_not_taken_for_the_models_own(tiny: Path, tmp_path: Path) -> None:
    fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "a")
    (tmp_path / "b").mkdir()
    shutil.copytree(tmp_path / "a" / "images", tmp_path / "b" / "images")
    with pytest.raises(fb.UserError, match="did not write"):
        fb.run("real", str(tiny), "ssim", out=tmp_path / "b")


Change = Callable[[Path], None]


def forge(folder: Path) -> None:
    """Give every value of a run's progress another value, and keep everything else."""
    (file,) = (folder / "progress").iterdir()
    lines = [line for line in file.read_text().splitlines() if line]
    changed = []
    for line in lines:
        signature, _, content = line.partition(" ")
        batch = json.loads(content)
        for pairs in batch["values"].values():
            for result in pairs.values():
                for row in result.values():
                    row[0] = 0.99
        changed.append(f"{signature} {json.dumps(batch)}")
    file.write_text("\n".join(changed) + "\n")


def replace_image(folder: Path) -> None:
    next((folder / "images").iterdir()).write_bytes(encode_png(np.zeros((64, 48, 3), np.uint8)))


def damage_image(folder: Path) -> None:
    next((folder / "images").iterdir()).write_bytes(b"\x89PNG")


def damage_progress(folder: Path) -> None:
    (file,) = (folder / "progress").iterdir()
    file.write_bytes(b"\xff\n5\n" + b"[" * 100_000 + b"\n{}\n" + file.read_bytes()[:-40])


def of_another_user(folder: Path) -> None:
    """Signed with another key, as in a folder that was copied from another machine."""
    (file,) = (folder / "progress").iterdir()
    lines = (line.partition(" ") for line in file.read_text().splitlines() if line)
    file.write_text("".join(f"{'0' * 64} {content}\n" for _, _, content in lines))


@pytest.mark.parametrize("change", [forge, replace_image, damage_image, damage_progress, of_another_user])
def test_what_a_run_resumes_is_its_own_work(tiny: Path, tmp_path: Path, change: Change) -> None:
    expected = fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    values, before = expected["ssim"].per_pair, contents(tmp_path / "run" / "images")
    change(tmp_path / "run")
    again = fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    assert again["ssim"].value == expected["ssim"].value
    assert again["ssim"].per_pair.equals(values)
    assert contents(tmp_path / "run" / "images") == before


def test_a_damaged_key_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    assert files.local_signature(b"x") == files.local_signature(b"x") != files.local_signature(b"y")
    assert (tmp_path / "cache" / "key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "other"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "key").touch()
    with pytest.raises(fb.UserError, match="other/key is damaged"):
        files.local_signature(b"x")


def test_finished_work_is_not_repeated(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from baselines.copy_source import CopySource

    record = fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    monkeypatch.setattr(CopySource, "generate", None)
    assert fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")["ssim"].value == record["ssim"].value
