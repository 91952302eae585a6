"""Training pairs: their content, the held-out people, and their order."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.data.real_images import RealImages
from fhpt_bench.data.truth import read_truth
from fhpt_bench.errors import UserError
from fhpt_bench.training import pairs as module
from fhpt_bench.training.folder import TrainingFolder
from fhpt_bench.training.pairs import PairStream, TrainingBatch, TrainingPairs
from fhpt_bench.training.recipe import Task


def load(file: Path, seed: int = 0, folds: int = 4) -> TrainingPairs:
    benchmark = load_benchmark(str(file))
    images = RealImages(benchmark.train_folder, benchmark.image_size, benchmark.train_image_digests())
    folder = TrainingFolder(file.parent / "none", {}, dry=True)
    return TrainingPairs(Task(benchmark, images, seed, folder, "cpu", False), folds)


@pytest.fixture
def pairs(paired: Path) -> TrainingPairs:
    return load(paired)


def same(one: TrainingBatch, other: TrainingBatch) -> bool:
    names = [part.name for part in fields(TrainingBatch) if getattr(one, part.name) is not None]
    return all(
        torch.equal(torch.nan_to_num(getattr(one, name), -7), torch.nan_to_num(getattr(other, name), -7))
        for name in names
    )


def test_a_batch_has_the_content_of_the_files(paired: Path, pairs: TrainingPairs) -> None:
    benchmark = load_benchmark(str(paired))
    assert len(pairs) == 24
    lines = (paired.parent / "train-pairs.csv").read_text().split()[1:]
    batch = pairs.batch(np.array([5, 0]))
    truth = read_truth(paired.parent / "truth-train.npz", None).keypoints["face"]
    for row, number in enumerate((5, 0)):
        for name, image, pose, face in zip(
            lines[number].split(","), (batch.source, batch.target), (batch.source_pose, batch.target_pose),
            (batch.source_face, batch.target_face), strict=True,
        ):  # fmt: skip
            expected = read_image(benchmark.train_folder / name).transpose(2, 0, 1)
            assert (image[row].numpy() == expected).all()
            (line,) = (x for x in (paired.parent / "train-keypoints.csv").read_text().splitlines() if name in x)
            y, x = (np.array(json.loads(part)) for part in line.split(": ")[1:])
            joints = pose[row].numpy()
            assert np.isnan(joints).all(1).tolist() == (x < 0).tolist()
            np.testing.assert_allclose(joints[x >= 0], np.stack([x, y], 1)[x >= 0], rtol=1e-6)
            visible = truth[name][:, 2] == 1
            assert np.isnan(face[row].numpy()).all(1).tolist() == (~visible).tolist()
            assert (face[row].numpy()[visible] == truth[name][visible, :2]).all()
    assert batch.index.tolist() == [5, 0]
    assert (batch.source.dtype, batch.source_pose.dtype, batch.source_face.dtype) == (
        torch.uint8, torch.float32, torch.float32,
    )  # fmt: skip


def test_without_ground_truth_all_face_landmarks_are_nan(paired: Path) -> None:
    paired.write_text(paired.read_text().replace('train_truth = "truth-train.npz"\n', ""))
    face = load(paired).batch(np.arange(3)).source_face
    assert face.shape == (3, 68, 2)
    assert face.isnan().all()


def test_held_out_and_training_people_are_disjoint(paired: Path, pairs: TrainingPairs) -> None:
    people = np.array(pairs.people)
    assert len(set(people)) == 12
    held, training = set(people[pairs.held_out]), set(people[pairs.training])
    assert len(held) == 3
    assert not held & training
    assert sum(person.startswith("WOMEN") for person in held) == 2
    assert sorted([*pairs.held_out, *pairs.training]) == list(range(24))
    assert (load(paired).held_out == pairs.held_out).all()
    assert any((load(paired, seed).held_out != pairs.held_out).any() for seed in (1, 2))


def test_pairs_identify_people_if_names_do_not(paired: Path) -> None:
    """a-b, b-c: three images of one person; d-e: two images of another person."""
    root = paired.parent
    names = (root / "train.lst").read_text().split()[:5]
    for name, letter in zip(names, "abcde", strict=True):
        (root / "train" / name).rename(root / "train" / f"{letter}.jpg")
        for file in (root / "train.lst", root / "train-keypoints.csv"):
            file.write_text(file.read_text().replace(name, f"{letter}.jpg"))
    (root / "train.lst").write_text("".join(f"{letter}.jpg\n" for letter in "abcde"))
    (root / "train-pairs.csv").write_text("from,to\nc.jpg,b.jpg\nd.jpg,e.jpg\na.jpg,b.jpg\n")
    found = load(paired)
    assert found.people[0] == found.people[2] != found.people[1]
    assert sorted(map(len, (found.held_out, found.training))) == [1, 2]
    (root / "train-pairs.csv").write_text("from,to\nc.jpg,b.jpg\na.jpg,b.jpg\n")
    with pytest.raises(UserError, match="show only one person, so none can be held out"):
        load(paired)


def test_each_epoch_has_each_pair_once(pairs: TrainingPairs) -> None:
    stream = PairStream(pairs, 7, seed=3)
    drawn = np.concatenate([stream.drawn(number) for number in range(18)])
    epochs = drawn.reshape(-1, len(pairs.training))
    assert len(epochs) == 7
    assert all(sorted(epoch) == sorted(pairs.training) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 7
    assert [stream.next_batch().index.tolist() for _ in range(18)] == drawn.reshape(18, 7).tolist()
    assert PairStream(pairs, 7, seed=4).drawn(0).tolist() != drawn[:7].tolist()
    few = PairStream(pairs, 4, seed=0, index=pairs.held_out[:2])
    assert sorted(few.next_batch().index.tolist()) == sorted([*pairs.held_out[:2]] * 2)


def test_processes_share_a_batch(pairs: TrainingPairs) -> None:
    whole = PairStream(pairs, 6, seed=1)
    parts = [PairStream(pairs, 6, 1, rank, 3) for rank in range(3)]
    for _ in range(5):
        expected = whole.next_batch().index
        own = [part.next_batch().index for part in parts]
        assert torch.stack(own, 1).flatten().tolist() == expected.tolist()
    with pytest.raises(UserError, match="batch of 6 cannot be shared evenly by 4 processes: start a number of"):
        PairStream(pairs, 6, 1, 0, 4)


def test_a_stream_resumes_from_its_state(pairs: TrainingPairs) -> None:
    stream = PairStream(pairs, 5, seed=1)
    for _ in range(4):
        stream.next_batch()
    kept = stream.state_dict()
    expected = [stream.next_batch() for _ in range(6)]
    other = PairStream(pairs, 5, seed=1)
    other.next_batch()  # four more are prepared
    other.load_state_dict(kept)
    assert all(same(other.next_batch(), batch) for batch in expected)
    stream.load_state_dict({"position": 0})
    assert stream.next_batch().index.tolist() == stream.drawn(0).tolist()


def test_images_that_do_not_fit_into_memory_are_decoded_when_needed(
    paired: Path, pairs: TrainingPairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MEMORY", 0)
    other = load(paired)
    assert (pairs.decodes, other.decodes) == (False, True)
    kept, decoded = PairStream(pairs, 8, seed=1), PairStream(other, 8, seed=1)
    assert all(same(kept.next_batch(), decoded.next_batch()) for _ in range(6))


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("train.lst", "The list of training images has no line for fashion.*1front.jpg of .*train-pairs.csv: add one"),
        ("train-keypoints.csv", "The file .*train-keypoints.csv has no line for fashion.*1front.jpg of .*: add one"),
    ],
)
def test_an_image_that_is_missing_in_a_table(paired: Path, file: str, reason: str) -> None:
    lines = (paired.parent / file).read_text().splitlines()
    removed: Any = next(line for line in lines if "id00000902" in line)
    (paired.parent / file).write_text("\n".join(line for line in lines if line != removed))
    with pytest.raises(UserError, match=reason):
        load(paired)


def test_studio_has_training_pairs_of_160_people() -> None:
    benchmark = load_benchmark("studio")
    names = {what: file.name for what, file in benchmark.training_files.items()}
    assert names == {
        "pairs": "fasion-resize-pairs-train.csv", "keypoints": "fasion-resize-annotation-train.csv",
        "truth": "truth-train.npz", "parsing": "parsing-train.npz",
    }  # fmt: skip
    given = RealImages(benchmark.train_folder, benchmark.image_size, dict.fromkeys(benchmark.train_images, ""))
    found = TrainingPairs(Task(benchmark, given, 0, TrainingFolder(Path("none"), {}, dry=True), "cpu", False))
    assert (len(found), len(found.names), len(set(found.people))) == (3200, 800, 160)
    assert (len(found.held_out), len({found.people[i] for i in found.held_out})) == (340, 17)
    assert not set(found.names) & set(benchmark.images)
