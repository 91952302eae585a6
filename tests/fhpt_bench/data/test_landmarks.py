"""`fhpt-bench data landmarks`: tables of face and hands of a benchmark without exact keypoints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.benchmarks.schema import BenchmarkSchema
from fhpt_bench.cli import cli
from fhpt_bench.data.images import read_image
from fhpt_bench.data.keypoints import SLICES
from fhpt_bench.data.names import stem
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.errors import UserError
from fhpt_bench.evaluation import worker_pool
from fhpt_bench.evaluation.landmarks import Images, estimate_landmarks
from fhpt_bench.networks.keypoints import MediaPipeHolistic
from fhpt_bench.records.validation import validate_record
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.pairs import TrainingPairs
from fhpt_bench.training.recipe import Task, recipes
from tests.deepfashion_standin import StandIn, stand_in


@pytest.fixture(scope="module")
def people() -> StandIn:
    return stand_in(test_people=2, train_people=2)


@pytest.fixture(scope="module")
def prepared_once(people: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("landmarks")
    people.write_flat(place / "data", padded=False, suffix="png")
    people.write_lists(place / "data")
    done = call("prepare", "deepfashion", "--root", place / "data", "--out", place / "out")
    assert done.exit_code == 0, done.output
    return place / "out"


@pytest.fixture
def prepared(prepared_once: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared_once, tmp_path / "prepared")
    return tmp_path / "prepared"


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["data", *map(str, arguments)])


def landmarks(root: Path, *more: str | Path) -> Result:
    return call("landmarks", "deepfashion", "--data-root", root, *more)


def frontal(people: StandIn, split: str) -> set[str]:
    """Images of pairs with nose and eyes annotated in both images, from the stand-in's own lists."""
    seen = {n for n, pose in people.poses[split].items() if np.isfinite(pose[[0, 14, 15]]).all()}
    return {f"{n}.png" for pair in people.pairs[split] if set(pair) <= seen for n in pair}


def write_files(people: StandIn, folder: Path, split: str, tool: str = "openpose") -> None:
    """A file for each image: point i of face and hands is at (i, 2 i); the last five of the face are missing."""
    folder.mkdir(exist_ok=True)
    for name in people.images[split]:
        parts = {"pose": 18, "face": 70, "hand_left": 21, "hand_right": 21}
        person = {
            f"{part}_keypoints_2d": [
                v for i in range(n) for v in (i + 1.0, 2.0 * i + 1, 0.9 * (part != "face" or i < 63))
            ]
            for part, n in parts.items()
        }
        frame = {"canvas_width": 176, "canvas_height": 256} if tool == "dwpose" else {}
        (folder / f"{name}_keypoints.json").write_text(json.dumps({"people": [person], **frame}))


def test_tables_hold_what_the_estimator_finds_and_the_check_knows_them(people: StandIn, prepared: Path) -> None:
    assert load_benchmark("deepfashion", prepared).truth.keypoints == {}
    done = landmarks(prepared)
    assert done.exit_code == 0, done.output
    benchmark = load_benchmark("deepfashion", prepared)
    assert benchmark.truth.estimator == "mediapipe-holistic 1 (mediapipe 0.10.21)"
    assert set(benchmark.truth.keypoints) == {"face", "hand_left", "hand_right"}
    name = benchmark.images[0]
    (expected,) = MediaPipeHolistic("cpu").extract(read_image(prepared / "test" / name, (256, 176))[None])
    for part in benchmark.truth.keypoints:
        np.testing.assert_array_equal(benchmark.truth.keypoints[part][name], expected[SLICES[part]])
    with np.load(prepared / "landmarks-train.npz") as table:
        assert set(table["names"]) == frontal(people, "train")
        assert str(table["estimator"]) == benchmark.truth.estimator
    assert call("check", "deepfashion", "--data-root", prepared).exit_code == 0


def test_a_second_call_computes_nothing_and_gives_the_same_bytes(
    prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert landmarks(prepared).exit_code == 0
    before = {
        name: (prepared / name).read_bytes() for name in ("landmarks-test.npz", "landmarks-train.npz", "manifest.json")
    }

    def refuse(*_: object) -> None:
        raise AssertionError("an image was estimated again")

    monkeypatch.setattr(worker_pool.WorkerPool, "submit", refuse)
    assert landmarks(prepared).exit_code == 0
    assert {name: (prepared / name).read_bytes() for name in before} == before
    assert "of them done" in landmarks(prepared, "--dry-run").output


def test_dry_run_states_time_and_memory_and_writes_nothing(prepared: Path, fresh_cache: None) -> None:
    before = sorted(prepared.rglob("*"))
    done = landmarks(prepared, "--dry-run")
    assert done.exit_code == 0, done.output
    for text in ("10 images, 0 of them done; about", "s an image, n = 8;", "GiB in each process"):
        assert text in done.output
    assert sorted(prepared.rglob("*")) == before


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))


def test_files_of_another_tool_in_place_of_the_estimator(people: StandIn, prepared: Path, tmp_path: Path) -> None:
    write_files(people, tmp_path / "files", "test")
    done = landmarks(prepared, "--from", tmp_path / "files")
    assert done.exit_code == 0, done.output
    assert "no keypoint files" in done.output  # of the training images
    benchmark = load_benchmark("deepfashion", prepared)
    assert benchmark.truth.estimator == "openpose-json"
    face = benchmark.truth.face[benchmark.images[0]]
    np.testing.assert_allclose(face[:63], [(i + 1, 2 * i + 1) for i in range(63)])
    assert np.isnan(face[63:]).all()
    write_files(people, tmp_path / "files", "train")
    assert landmarks(prepared, "--from", tmp_path / "files").exit_code == 0
    assert load_benchmark("deepfashion", prepared).training_files["truth"].name == "landmarks-train.npz"


def test_the_estimator_is_part_of_the_fingerprints_that_depend_on_it(
    people: StandIn, prepared: Path, tmp_path: Path
) -> None:
    records = {}
    for tool in ("none", "openpose", "dwpose"):
        if tool != "none":
            write_files(people, tmp_path / tool, "test", tool)
            assert landmarks(prepared, "--from", tmp_path / tool).exit_code == 0
        records[tool] = fb.run(
            "copy-source", "deepfashion", "ssim,kec", data_root=prepared, limit=6, out=tmp_path / f"run-{tool}"
        )  # fmt: skip
    assert [r.benchmark.landmarks_by for r in records.values()] == [None, "openpose-json", "dwpose-json"]
    # The two tables hold equal points: only the name of the tool differs.
    assert len({record["kec:canonical:face"].fingerprint for record in records.values()}) == 3
    assert len({record["ssim"].fingerprint for record in records.values()}) == 1
    assert records["openpose"]["kec"].details["truth"] == "the benchmark's poses"
    assert records["openpose"]["kec:canonical:hands"].details["truth"] == "openpose-json on the real target"
    assert not validate_record(records["dwpose"], prepared).wrong
    assert validate_record(records["openpose"], prepared).wrong


def test_kec_works_from_the_first_run_and_the_table_gives_the_same_values(prepared: Path, tmp_path: Path) -> None:
    first = fb.run("copy-source", "deepfashion", "kec", data_root=prepared, limit=6, out=tmp_path / "first")
    assert [first[f"kec:canonical:{part}"].details["reach"] for part in ("body", "face", "hands")] == [38, 12, 76]
    assert landmarks(prepared).exit_code == 0
    second = fb.run("copy-source", "deepfashion", "kec", data_root=prepared, limit=6, out=tmp_path / "second")
    assert [score.value for score in first.scores] == [score.value for score in second.scores]
    assert first["kec"].fingerprint != second["kec"].fingerprint


def test_drn_runs_and_its_face_module_trains(prepared: Path, tmp_path: Path) -> None:
    recipe = recipes.load("drn-face")()
    with pytest.raises(UserError, match=r"drn needs the target's face-landmarks, .* run `fhpt-bench data landmarks`"):
        fb.run("drn", "deepfashion", "psnr", data_root=prepared, limit=2, out=tmp_path / "run")
    assert "run `fhpt-bench data landmarks`" in str(recipe.lacks(load_benchmark("deepfashion", prepared)))
    drawn = CliRunner().invoke(
        cli, ["visualize", "guidance", "-b", "deepfashion", "--data-root", str(prepared), "-o", str(tmp_path / "a.png")]
    )
    assert isinstance(drawn.exception, UserError)
    assert "drn needs the target's face-landmarks" in str(drawn.exception)
    assert landmarks(prepared).exit_code == 0
    benchmark = load_benchmark("deepfashion", prepared)
    assert recipe.lacks(benchmark) is None
    record = fb.run("drn", "deepfashion", "psnr", data_root=prepared, limit=2, out=tmp_path / "run")
    assert record.model.conditioning == ("pose", "face-landmarks")


def test_other_landmarks_are_another_run(people: StandIn, prepared: Path, tmp_path: Path) -> None:
    fb.run("copy-source", "deepfashion", "psnr", data_root=prepared, limit=2, out=tmp_path / "run")
    write_files(people, tmp_path / "files", "test")
    assert landmarks(prepared, "--from", tmp_path / "files").exit_code == 0
    with pytest.raises(UserError, match="another model, code or data"):
        fb.run("copy-source", "deepfashion", "psnr", data_root=prepared, limit=2, out=tmp_path / "run")


def without_one(people: StandIn, folder: Path) -> None:
    write_files(people, folder, "test")
    next(folder.iterdir()).unlink()


def mixed(people: StandIn, folder: Path) -> None:
    write_files(people, folder, "test")
    first = next(folder.iterdir())
    content = json.loads(first.read_text())
    first.write_text(json.dumps({**content, "canvas_width": 176, "canvas_height": 256}))


def body_only(people: StandIn, folder: Path) -> None:
    """OpenPose without --face and --hand."""
    write_files(people, folder, "test")
    for file in folder.iterdir():
        (person,) = json.loads(file.read_text())["people"]
        file.write_text(json.dumps({"people": [{"pose_keypoints_2d": person["pose_keypoints_2d"]}]}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda people, folder: None, "Cannot read"),
        (body_only, r"no point of a face or hand on the test images: run the estimator with .*--face --hand"),
        (without_one, r"keypoint files of 1 of 10 test images are missing: .*_keypoints\.json"),
        (mixed, "mixes keypoint files of several tools"),
    ],
)
def test_wrong_folders_are_refused(
    people: StandIn, prepared: Path, tmp_path: Path, make: Callable[[StandIn, Path], None], message: str
) -> None:
    make(people, tmp_path / "files")
    done = landmarks(prepared, "--from", tmp_path / "files")
    assert isinstance(done.exception, UserError)
    with pytest.raises(UserError, match=message):
        raise done.exception
    assert not (prepared / "landmarks-test.npz").exists()


def test_a_benchmark_with_exact_keypoints_takes_no_estimates() -> None:
    done = call("landmarks", "studio")
    assert "studio has exact ones" in str(done.exception)
    both = {"truth": "a.npz", "landmarks": "b.npz"}
    needed = dict.fromkeys(("id", "version", "title", "images", "pairs", "keypoints"), "x")
    with pytest.raises(ValueError, match="landmarks are estimates"):
        BenchmarkSchema(image_size=(8, 8), protocols=(), **needed, **both)


def test_prepare_keeps_the_tables(people: StandIn, prepared: Path, tmp_path: Path) -> None:
    people.write_flat(tmp_path / "data", padded=False, suffix="png")
    people.write_lists(tmp_path / "data")
    write_files(people, tmp_path / "files", "test")
    assert landmarks(prepared, "--from", tmp_path / "files").exit_code == 0
    done = call("prepare", "deepfashion", "--root", tmp_path / "data", "--out", prepared)
    assert done.exit_code == 0, done.output
    assert call("check", "deepfashion", "--data-root", prepared).exit_code == 0


def test_landmarks_of_some_training_images_are_enough(people: StandIn, prepared: Path, tmp_path: Path) -> None:
    assert landmarks(prepared).exit_code == 0
    benchmark = load_benchmark("deepfashion", prepared)
    digests = benchmark.train_image_digests()
    folder = TrainingFolder(tmp_path / "t", {}, dry=True)
    images = RealImages(benchmark.train_folder, benchmark.image_size, digests)
    pairs = TrainingPairs(Task(benchmark, images, 0, folder, "cpu", progress=False))
    known = {name for name, face in zip(pairs.names, pairs.face, strict=True) if np.isfinite(face).any()}
    assert known
    assert known <= frontal(people, "train")
    assert {stem(name) for name in pairs.names} == set(people.images["train"])


def test_images_in_nested_folders(tmp_path: Path) -> None:
    """Digests were kept by the file's name without its folders."""
    studio = load_benchmark("studio", limit=2)
    names = []
    for pair in studio.pairs:
        names.append(f"{pair.person}/1.jpg")
        (tmp_path / pair.person).mkdir()
        shutil.copy(studio.folder / pair.target, tmp_path / names[-1])
    images = Images("test", tmp_path, studio.image_size, tuple(sorted(names)), tmp_path / "landmarks.npz")
    assert estimate_landmarks(images).keypoints.shape == (2, 128, 3)
