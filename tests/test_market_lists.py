"""Counts of the real Market-1501 lists of PATN; skipped if they are missing."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fhpt_bench.benchmark import Benchmark, load_benchmark
from fhpt_bench.data.names import parse_market_name
from fhpt_bench.data.pose import parse_keypoints
from fhpt_bench.data.prepare.market import pairs_by_rule, survey_market
from protocols.perceptual.pose_mask import pose_mask

LISTS = Path(__file__).parents[2] / "shared" / "market1501"
PAIRS, KEYPOINTS = LISTS / "market-pairs-test.csv", LISTS / "market-annotation-test.csv"
pytestmark = pytest.mark.skipif(not LISTS.is_dir(), reason="the lists of Market-1501 are not in ../shared/market1501")


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    """A benchmark with only the lists: no test opens an image."""
    path = tmp_path_factory.mktemp("benchmark") / "lists.toml"
    path.write_text(
        'id = "lists"\nversion = "1.0"\ntitle = "lists"\nimage_size = [128, 64]\nimages = "img"\n'
        f'pairs = "{PAIRS.name}"\nkeypoints = "{KEYPOINTS.name}"\nprotocols = ["ssim"]\n'
    )
    return load_benchmark(str(path), LISTS)


def rows() -> list[tuple[str, str]]:
    with PAIRS.open(encoding="utf-8", newline="") as file:
        return [(source, target) for source, target in list(csv.reader(file))[1:]]


def test_pairs_images_and_people(lists: Benchmark) -> None:
    assert len(lists.pairs) == 12_000
    assert len(lists.images) == 9_872
    assert (len({p.source for p in lists.pairs}), len({p.target for p in lists.pairs})) == (7_267, 7_284)
    assert lists.people == "700 people"
    per_person = Counter(pair.person for pair in lists.pairs)
    assert (min(per_person.values()), max(per_person.values())) == (1, 214)
    assert not {"0000", "-1"} & set(per_person)
    assert sum(".jpg.jpg" in source + target for source, target in rows()) == 9
    cameras = [[parse_market_name(name).camera for name in pair] for pair in rows()]
    assert sum(one != other for one, other in cameras) == 9_135


def test_annotations(lists: Benchmark) -> None:
    people = Counter(parse_market_name(name).person for name in lists.poses)
    assert len(lists.poses) == 19_732
    assert (people["0000"], people["-1"], len(set(people) - {"0000", "-1"})) == (2_798, 3_819, 750)
    assert sum(name.endswith(".jpg.jpg") for name in lists.poses) == 18
    assert sum(np.isnan(pose).all() for pose in lists.poses.values()) == 3_445


def test_targets_without_a_head(lists: Benchmark) -> None:
    head = [0, 1, 14, 15, 16, 17]
    few = {name for name, pose in lists.poses.items() if np.isfinite(pose[head]).all(1).sum() < 2}
    assert sum(pair.target in few for pair in lists.pairs) == 1_321


def test_a_joint_in_the_corner_is_a_joint(caplog: pytest.LogCaptureFixture) -> None:
    poses = parse_keypoints(KEYPOINTS)
    assert (poses["0128_c3s3_077894_08.jpg"][15] == 0).all()
    assert not caplog.text


def test_the_rule_gives_the_pair_list_row_for_row(lists: Benchmark) -> None:
    poses = parse_keypoints(KEYPOINTS)
    assert len(pairs_by_rule(poses, drawn=None)) == 257_198
    assert pairs_by_rule(poses) == rows()


def test_a_preparation_recognises_the_published_lists_and_reports_missing_images(tmp_path: Path) -> None:
    found = survey_market([LISTS], tmp_path / "out")
    assert [f"{label}: {text.replace(str(LISTS), '')}" for label, text in found.lines] == [
        "test keypoints: 19732 in /market-annotation-test.csv: as published with PATN",
        "people: 750 by name; 2798 of 0000, 3819 of -1, which name no person",
        "test pairs: 12000 in /market-pairs-test.csv: as published with PATN",
        "training list: neither train.lst nor market-annotation-train.csv: only fid:train needs one",
    ]
    (missing,) = found.missing
    assert missing.startswith("the test images (bounding_box_test/); Market-1501's authors")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / KEYPOINTS.name).write_bytes(KEYPOINTS.read_bytes())
    alone = survey_market([tmp_path / "one"], tmp_path / "out")
    assert alone.pairs["test"] == found.pairs["test"]
    assert any("by PATN's rule" in text and text.endswith("as published with PATN") for _, text in alone.lines)


def test_masks_of_some_targets(lists: Benchmark) -> None:
    """Of every 20th target; over all 7,284, the mean is 0.3068, and 20 have a limb without length."""
    targets = sorted({pair.target for pair in lists.pairs})[::20]
    cover = [float(pose_mask(lists.poses[name], lists.image_size).mean()) for name in targets]
    assert np.mean(cover) == pytest.approx(0.307, abs=0.01)
    assert min(cover) > 0.05
