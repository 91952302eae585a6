"""Counts of the real DeepFashion lists; skipped if they are missing (their licence forbids shipping them)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.commands.data import data
from fhpt_bench.data.names import ImageName, parse_name, stem
from fhpt_bench.data.pairs import read_image_list, read_pairs
from fhpt_bench.data.pose import keypoint_frame, parse_keypoints
from fhpt_bench.data.prepare.survey import survey
from fhpt_bench.data.subsets import SUBSETS
from fhpt_bench.evaluation.generated_folder import match_folder
from protocols.semantic.gender_bias import gender_error
from protocols.semantic.retrieval import search_gallery

LISTS = Path(__file__).parents[2] / "shared" / "deepfashion"
pytestmark = pytest.mark.skipif(not LISTS.is_dir(), reason="the lists of DeepFashion are not in ../shared/deepfashion")


@pytest.fixture(scope="module")
def benchmark_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark with only the lists: no test opens an image."""
    path = tmp_path_factory.mktemp("benchmark") / "lists.toml"
    path.write_text(
        'id = "deepfashion"\nversion = "1.0"\ntitle = "lists"\nimage_size = [256, 176]\n'
        'images = "img"\ntrain_images = "img"\ntrain_list = "train.lst"\n'
        'pairs = "fashion-pairs-test.csv"\nkeypoints = "fasion-annotation-test.csv"\ncluster = "item"\n'
        'protocols = ["ssim"]\n'
    )
    return path


@pytest.fixture(scope="module")
def lists(benchmark_file: Path) -> Benchmark:
    return load_benchmark(str(benchmark_file), LISTS)


def require_name(name: str) -> ImageName:
    parsed = parse_name(name)
    assert parsed is not None
    return parsed


def test_pairs_people_and_items(lists: Benchmark) -> None:
    assert len(lists.pairs) == 8570
    assert len(lists.images) == 3144
    groups = Counter(require_name(name).person for name in lists.images)
    assert len(groups) == 876
    assert Counter(groups.values()) == {4: 502, 3: 265, 2: 68, 5: 41}
    # Complete groups: every ordered pair of a person's images.
    assert sum(size * (size - 1) for size in groups.values()) == 8570
    assert all(require_name(pair.source).person == require_name(pair.target).person for pair in lists.pairs)
    assert len({pair.person for pair in lists.pairs}) == len({require_name(name).item for name in lists.images}) == 811
    assert not lists.people_known


def test_splits() -> None:
    train, test = (read_image_list(LISTS / f"{split}.lst") for split in ("train", "test"))
    assert Counter(require_name(name).gender for name in train) == {"WOMEN": 41426, "MEN": 7248}
    assert len(test) == 4038
    assert not set(train) & set(test)


def test_keypoints_are_in_the_wide_frame(lists: Benchmark) -> None:
    poses = parse_keypoints(LISTS / "fasion-annotation-test.csv")
    assert len(poses) == 4038
    assert keypoint_frame(poses, 176) == 256
    name = lists.images[0]
    np.testing.assert_array_equal(lists.poses[name][:, 0], poses[name][:, 0] - 40)
    np.testing.assert_array_equal(lists.poses[name][:, 1], poses[name][:, 1])
    # In the narrow frame the joints are used unchanged, though eight of them are beyond its edge.
    narrow = {name: pose - (40, 0) for name, pose in poses.items()}
    assert keypoint_frame(narrow, 176) == 176


@pytest.mark.parametrize(
    ("subset", "pairs"),
    [("leak-free", 3560), ("men", 1026), ("women", 7544), ("view=front", 2256), ("view=side", 1789),
     ("view=back", 1784), ("view=full", 1368), ("view=additional", 1346), ("view=flat", 27)],
)  # fmt: skip
def test_subsets(lists: Benchmark, subset: str, pairs: int) -> None:
    part = lists.restricted(subset)
    assert len(part.pairs) == pairs
    assert part.subset == subset
    assert part.pairs_digest != lists.pairs_digest
    assert subset in SUBSETS


def test_leakage_is_printed(benchmark_file: Path) -> None:
    done = CliRunner().invoke(data, ["leakage", str(benchmark_file), "--data-root", str(LISTS)])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "test       4038 images of 930 items",
        "training   48674 images of 7565 items, 513 of which are in the test images too",
        "pairs      8570 of 811 items, 446 of which are in the training images too",
        "           5010 pairs (58.5 %) show such an item",
        "leak-free  3560 pairs: measure them with --subset leak-free",
    ]


def test_a_preparation_recognises_the_published_lists_and_reports_missing_images(tmp_path: Path) -> None:
    found = survey([LISTS], tmp_path / "out")
    lines = [f"{label}: {text.replace(str(LISTS), '')}" for label, text in found.lines]
    assert lines == [
        "test pairs: 8570 in /fashion-pairs-test.csv: as published with PATN",
        "test keypoints: 4038 in /fasion-annotation-test.csv, frame 256 wide: as published with PATN",
        "training list: 48674 in /train.lst: as published with PATN",
    ]
    (missing,) = found.missing
    assert missing.startswith("3144 of 3144 test images, first fashionMEN")
    assert found.pairs["test"] == sorted((stem(s), stem(t)) for s, t in read_pairs(LISTS / "fashion-pairs-test.csv"))


def test_retrieval_ceilings(lists: Benchmark) -> None:
    items = [require_name(pair.source).item for pair in lists.pairs]
    # The ceiling depends only on the items, so any features can be used.
    features = np.random.default_rng(0).normal(size=(len(items), 4))
    found = search_gallery(features, features, items, items, depth=10)
    ceilings = [round(100 * found.ceiling(k).mean(), 2) for k in (3, 5, 10)]
    assert ceilings == [27.67, 45.11, 77.67]


def test_error_of_always_answering_women(lists: Benchmark) -> None:
    true = [require_name(pair.source).gender for pair in lists.pairs]
    assert round(100 * gender_error(["WOMEN"] * len(true), true).majority, 1) == 12.0


def test_targets_without_a_nose(lists: Benchmark) -> None:
    assert sum(bool(np.isnan(lists.poses[pair.target][0]).any()) for pair in lists.pairs) == 826


def test_names_of_another_tool_are_matched_to_pairs(lists: Benchmark, tmp_path: Path) -> None:
    # `_2_` joins two names here, and also occurs inside names.
    named = {f"{stem(pair.source)}_2_{stem(pair.target)}_vis.png": pair.id for pair in lists.pairs}
    assert len(named) == 8570
    for name in named:
        (tmp_path / name).touch()
    found = match_folder(tmp_path, lists)
    assert found.layout == "gfla"
    assert {path.name: pair for pair, path in found.files.items()} == named
