"""`--keypoints DIR`: scores from OpenPose files in place of MediaPipe's keypoints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.networks.keypoints import MediaPipeHolistic
from fhpt_bench.records.comparison import what_differs
from fhpt_bench.records.validation import validate_record

STUDIO = load_benchmark("studio")
PERSON = STUDIO.pairs[0].person
PAIRS = [
    p for p in STUDIO.pairs if p.person == PERSON and all("front" in n or "side" in n for n in (p.source, p.target))
]
CHOSEN = "kec,kec:found-only,pckh"


def settings(folder: Path, truth: bool) -> str:
    """Two pairs of one rendered person, with or without true keypoints of face and hands."""
    (folder / "pairs.csv").write_text("from,to\n" + "".join(f"{p.source},{p.target}\n" for p in PAIRS))
    file = folder / f"two-{truth}.toml"
    file.write_text(
        f'id = "two"\nversion = "{truth}"\ntitle = "one person"\nroot = "{STUDIO.folder.parent}"\n'
        f'image_size = [256, 176]\nimages = "test"\npairs = "{folder / "pairs.csv"}"\n'
        'keypoints = "fasion-resize-annotation-test.csv"\nprotocols = ["kec"]\n'
        + ('truth = "truth-test.npz"\n' if truth else "")
        + "[anchors]\nbody = 20\nface = 10\nhand = 40\n"
    )
    return str(file)


def as_openpose(reading: NDArray[np.float32]) -> dict[str, object]:
    """Keypoints in the format that OpenPose writes."""

    def points(part: str) -> list[float]:
        return [float(number) for number in np.nan_to_num(reading[SLICES[part]]).ravel()]

    person = {f"{name}_keypoints_2d": points(part) for name, part in (
        ("pose", "body"), ("face", "face"), ("hand_left", "hand_left"), ("hand_right", "hand_right"))}  # fmt: skip
    return {"version": 1.3, "people": [person]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Images of `warp`, a folder with MediaPipe's keypoints of them, and one that also has those of the targets."""
    root = tmp_path_factory.mktemp("made")
    fb.run("warp", settings(root, truth=True), "psnr", out=root / "run")
    images, given, both = root / "run" / "images", root / "given", root / "both"
    given.mkdir()
    network = MediaPipeHolistic("cpu")

    def write(file: Path, image: Path) -> None:
        file.write_text(json.dumps(as_openpose(network.extract(np.asarray(Image.open(image).convert("RGB"))[None])[0])))

    for pair, end in zip(PAIRS, ("_keypoints.json", ".json"), strict=True):
        write(given / f"{pair.id}{end}", images / f"{pair.id}.png")
    shutil.copytree(given, both)
    for pair in PAIRS:
        write(both / f"{stem(pair.target)}_keypoints.json", STUDIO.folder / pair.target)
    return images, given, both


@pytest.mark.parametrize("truth", [True, False])
def test_mediapipes_own_readings_give_its_numbers_but_other_fingerprints(
    made: tuple[Path, Path, Path], tmp_path: Path, truth: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, given, both = made
    benchmark = settings(tmp_path, truth)
    ours = fb.evaluate(images, "warp", benchmark, CHOSEN, out=tmp_path / "ours")
    monkeypatch.setattr(MediaPipeHolistic, "extract", None)  # from here on it must not be called
    theirs = fb.evaluate(images, "warp", benchmark, CHOSEN, out=tmp_path / "a", keypoints=given if truth else both)
    assert not theirs.failed
    assert theirs["kec:canonical:body"].value is not None
    for score in ours.scores:
        other = theirs[score.key]
        assert (other.value, other.n, other.skipped) == (score.value, score.n, score.skipped)
        assert other.fingerprint != score.fingerprint
        assert score.details.get("estimator", "mediapipe-holistic") == "mediapipe-holistic"
    details = theirs["kec:canonical:face"].details
    assert details["estimator"] == "openpose-json"
    assert details["truth"] == ("the benchmark's own" if truth else "openpose-json on the real target")
    checks = {check.name: check.status for check in validate_record(fb.read_record(tmp_path / "a")).checks}
    assert checks["fingerprint"] == "ok"
    card = next(card for card in theirs.protocols if card.id == "kec")
    assert card.features == ("openpose-json",)
    again = fb.evaluate(images, "warp", benchmark, CHOSEN, out=tmp_path / "b", keypoints=str(given if truth else both))
    assert [score.fingerprint for score in again.scores] == [score.fingerprint for score in theirs.scores]


def test_without_the_targets_files_what_needs_them_is_skipped(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    images, given, _ = made
    record = fb.evaluate(images, "warp", settings(tmp_path, truth=False), CHOSEN, out=tmp_path / "a", keypoints=given)
    assert record["kec:canonical:body"].status == record["pckh"].status == "ok"
    for part in ("face", "hand-left", "hand-right", "hands"):
        score = record[f"kec:canonical:{part}"]
        assert score.status == "skipped"
        assert score.skipped == {"no keypoints of the real targets given": 2}
        assert score.details["truth"] is None
    assert not record.failed


def test_the_files_are_read_and_not_the_images(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    images, given, _ = made
    moved = tmp_path / "moved"
    shutil.copytree(given, moved)
    for file in moved.iterdir():
        content = json.loads(file.read_text())
        (person,) = content["people"]
        person["pose_keypoints_2d"] = [1.0, 1.0, 0.9] * 18
        file.write_text(json.dumps({"people": [{"pose_keypoints_2d": [80.0, 80.0, 0.01] * 18}, person]}))
    command = ["evaluate", str(images), "-b", settings(tmp_path, truth=True), "-p", "kec", "-o", str(tmp_path / "a")]
    done = CliRunner().invoke(cli, [*command, "--keypoints", str(moved)])
    assert done.exit_code == 0, done.output
    score = fb.read_record(tmp_path / "a")["kec:canonical:body"]
    assert score.value == 0, "the more confident of two people is in the corner"
    assert score.details["detection_rate"] == 1


def test_what_is_wrong_with_a_folder_is_said_before_anything_is_computed(
    made: tuple[Path, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, given, both = made
    benchmark = settings(tmp_path, truth=True)

    def refused(folder: Path, message: str, chosen: str = "kec") -> None:
        with pytest.raises(fb.UserError, match=message) as error:
            fb.evaluate(images, "warp", benchmark, chosen, out=tmp_path / "run", keypoints=folder)
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run" / "record.json").exists()

    monkeypatch.setattr(MediaPipeHolistic, "extract", None)
    refused(tmp_path / "nowhere", "There is no folder of keypoints .*nowhere")
    refused(images, rf"keypoints of 2 of 2 pairs are missing, first {PAIRS[0].id}_keypoints\.json")
    refused(given, "no chosen protocol uses keypoints", "psnr")
    first = next(file for file in both.iterdir() if file.name.startswith(PAIRS[0].id))

    def spoilt(name: str, content: str | None, file: str = first.name) -> Path:
        folder = tmp_path / name
        shutil.copytree(both, folder)
        if content is None:
            (folder / file).unlink()
        else:
            (folder / file).write_text(content)
        return folder

    refused(spoilt("one", None), rf"keypoints of 1 of 2 pairs are missing, first {PAIRS[0].id}_keypoints\.json")
    target = f"{stem(PAIRS[0].target)}_keypoints.json"
    refused(spoilt("target", None, target), rf"keypoints of 1 of 2 real targets are missing, first {target}: add")
    refused(spoilt("broken", "{"), f"{first.name} is not JSON")
    wide = {"people": [{"pose_keypoints_2d": [250.0, 9.0, 1.0] * 18}]}
    refused(spoilt("wide", json.dumps(wide)), f"{first.name} \\(openpose\\) has a joint outside of the 176x256 images")
    unit = tmp_path / "unit"
    shutil.copytree(given, unit)
    for file in unit.iterdir():
        file.write_text(json.dumps({"people": [{"pose_keypoints_2d": [0.5, -0.9, 1.0] * 18}]}))
    refused(unit, "--keypoint_scale 0")


def test_a_comparison_names_the_estimators(made: tuple[Path, Path, Path], tmp_path: Path) -> None:
    images, given, _ = made
    benchmark = settings(tmp_path, truth=True)
    records = [
        fb.evaluate(images, "warp", benchmark, "kec", out=tmp_path / str(i), keypoints=folder)
        for i, folder in enumerate((None, given))
    ]
    (difference,) = what_differs(*records, records[0]["kec"])
    assert difference == "protocol's features (('mediapipe-holistic',) / ('openpose-json',))"
