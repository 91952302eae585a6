import importlib.util
from pathlib import Path

import dlib
import numpy as np
import pytest

from fhpt_bench.benchmark import data_folder
from fhpt_bench.data.images import read_image
from fhpt_bench.networks.faces import BOX, EMBEDDING, FACES, DlibFaces


@pytest.fixture(scope="module")
def made():
    return DlibFaces("cpu")


@pytest.fixture(scope="module")
def images():
    """Two faces, and a back view without one."""
    folder = data_folder("studio") / "test"
    fronts, backs = sorted(folder.glob("*_1front.jpg")), sorted(folder.glob("*_3back.jpg"))
    return np.stack([read_image(path) for path in (fronts[0], backs[0], fronts[-1])])


def reference_encodings(image):
    """What face_recognition.face_encodings does by default, on dlib directly: upsample 1, "small" model, 1 jitter."""
    package = importlib.util.find_spec("face_recognition_models")
    models = Path(package.submodule_search_locations[0]) / "models"
    predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    encoder = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))
    locations = dlib.get_frontal_face_detector()(image, 1)
    landmarks = [predictor(image, location) for location in locations]
    return locations, [np.array(encoder.compute_face_descriptor(image, points, 1)) for points in landmarks]


def test_equals_face_recognition(made, images):
    # In addition to the single images, one wide image with the same face twice: several faces, and another size.
    for image in (*images, np.concatenate([images[0], images[2], images[0]], axis=1)[:-3]):
        (found,) = made.extract(image[np.newaxis])
        locations, encodings = reference_encodings(image)
        assert np.isfinite(found[: len(encodings)]).all()
        assert np.isnan(found[len(encodings) :]).all()
        for row, box, encoding in zip(found, locations, encodings, strict=False):
            assert row[BOX].tolist() == [box.left(), box.top(), box.right(), box.bottom()]
            np.testing.assert_array_equal(row[EMBEDDING].astype(np.float64), encoding)


def test_number_of_faces(made, images):
    counted = np.isfinite(made.extract(images)[..., 0]).sum(1)
    assert counted.tolist() == [1, 0, 1]


def test_row_depends_on_its_image_alone(made, images):
    whole = made.extract(images)
    for i in (2, 0, 1):
        np.testing.assert_array_equal(made.extract(images[i : i + 1])[0], whole[i])
    np.testing.assert_array_equal(made.extract(images[::-1]), whole[::-1])


def test_the_number_of_faces_is_limited(made, images):
    crowd = np.tile(images[0], (3, 4, 1))
    assert len(dlib.get_frontal_face_detector()(crowd, 1)) > FACES
    assert np.isfinite(made.extract(crowd[np.newaxis])).all()


def test_colour_order_matters(made, images):
    first, swapped = (made.extract(stack)[0, 0, EMBEDDING] for stack in (images[:1], images[:1, ..., ::-1]))
    assert np.linalg.norm(first - swapped) > 0.1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (79, 40)])
def test_tiny_images_have_no_face(made, size):
    assert np.isnan(made.extract(np.zeros((2, *size, 3), np.uint8))).all()


def test_no_images_give_no_rows(made):
    assert made.extract(np.zeros((0, 64, 64, 3), np.uint8)).shape == (0, FACES, 132)


def test_wrong_images_are_refused(made):
    for wrong in (np.zeros((1, 64, 64, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 3, 64, 64), np.uint8)):
        with pytest.raises(ValueError, match="uint8 images"):
            made.extract(wrong)
