"""Parts of the studio renderer that run without Blender, and the consistency of the rendered benchmark."""

import csv
import hashlib
import json
import re
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench
from tools.studio import colours, fabrics, names, prints, tables
from tools.studio.landmarks import COCO, FACE_VERTICES

DATA = Path(fhpt_bench.__file__).parent / "benchmarks" / "studio"
SPLITS = ("train", "test")
NAME = re.compile(
    r"^(fashion|fasion)(WOMEN|MEN)(.+?)id(\d{8})(\d{2})_(\d)(front|back|side|full|additional|flat)\.(jpg|png)$"
)


def people() -> list[dict[str, str]]:
    with (DATA / "people.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def listed(split: str) -> list[str]:
    return (DATA / f"{split}.lst").read_text().split()


def load(name: str) -> dict[str, np.ndarray]:
    with np.load(DATA / name, allow_pickle=False) as stored:
        return {key: stored[key] for key in stored.files}


@pytest.mark.parametrize("view", names.VIEW_DIGIT)
def test_names_have_the_format_of_deepfashion(view: str) -> None:
    match = NAME.match(names.image_name("WOMEN", "Blouses_Shirts", 693, view))
    assert match is not None
    assert match.groups()[1:5] == ("WOMEN", "Blouses_Shirts", "00000693", "01")
    assert match[7] == view


@pytest.mark.parametrize("kind", fabrics.WEAVERS)
def test_a_fabric_is_deterministic_and_repeats_without_a_seam(kind: str) -> None:
    fabric, again = (fabrics.weave(kind, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(fabric.tile, again.tile)
    assert fabric.signature == again.signature
    assert fabric.tile.shape == (fabrics.TILE, fabrics.TILE, 3)
    assert 0 <= fabric.tile.min() <= fabric.tile.max() <= 1
    for axis in (0, 1):
        steps = np.abs(np.diff(fabric.tile, axis=axis)).mean((1 - axis, 2))
        seam = np.abs(fabric.tile.take(0, axis) - fabric.tile.take(-1, axis)).mean()
        assert seam <= steps.max() + 0.01


def test_fabrics_differ_between_seeds() -> None:
    first, second = (fabrics.weave("stripes", np.random.default_rng(seed)) for seed in (0, 1))
    assert not np.array_equal(first.tile, second.tile)


def test_a_print_differs_in_colour_from_its_ground() -> None:
    for seed in range(10):
        ground = colours.draw(np.random.default_rng(seed))
        image = prints.draw(np.random.default_rng(seed), ground, np.array([0.5, 0.5, 0.5]))
        assert image.shape == (prints.SIDE, prints.SIDE, 4)
        inked = image[..., 3] == 1
        assert 0.01 < inked.mean() < 0.9
        edge = np.concatenate([inked[[0, -1]].ravel(), inked[:, [0, -1]].ravel()])
        assert not edge.any(), "the print is cut off"
        assert np.abs(np.median(image[inked][:, :3], 0) - ground).max() > 0.1


def test_pairs_are_all_ordered_pairs_of_a_person() -> None:
    assert tables.pairs(["a1", "b1", "a2", "c1", "b2"], ["a", "b", "a", "c", "b"]) == [
        ("a1", "a2"),
        ("a2", "a1"),
        ("b1", "b2"),
        ("b2", "b1"),
    ]


def test_annotation_marks_hidden_joints_in_both_lists() -> None:
    body = np.array([[10.04, 20.0, 1], [30.0, 40.0, 0]])
    assert tables.annotation(["x.jpg"], [body]) == "name:keypoints_y:keypoints_x\nx.jpg: [20.0, -1]: [10.0, -1]\n"


def test_landmark_counts() -> None:
    assert len(COCO) == 18
    assert len(set(FACE_VERTICES)) == 68


def test_a_larger_cast_contains_the_people_of_a_smaller_one() -> None:
    pytest.importorskip("anny")
    from tools.studio import casting

    for split in SPLITS:
        assert casting.cast(5, split, 40)[:10] == casting.cast(5, split, 10)
    genders = Counter(role.gender for role in casting.cast(5, "train", 100))
    assert genders["WOMEN"] / genders["MEN"] == pytest.approx(5.7, abs=0.1)
    genders = Counter(role.gender for role in casting.cast(5, "test", 100))
    assert genders["WOMEN"] == genders["MEN"]
    both = [role for split in SPLITS for role in casting.cast(5, split, 50)]
    assert len({role.seed for role in both}) == len({role.item for role in both}) == len(both)


def test_every_garment_has_a_category_and_known_fabrics() -> None:
    pytest.importorskip("anny")
    from tools.studio import wardrobe

    for name, outfit in wardrobe.OUTFITS.items():
        assert outfit.women or outfit.men, name
        assert set(outfit.upper + outfit.lower) <= set(fabrics.WEAVERS), name
    for gender in ("WOMEN", "MEN"):
        assert wardrobe.outfits_for(gender)


def test_the_manifest_matches_the_files() -> None:
    manifest = json.loads((DATA / tables.MANIFEST).read_text())
    assert manifest["format"] == tables.FORMAT
    assert manifest == tables.manifest(DATA, manifest["seed"])


@pytest.mark.parametrize("split", SPLITS)
def test_images_have_the_size_of_the_benchmark_and_match_the_lists(split: str) -> None:
    assert listed(split) == sorted(path.name for path in (DATA / split).iterdir())
    for name in listed(split):
        assert NAME.match(name), name
        with Image.open(DATA / split / name) as image:
            assert (image.size, image.mode, image.format) == ((176, 256), "RGB", "JPEG"), name


def test_the_splits_share_nothing() -> None:
    rows = people()
    for column in ("name", "person", "item", "seed"):
        sides = [{row[column] for row in rows if row["split"] == split} for split in SPLITS]
        assert not sides[0] & sides[1], column
    sides = [
        {row[column] for row in rows if row["split"] == split for column in ("upper_fabric", "lower_fabric")}
        for split in SPLITS
    ]
    assert not sides[0] & sides[1]
    digests = Counter(hashlib.sha256((DATA / row["split"] / row["name"]).read_bytes()).hexdigest() for row in rows)
    assert max(digests.values()) == 1, "two images are the same"


def test_an_item_belongs_to_one_person_and_keeps_its_clothes() -> None:
    for column in ("item", "gender", "outfit", "upper_fabric", "lower_fabric", "shoes", "hair", "seed"):
        worn = {(row["person"], row[column]) for row in people()}
        assert len(worn) == len({person for person, _ in worn}), column
    assert len({(row["person"], row["item"]) for row in people()}) == len({row["item"] for row in people()})


@pytest.mark.parametrize("split", SPLITS)
def test_pair_list_is_complete(split: str) -> None:
    with (DATA / f"fasion-resize-pairs-{split}.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["from", "to"]
    albums: dict[str, list[str]] = {}
    for row in people():
        if row["split"] == split:
            albums.setdefault(row["person"], []).append(row["name"])
    expected = {pair for album in albums.values() for pair in permutations(album, 2)}
    assert len(rows) == len(expected)
    assert {tuple(row) for row in rows} == expected
    assert sorted(name for album in albums.values() for name in album) == listed(split)


@pytest.mark.parametrize("split", SPLITS)
def test_annotation_agrees_with_the_truth(split: str) -> None:
    truth = load(f"truth-{split}.npz")
    header, *lines = (DATA / f"fasion-resize-annotation-{split}.csv").read_text().splitlines()
    assert header == "name:keypoints_y:keypoints_x"
    assert [line.split(":")[0] for line in lines] == truth["names"].tolist() == listed(split)
    for line, body in zip(lines, truth["body"], strict=True):
        y, x = (np.array(json.loads(part)) for part in line.split(":")[1:])
        seen = body[:, 2] > 0
        np.testing.assert_array_equal((x == -1) & (y == -1), ~seen)
        np.testing.assert_allclose(np.stack([x, y], 1)[seen], body[seen, :2], atol=0.051)


@pytest.mark.parametrize("split", SPLITS)
def test_truth_tables_fit_the_images(split: str) -> None:
    truth, parsing = load(f"truth-{split}.npz"), load(f"parsing-{split}.npz")
    count = len(listed(split))
    shapes = {"body": (18, 3), "face": (68, 3), "hand_left": (21, 3), "hand_right": (21, 3), "face_box": (4,)}
    for name, shape in shapes.items():
        assert truth[name].shape == (count, *shape), name
        assert truth[name].dtype == np.float32, name
    for name in ("body", "face", "hand_left", "hand_right"):
        x, y, seen = np.moveaxis(truth[name], -1, 0)
        assert np.isin(seen, (0, 1)).all()
        inside = (x >= 0) & (x < 176) & (y >= 0) & (y < 256)
        assert inside[seen == 1].all(), name
    assert truth["frontal"].dtype == bool
    assert not np.isnan(truth["face_box"][truth["frontal"]]).any()
    size = truth["face_box"][:, 2:] - truth["face_box"][:, :2]
    np.testing.assert_allclose(size[:, 0], size[:, 1], rtol=1e-3)
    views = np.array([NAME.match(name)[7] for name in truth["names"].tolist()])
    assert not truth["frontal"][views == "back"].any()
    assert truth["frontal"][views == "front"].all()
    assert parsing["names"].tolist() == truth["names"].tolist()
    assert parsing["labels"].shape == (count, 256, 176)
    assert parsing["labels"].dtype == np.uint8
    assert parsing["labels"].max() < len(parsing["classes"]) == 9


def test_there_are_thirty_poses_and_at_least_fifteen_per_view() -> None:
    pytest.importorskip("anny")
    from tools.studio import catalogue, hands
    from tools.studio.framing import VIEWS

    assert len(catalogue.POSES) >= 30
    for view in VIEWS:
        for narrow_steps in (False, True):
            assert len(catalogue.poses_for(view, narrow_steps)) >= 15, view
    for pose in catalogue.POSES.values():
        assert {pose.left.grip, pose.right.grip} <= {"", *hands.GRIPS}


def test_a_pose_mirrored_twice_is_unchanged() -> None:
    pytest.importorskip("anny")
    from tools.studio import catalogue
    from tools.studio.poses import mirrored

    for name, pose in catalogue.POSES.items():
        assert mirrored(mirrored(pose)) == pose, name
        assert mirrored(pose).left == pose.right


def test_a_hand_reaches_its_target_position_and_orientation() -> None:
    pytest.importorskip("anny")
    from tools.studio import arms, hands
    from tools.studio.body import BodyModel
    from tools.studio.catalogue import FOLDED_OVER
    from tools.studio.geometry import unit

    model = BodyModel()
    body = model.rest({"gender": 1.0}, {})
    frame = hands.hand_frame("L", model, body)
    rng = np.random.default_rng(0)
    rotations = arms.solve_arm(FOLDED_OVER, "L", model, body, frame, rng, opening=0.0)
    bones = model.bone_matrices(body.heads, rotations)[model.bone_number["wrist.L"]]
    wrist = body.heads[model.bone_number["wrist.L"]]
    palm = bones[:3, :3] @ (wrist + 0.6 * frame.length * frame.along) + bones[:3, 3]
    place = body.heads[model.bone_number["upperarm01.R"]] + FOLDED_OVER.offset
    assert np.linalg.norm(palm - place) < 0.06
    np.testing.assert_allclose(bones[:3, :3] @ frame.along, unit(FOLDED_OVER.hand), atol=1e-6)
    assert (bones[:3, :3] @ frame.palm) @ unit(FOLDED_OVER.palm) > 0.9


def test_expressions_move_only_the_face_and_by_small_amounts() -> None:
    pytest.importorskip("anny")
    from tools.studio import expressions
    from tools.studio.body import BodyModel

    model = BodyModel()
    units = expressions.FaceUnits(model)
    body = model.rest({}, {}).vertices
    neck = model.rest({}, {}).heads[model.bone_number["neck01"]][2]
    for name, strengths in expressions.EXPRESSIONS.items():
        moved = np.linalg.norm(units.offsets(strengths), axis=1)
        assert moved.max() < 0.02, name
        assert moved[body[:, 2] < neck - 0.05].max() < 0.001, name
        assert (name == "calm") == (moved.max() == 0)
    assert expressions.draw(np.random.default_rng(1)) == expressions.draw(np.random.default_rng(1))


def test_two_saturated_hues_clash() -> None:
    red, blue, grey, rust = (colours.parse(code) for code in ("#b92b33", "#2b4fa0", "#8b8c8f", "#a9512f"))
    assert colours.clash(red, blue)
    assert not colours.clash(red, grey)
    assert not colours.clash(red, rust)


def test_fabrics_belong_to_the_split_and_do_not_clash() -> None:
    pytest.importorskip("anny")
    from tools.studio import casting

    for split in SPLITS:
        for role in casting.cast(3, split, 4):
            clothes = casting.make_clothes(role)
            worn = [clothes.upper, clothes.lower, clothes.inner, clothes.tie]
            assert {casting.split_of_fabric(fabric.signature) for fabric in worn} == {split}
            assert not colours.clash(clothes.upper.accent, clothes.lower.accent)
            again = casting.make_clothes(role)
            np.testing.assert_array_equal(again.upper.tile, clothes.upper.tile)
