"""`fhpt-bench paper figures`: the paper's figures from records and their images."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.images import is_own_png, read_image
from fhpt_bench.errors import UserError
from leaderboards.measured import read_measured
from leaderboards.paper.choice import choose_records
from leaderboards.paper.contents import FIGURES, FULL, PATN, PB_ONLY, REAL
from leaderboards.paper.figures import error_curves, face_box, face_crops, frontal, notes_of, side_by_side
from leaderboards.paper.gallery import retrieval_gallery
from leaderboards.paper.pictures import Pictures, choose_pairs, open_pictures

LIMIT = 8
FIGURE = {figure.number: figure for figure in FIGURES}
TILE, GAP, LINE = 176, 8, 24  # of the grid of images


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records called `drn` and `patn` with the images of copy-source, and `drn-pb-only`, evaluated from a folder."""
    place = tmp_path_factory.mktemp("paper")
    scores = "lpips,kec,face-id,retrieval:paper-vgg16"
    fb.run("copy-source", protocols=scores, limit=LIMIT, out=place / "runs" / "drn")
    fb.run("real", protocols="psnr", limit=LIMIT, out=place / "runs" / "real")
    shutil.copytree(place / "runs" / "drn", place / "runs" / "patn")
    for name in ("drn", "patn"):
        file = place / "runs" / name / "record.json"
        file.write_text(file.read_text().replace('"name": "copy-source"', f'"name": "{name}"'))
    shutil.copytree(place / "runs" / "drn" / "images", place / "evaluated")
    fb.evaluate(place / "evaluated", "drn-pb-only", protocols="psnr", limit=LIMIT, out=place / "runs" / "pb")
    return place / "runs"


@pytest.fixture(scope="module")
def pictures(runs: Path) -> Pictures:
    choice = choose_records(read_measured([str(runs)]), "studio")
    systems = [s for figure in FIGURES for s in figure.systems]
    return open_pictures(choice, systems, "studio", None, {"drn-pb-only": runs.parent / "evaluated"})


def call(runs: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(cli, ["paper", "figures", "--records", str(runs), "--out", str(out), *more])


def test_images_of_runs_and_of_evaluated_folders_are_found(pictures: Pictures) -> None:
    assert set(pictures.systems) == {FULL, PATN, PB_ONLY, REAL}
    pair = pictures.benchmark.pairs[0]
    source, target = pictures.real([pair.source, pair.target])
    for system, expected in ((FULL, source), (PB_ONLY, source), (REAL, target)):
        np.testing.assert_array_equal(pictures.generated(system, pair), expected)


def test_a_path_in_a_record_is_not_followed(runs: Path) -> None:
    """The record of `drn-pb-only` says where its images were; a stranger's could name any folder."""
    choice = choose_records(read_measured([str(runs)]), "studio")
    assert choice.measured["drn-pb-only"][0].model.origin == str(runs.parent / "evaluated")
    assert set(open_pictures(choice, [PB_ONLY, FULL], "studio", None).systems) == {FULL}


def test_a_folder_of_other_images_is_refused(runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words, message in (
        (["--images", f"drn-pb-only={runs / 'real' / 'images'}"], "are not those of the record of drn-pb-only"),
        (["--images", "drn-pb-only=nowhere"], "There is no folder|nowhere"),
        (["--images", f"absent={runs}"], "no record of absent"),
        (["--images", "drn-pb-only"], "is not NAME=DIR"),
    ):
        assert re.search(message, str(call(runs, out, "--figure", "6", *words).exception))
    assert call(runs, out, "--figure", "6", "--images", f"drn-pb-only={runs.parent / 'evaluated'}").exit_code == 0


@pytest.mark.parametrize(("number", "columns"), [(5, 5), (6, 5)])
def test_each_image_is_in_its_place(pictures: Pictures, number: int, columns: int) -> None:
    pairs = choose_pairs(pictures, [FULL], 2, 0, pictures.benchmark.pairs)
    sheet = side_by_side(FIGURE[number], pictures, pairs, "chosen")
    assert sheet.shape[1] == GAP + columns * (TILE + GAP)
    for row, pair in enumerate(pairs):
        y = 2 * LINE + row * (LINE + 256 + GAP) + LINE
        source, target = pictures.real([pair.source, pair.target])
        for column, expected in ((0, source), (2, target), (3, source), (4, source)):  # the systems copy the source
            x = GAP + column * (TILE + GAP)
            np.testing.assert_array_equal(sheet[y : y + 256, x : x + TILE], expected)


def test_notes_name_scores_and_systems_without_images(pictures: Pictures) -> None:
    lpips = pictures.choice.measured["drn"][0]["lpips"]
    first, second = notes_of(FIGURE[5], pictures)
    assert first.startswith("LPIPS (alex-0.1), lower is better, 95 % interval: PATN ")
    assert f"Ours Full {lpips.value:.4f}, n = {LIMIT}." in first  # fewer than ten people: no interval
    assert second == "Without a record that has images: UV-Net, SPT, DSC, Ours Coarse."
    only = Pictures(pictures.benchmark, pictures.choice, {FULL: pictures.systems[FULL]})
    assert notes_of(FIGURE[9], only)[-1] == "Without a record that has images: DSC, PATN."  # real images need none


def test_notes_say_what_a_system_is_given(pictures: Pictures) -> None:
    measured = dict(pictures.choice.measured)
    record, values = measured["drn"]
    model = record.model.model_copy(update={"conditioning": ("pose", "face-landmarks")})
    measured["drn"] = (record.model_copy(update={"model": model}), values)
    changed = dataclasses.replace(pictures, choice=dataclasses.replace(pictures.choice, measured=measured))
    assert notes_of(FIGURE[5], changed)[1] == "Ours Full: given face-landmarks."
    assert error_curves(FIGURE[7], changed) != error_curves(FIGURE[7], pictures)


def test_random_pairs_show_different_people_and_depend_on_the_seed(pictures: Pictures) -> None:
    able = pictures.benchmark.pairs
    chosen = {seed: choose_pairs(pictures, [FULL], 4, seed, able) for seed in (0, 1)}
    assert choose_pairs(pictures, [FULL], 4, 0, able) == chosen[0] != chosen[1]
    assert choose_pairs(pictures, [FULL], 2, 0, able) == chosen[0][:2]
    assert len({pair.person for pair in chosen[0]}) == 4


def test_faces_are_enlarged_around_their_landmarks() -> None:
    benchmark = load_benchmark("studio")
    boxes = {name: face_box(benchmark, name) for name in benchmark.images}
    assert all(box is None for name, box in boxes.items() if name.endswith("_3back.jpg"))
    for name, box in boxes.items():
        if box is not None:
            x, y, side = box
            points = benchmark.truth.face[name]
            seen = points[np.isfinite(points).all(1)]
            assert (np.abs(seen - (x, y)) <= side / 2).all()
    share = np.mean([frontal(benchmark, pair) for pair in benchmark.pairs])
    assert 0.05 < share < 0.5


def test_without_landmarks_the_pose_gives_the_face() -> None:
    exact = load_benchmark("studio")
    by_pose = dataclasses.replace(exact, truth=type(exact.truth)())
    both = [(face_box(exact, name), face_box(by_pose, name)) for name in exact.images]
    found = [(a, b) for a, b in both if a is not None and b is not None]
    assert len(found) > 0.9 * sum(a is not None for a, _ in both)
    shift = [np.hypot(a[0] - b[0], a[1] - b[1]) / a[2] for a, b in found]
    assert np.median(shift) < 0.15
    assert 0.7 < np.median([b[2] / a[2] for a, b in found]) < 1.4


def test_a_face_at_the_border_is_padded(pictures: Pictures) -> None:
    able = [pair for pair in pictures.benchmark.pairs if frontal(pictures.benchmark, pair)]
    if not able:
        pytest.skip("none of the few pairs has two frontal faces")
    sheet = face_crops(FIGURE[8], pictures, able[:1], "chosen")
    assert sheet.shape[1] == GAP + 4 * (TILE + GAP)  # source, target, PATN, full


def test_curves_of_systems_without_a_record_are_left_out(pictures: Pictures) -> None:
    assert error_curves(FIGURE[7], pictures) is not None
    none = Pictures(pictures.benchmark, pictures.choice, {})
    only = type(FIGURE[7])(7, "x", (PB_ONLY,))
    assert error_curves(only, none) is None


def test_a_gallery_of_another_head_is_refused(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = weights.digest
    monkeypatch.setattr(weights, "digest", lambda name: "0" * 64 if name == "retrieval-vgg16" else digest(name))
    with pytest.raises(UserError, match="retrieval:paper-vgg16 by another network or head than the one here"):
        retrieval_gallery(FIGURE[9], pictures, [pictures.benchmark.pairs[0]], "chosen")


def test_the_gallery_marks_images_of_the_same_item(pictures: Pictures) -> None:
    pair = pictures.benchmark.pairs[0]
    sheet = retrieval_gallery(FIGURE[9], pictures, [pair], "chosen")
    green, orange = (0, 140, 105), (213, 94, 0)
    # In this gallery, with repeats, the source itself is the best answer to its copy.
    x = GAP + 2 * (136 + GAP)
    column = sheet[:, x + 1]
    assert (column == green).all(1).any()
    assert (sheet == green).all(2).any()
    assert (sheet == orange).all(2).any()


def test_the_command_draws_what_it_can_and_says_what_not(runs: Path, tmp_path: Path) -> None:
    done = call(runs, tmp_path / "out", "--figure", "5", "--figure", "7", "--count", "2")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figure-5.png", "figure-7.png"]
    assert all(is_own_png(path) for path in (tmp_path / "out").iterdir())
    first = (tmp_path / "out" / "figure-5.png").read_bytes()
    assert call(runs, tmp_path / "out", "--figure", "5", "--count", "2").exit_code == 0
    assert (tmp_path / "out" / "figure-5.png").read_bytes() == first
    shutil.copytree(runs / "pb", tmp_path / "one" / "pb")
    some = call(tmp_path / "one", tmp_path / "few", "--figure", "7", "--figure", "8")
    assert some.exit_code == 1
    assert "figure 7   not drawn: No record of its systems has keypoint error curves" in some.output
    assert "figure 8   not drawn: None of dsc, patn, drn-no-face, drn has a record with images: for eval" in some.output


def test_chosen_pairs_are_drawn_and_unknown_ones_refused(runs: Path, pictures: Pictures, tmp_path: Path) -> None:
    pair = pictures.benchmark.pairs[3]
    done = call(runs, tmp_path / "out", "--figure", "6", "--pair", pair.id)
    assert done.exit_code == 0, done.output
    assert read_image(tmp_path / "out" / "figure-6.png").shape[0] < 2 * 256  # one row
    able = [one for one in pictures.benchmark.pairs if frontal(pictures.benchmark, one)]
    side = next(one for one in pictures.benchmark.pairs if one not in able)
    some = call(runs, tmp_path / "out", "--figure", "8", *(w for one in (*able[:1], side) for w in ("--pair", one.id)))
    assert some.exit_code == 1
    assert f"not drawn: The pair {side.id} has no frontal face" in some.output
    wrong = call(runs, tmp_path / "out", "--figure", "6", "--pair", "nobody")
    assert isinstance(wrong.exception, UserError)
    assert "There is no pair 'nobody'" in str(wrong.exception)


def test_the_guidance_map_is_that_of_the_record(runs: Path, tmp_path: Path) -> None:
    """The record's images come from other weights; with those that are here, the pairs are those of the seed."""
    other = call(runs, tmp_path / "out", "--figure", "10", "--count", "2")
    assert other.exit_code == 1
    assert "figure 10  not drawn: The record of drn was made with other weights than those here" in other.output
    shutil.copytree(runs, tmp_path / "runs")
    file = tmp_path / "runs" / "drn" / "record.json"
    record = json.loads(file.read_text())
    record["model"]["trained"] = {name: weights.digest(name) for name in ("drn", "drn-face")}
    file.write_text(json.dumps(record))
    drawn = []
    for seed in ("0", "0", "1"):
        done = call(tmp_path / "runs", tmp_path / "out", "--figure", "10", "--count", "2", "--seed", seed)
        assert done.exit_code == 0, done.output
        drawn.append((tmp_path / "out" / "figure-10.png").read_bytes())
    assert drawn[0] == drawn[1] != drawn[2]


def test_files_of_others_are_never_replaced(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "figure-5.png").write_bytes(b"mine")
    done = call(runs, tmp_path, "--figure", "5")
    assert "fhpt-bench did not draw it" in str(done.exception)
    assert (tmp_path / "figure-5.png").read_bytes() == b"mine"


def test_records_of_other_pairs_are_refused(runs: Path, pictures: Pictures) -> None:
    part = pictures.choice.benchmark.model_copy(update={"pairs_sha256": "0" * 64})
    choice = type(pictures.choice)(part, pictures.choice.measured, 0)
    with pytest.raises(UserError, match="pairs that are not those of the installed benchmark"):
        open_pictures(choice, [FULL], "studio", None)


def test_a_damaged_image_is_named(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs, tmp_path / "runs")
    for file in (tmp_path / "runs" / "drn" / "images").iterdir():
        file.write_bytes(b"damaged")
    done = call(tmp_path / "runs", tmp_path / "out", "--figure", "6")
    assert "not drawn" in done.output
    assert ".png" in done.output
