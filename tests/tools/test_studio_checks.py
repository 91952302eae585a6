"""The checks of the rendered benchmark and the contact sheets, on synthetic data."""

from pathlib import Path

import numpy as np
import pytest

from tools.studio import check, hairdos, sheets
from tools.studio.checks import bodies, faces, items
from tools.studio.checks.photographs import Figure, Photograph
from tools.studio.landmarks import COCO


def seen(embeddings: list[list[float]], people: list[str], views: list[str]) -> faces.Faces:
    found = {view: [True] for view in ("front", "additional", "full", "side", "back")}
    return faces.Faces(found, np.array(embeddings), np.array(people), np.array(views))


def test_rank_1_counts_queries_in_both_directions() -> None:
    views = ["front", "additional", "front", "additional"]
    right = seen([[0, 0], [0, 0.1], [1, 0], [1, 0.1]], ["a", "a", "b", "b"], views)
    assert faces.rank_1(right) == (4, 4)
    confused = seen([[0, 0], [1, 0.2], [1, 0], [1, 0.1]], ["a", "a", "b", "b"], views)
    assert faces.rank_1(confused) == (2, 4)


def test_a_person_without_a_second_view_is_not_a_query() -> None:
    assert faces.rank_1(seen([[0, 0], [1, 0], [1, 0.1]], ["a", "b", "b"], ["front", "front", "additional"])) == (2, 2)


def test_auc_of_a_single_person_is_nan() -> None:
    album = seen([[0, 0], [0, 0.1]], ["a", "a"], ["front", "additional"])
    auc = next(figure for figure in faces.figures(album) if "AUC" in figure.what)
    assert auc.value.startswith("nan")
    assert not auc.holds


def test_faces_nearer_to_the_other_split_are_counted() -> None:
    test = seen([[0, 0], [0, 1]], ["a", "a"], ["front", "additional"])
    train = seen([[0, 0.5], [9, 9]], ["x", "y"], ["front", "front"])
    least, strangers = faces.across(train, test)
    assert least.value == "0.500 (4)"
    assert strangers.value == "2/2 = 1.000"


def test_the_query_is_not_in_the_gallery() -> None:
    features = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
    assert items.first_hits(features, np.array(["a", "a", "b", "b"])) == ("4/4 = 1.000", "0.333")
    assert items.first_hits(features, np.array(["a", "b", "a", "b"])) == ("0/4 = 0.000", "0.333")


def test_joint_distances_are_in_torso_lengths_and_of_visible_joints() -> None:
    body = np.zeros((18, 3))
    body[COCO.index("left_shoulder")] = (0, 0, 1)
    body[COCO.index("right_hip")] = (30, 40, 1)
    body[COCO.index("nose")] = (0, 0, 0)
    photograph = Photograph(Path("x.jpg"), "a", "1", "front", body, {})
    found = np.tile([10.0, 0.0], (33, 1))
    shoulder, hip = sorted(bodies.joint_distances(photograph, found))
    assert shoulder == pytest.approx(10 / 50)
    assert hip == pytest.approx(np.hypot(20, 40) / 50)


def test_figures_that_miss_their_requirement_are_bold() -> None:
    figures = [Figure("this", "1", "> 0"), Figure("that", "0", "> 0", holds=False)]
    assert check.table("test", figures).splitlines()[2:] == ["| this | > 0 | 1 |", "| that | > 0 | **0** |"]


def test_hair_is_moved_out_of_the_cloth() -> None:
    axis = np.linspace(-0.1, 0.1, 21)
    x, y = (side.ravel() for side in np.meshgrid(axis, axis))
    cloth = np.stack([x, y, np.zeros_like(x)], 1)
    normals = np.tile([0.0, 0.0, 1.0], (len(cloth), 1))
    hair = np.array([[0, 0, -0.05], [0, 0, 0.05], [0, 0, -0.5]])
    lifted = hairdos.lift(hair, cloth, normals)
    assert 0 < lifted[0, 2] < hairdos.CLOTH_GAP
    np.testing.assert_array_equal(lifted[1:], hair[1:])  # outside the cloth already, and far from it


def test_contact_sheets_show_the_requested_images() -> None:
    rows = [
        {"split": "test", "person": person, "view": view, "outfit": f"suit-{person}", "gender": "MEN", "pose": pose}
        for person in "ab"
        for view, pose in (("additional", "walk"), ("full", "walk_mirrored"), ("front", "hip"))
    ]
    assert [row["view"] for row in sheets.choose(rows, "albums", 1)] == ["front", "full", "additional"]
    assert [row["view"] for row in sheets.choose(rows, "people", 1)] == ["front", "front"]
    assert [row["view"] for row in sheets.choose(rows, "outfits", 1)] == ["full", "full"]
    assert [row["pose"] for row in sheets.choose(rows, "poses", 1)] == ["hip", "walk_mirrored"]
    drawn = sheets.choose(rows, "random", 4)
    assert len(drawn) == 4
    assert drawn == sheets.choose(rows, "random", 4)
