"""MediaPipe Holistic as a feature, compared with the renderer's ground truth."""

import numpy as np
import pytest

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data import keypoints
from fhpt_bench.data.images import read_image
from fhpt_bench.data.pose import JOINTS
from fhpt_bench.networks import keypoints as networks
from fhpt_bench.networks.keypoints import MediaPipeHolistic


@pytest.fixture(scope="module")
def estimator():
    return MediaPipeHolistic("cpu")


@pytest.fixture(scope="module")
def studio():
    """Six frontal images of different people, with their truth."""
    benchmark = load_benchmark("studio")
    people = sorted({pair.person for pair in benchmark.pairs})[:6]
    names = [
        next(p.source for p in benchmark.pairs if p.person == person and "_1front" in p.source) for person in people
    ]
    truth = {part: np.stack([rows[name] for name in names]) for part, rows in benchmark.truth.keypoints.items()}
    return np.stack([read_image(benchmark.folder / name) for name in names]), truth


def test_joints_are_mapped_by_their_names():
    from mediapipe.python.solutions.pose import PoseLandmark

    for joint, of in zip(JOINTS, keypoints.BODY_FROM_MEDIAPIPE, strict=True):
        names = sorted(PoseLandmark(i).name.lower() for i in of)
        side, _, kind = joint.rpartition("_")
        assert names == (["left_shoulder", "right_shoulder"] if kind == "neck" else [f"{side}_{kind}".lstrip("_")])


def test_the_face_list_is_symmetric():
    # The mirrored order of iBUG's points; MediaPipe's points must form mirrored pairs too.
    mirror = [*range(16, -1, -1), *range(26, 16, -1), *range(27, 31), 35, 34, 33, 32, 31, 45, 44, 43, 42, 47, 46,
              39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66,
              65]  # fmt: skip
    face = keypoints.FACE_FROM_MEDIAPIPE
    assert len(set(face)) == 68
    pairs = {frozenset((a, face[i])) for a, i in zip(face, mirror, strict=True)}
    assert sum(len(pair) for pair in pairs) == 68


def test_parts_cover_all_keypoints():
    assert keypoints.KEYPOINTS == 128
    assert [s.stop - s.start for s in keypoints.SLICES.values()] == list(keypoints.PARTS.values())
    assert keypoints.SLICES["hand_right"].stop == 128


def test_agrees_with_the_renderers_ground_truth(estimator, studio):
    images, truth = studio
    estimates = estimator.extract(images)
    assert estimates.shape == (6, 128, 3)
    assert estimates.dtype == np.float32
    for part, share, error in (("body", 0.8, 8), ("face", 0.8, 2)):
        estimated, true = estimates[:, keypoints.SLICES[part]], truth[part]
        visible = true[..., 2] == 1
        found = visible & (estimated[..., 2] == 1)
        assert found.sum() >= share * visible.sum()
        assert np.linalg.norm(estimated[found][:, :2] - true[found][:, :2], axis=1).mean() < error


def test_row_depends_on_its_image_alone(estimator, studio):
    images, _ = studio
    whole = estimator.extract(images)
    np.testing.assert_array_equal(estimator.extract(images[::-1])[::-1], whole)
    np.testing.assert_array_equal(np.concatenate([estimator.extract(images[i : i + 1]) for i in range(6)]), whole)
    np.testing.assert_array_equal(MediaPipeHolistic("cpu").extract(images[2:3]), whole[2:3])


def test_sizes_agree_because_of_the_added_half_pixel(estimator, studio, monkeypatch):
    face, estimates = keypoints.SLICES["face"], []
    for enlarged in (1, 4):
        monkeypatch.setattr(networks, "ENLARGED", enlarged)
        estimates.append(estimator.extract(studio[0])[:, face, :2])
    # Without the half pixel, the difference would be 0.5 / 1 - 0.5 / 4 = 0.375.
    np.testing.assert_allclose(np.nanmean(estimates[1] - estimates[0], (0, 1)), 0, atol=0.15)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (31, 20), (256, 176)])
def test_finds_no_person_in_an_empty_image(estimator, size):
    estimates = estimator.extract(np.full((2, *size, 3), 127, np.uint8))
    assert (estimates[..., 2] == 0).all()
    assert np.isnan(estimates[..., :2]).all()


def test_colour_order_matters_and_views_are_accepted(estimator, studio):
    images, _ = studio
    assert not np.array_equal(estimator.extract(images), estimator.extract(images[..., ::-1]), equal_nan=True)
    read_only = images[:1].copy()
    read_only.setflags(write=False)
    np.testing.assert_array_equal(estimator.extract(read_only), estimator.extract(images[:1]))


def test_wrong_images_are_refused(estimator):
    for wrong in (np.zeros((1, 64, 64, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 3, 64, 64), np.uint8)):
        with pytest.raises(ValueError, match="uint8 images"):
            estimator.extract(wrong)


def test_nothing_is_written_to_the_terminal(studio, capfd):
    MediaPipeHolistic("cpu").extract(studio[0])
    assert capfd.readouterr() == ("", "")


def test_identity_names_the_version():
    assert MediaPipeHolistic.spec.identity({})["backend"] == "mediapipe 0.10.21"
