"""The rendered swaps of `studio`: what is stored, and that one thing differs from the image that was rendered again."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.benchmarks import STUDIO, STUDIO_SWAPS
from fhpt_bench.reading import sha256_file
from tools.studio import tables
from tools.studio.labels import LABEL
from tools.studio.swaps import COLUMNS, TARGETS, assemble

DATA = STUDIO.with_suffix("")
KINDS = ("garment", "gender", "identity")
HEAD = (0, 14, 15, 16, 17)  # nose, eyes and ears: they are on the surface of the head
BODY = tuple(number for number in range(18) if number not in HEAD)


def rows() -> list[dict[str, str]]:
    with (STUDIO_SWAPS / "swaps.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def of(kind: str) -> list[dict[str, str]]:
    return [row for row in rows() if row["kind"] == kind]


def people() -> dict[str, dict[str, str]]:
    with (DATA / "people.csv").open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def stored(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


@pytest.fixture(scope="module")
def truth() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Name of an image of studio, or place of a swap -> body points (18, 3), and labels (256, 176)."""
    points, labels = stored(DATA / "truth-test.npz"), stored(DATA / "parsing-test.npz")
    bodies = dict(zip(points["names"].tolist(), points["body"], strict=True))
    maps = dict(zip(labels["names"].tolist(), labels["labels"], strict=True))
    swaps = stored(STUDIO_SWAPS / "truth.npz")
    bodies |= dict(zip(swaps["names"].tolist(), swaps["body"], strict=True))
    maps |= dict(zip(swaps["names"].tolist(), swaps["labels"], strict=True))
    return bodies, maps


def difference(row: dict[str, str]) -> np.ndarray:
    """Mean absolute difference of the colours, by pixel."""
    images = [
        np.asarray(Image.open(path), float) for path in (DATA / "test" / row["target"], STUDIO_SWAPS / row["image"])
    ]
    return np.abs(images[0] - images[1]).mean(2)


def grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    for _ in range(pixels):
        padded = np.pad(mask, 1)
        mask = padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return mask


def test_the_manifest_matches_the_files_and_they_are_small() -> None:
    manifest = json.loads((STUDIO_SWAPS / tables.MANIFEST).read_text())
    assert manifest == tables.manifest(STUDIO_SWAPS, manifest["seed"])
    assert sum(file["bytes"] for file in manifest["files"].values()) < 8 * 2**20


def test_the_table_names_every_image_once_and_every_target_has_every_kind() -> None:
    found = rows()
    assert list(found[0]) == COLUMNS
    assert sorted(row["image"] for row in found) == sorted(
        path.relative_to(STUDIO_SWAPS).as_posix() for path in STUDIO_SWAPS.glob("*/*.jpg")
    )
    targets = (STUDIO_SWAPS / TARGETS).read_text().split()
    assert Counter((row["kind"], row["target"]) for row in found) == Counter((k, t) for k in KINDS for t in targets)
    assert stored(STUDIO_SWAPS / "truth.npz")["names"].tolist() == [row["image"] for row in found]
    for row in found:
        with Image.open(STUDIO_SWAPS / row["image"]) as image:
            assert (image.size, image.mode, image.format) == ((176, 256), "RGB", "JPEG")


def test_targets_are_images_of_studio_and_donors_are_other_people_of_the_right_gender() -> None:
    known = people()
    gender = {row["person"]: row["gender"] for row in known.values()}
    outfit = {row["person"]: row["outfit"] for row in known.values()}
    for row in rows():
        assert row["target_sha256"] == sha256_file(DATA / "test" / row["target"])
        assert known[row["target"]]["person"] == row["person"] != row["taken_from"]
        same = gender[row["person"]] == gender[row["taken_from"]]
        assert same == (row["kind"] != "gender")
        if row["kind"] == "garment":
            assert outfit[row["person"]] != outfit[row["taken_from"]]


@pytest.mark.parametrize("kind", KINDS)
def test_the_background_is_that_of_the_image(kind: str, truth: tuple[dict, dict]) -> None:
    for row in of(kind):
        person = (truth[1][row["target"]] > 0) | (truth[1][row["image"]] > 0)
        far = difference(row)[~grown(person, 3)]
        assert far.mean() < 1.5, row["image"]


def test_another_face_has_the_body_and_the_clothes_of_the_image(truth: tuple[dict, dict]) -> None:
    faces = []
    for row in of("identity"):
        (body, swapped), (old, new) = ([table[row[key]] for key in ("target", "image")] for table in truth)
        assert np.abs(body[BODY, :2] - swapped[BODY, :2]).max() < 0.5, row["image"]
        both = (old == new) & ~grown(old != new, 2)
        change = difference(row)
        for name in ("upper", "lower"):
            cloth = both & (old == LABEL[name])
            assert cloth.sum() < 20 or change[cloth].mean() < 5, (row["image"], name)
        face = both & (old == LABEL["face"])
        if face.sum() > 100:
            faces.append(change[face].mean())
            assert faces[-1] > 4, row["image"]
    assert len(faces) > 20


def test_other_clothes_are_on_the_same_body_and_face(truth: tuple[dict, dict]) -> None:
    moved = 0
    for row in of("garment"):
        (body, swapped), (old, new) = ([table[row[key]] for key in ("target", "image")] for table in truth)
        moved += np.abs(body[BODY, :2] - swapped[BODY, :2]).max() > 0.5
        assert np.abs(body[HEAD, :2] - swapped[HEAD, :2]).max() < 0.5, row["image"]
        both = (old == new) & ~grown(old != new, 2)
        change = difference(row)
        face = both & (old == LABEL["face"])
        assert face.sum() < 20 or change[face].mean() < 8, row["image"]
        assert change[(old == LABEL["upper"]) | (new == LABEL["upper"])].mean() > 8, row["image"]
    assert moved <= 1  # where no donor's clothes leave the hands free, the arms are solved again


def test_the_other_gender_stands_where_the_person_stands(truth: tuple[dict, dict]) -> None:
    for row in of("gender"):
        body, swapped = (truth[0][row[key]] for key in ("target", "image"))
        np.testing.assert_allclose(body[1, :2], swapped[1, :2], atol=0.1, err_msg=row["image"])
        seen = (body[:, 2] > 0) & (swapped[:, 2] > 0)
        assert np.linalg.norm(body[seen, :2] - swapped[seen, :2], axis=1).mean() < 12, row["image"]


def test_a_table_is_made_of_what_was_rendered(tmp_path: Path) -> None:
    target = (STUDIO_SWAPS / TARGETS).read_text().split()[0]
    np.savez(tmp_path / "one.npz", body=np.zeros((18, 3)), labels=np.zeros((256, 176), np.uint8))
    (tmp_path / "one.jpg").write_bytes(b"jpeg")
    (tmp_path / "out" / "hat").mkdir(parents=True)
    (tmp_path / "out" / "hat" / "old.jpg").write_bytes(b"old")
    notes = {"kind": "hat", "target": target, "person": "test-0000", "taken_from": "test-0002"}
    assemble([(tmp_path / "one.jpg", tmp_path / "one.npz", notes)], DATA, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "hat").iterdir()] == [target]
    line = (tmp_path / "out" / "swaps.csv").read_text().splitlines()[1]
    assert line == f"hat,hat/{target},{target},{sha256_file(DATA / 'test' / target)},test-0000,test-0002"
