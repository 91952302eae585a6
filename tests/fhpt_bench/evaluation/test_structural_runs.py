"""KEC and PCKh in a run: on grey images without a person, and on a few rendered people."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from protocols.structural.anchor_table import anchor_table

GREY = """
from fhpt_bench.model import Generator, ModelCard

class Grey(Generator):
    card = ModelCard("grey", "an empty image")

    def generate(self, batch):
        return batch.source * 0
"""
ANCHORS = "\n[anchors]\nbody = 40\nface = 10\nhand = 80\n"
STUDIO = load_benchmark("studio")


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """The file of a benchmark: four pairs of two rendered people with a visible hand, front and additional views."""
    hands = STUDIO.truth.keypoints["hand_left"]
    people = sorted({p.person for p in STUDIO.pairs if "front" in p.target and hands[p.target][:, 2].sum() > 15})[:2]
    chosen = [
        pair
        for pair in STUDIO.pairs
        if pair.person in people and all("front" in n or "additional" in n for n in (pair.source, pair.target))
    ]
    (tmp_path / "pairs.csv").write_text("from,to\n" + "".join(f"{p.source},{p.target}\n" for p in chosen))
    settings = tmp_path / "few.toml"
    settings.write_text(
        f'id = "few"\nversion = "1"\ntitle = "few people"\nroot = "{STUDIO.folder.parent}"\nimage_size = [256, 176]\n'
        f'images = "test"\npairs = "{tmp_path / "pairs.csv"}"\nkeypoints = "fasion-resize-annotation-test.csv"\n'
        f'truth = "truth-test.npz"\nprotocols = ["kec"]\n{ANCHORS}'
    )
    return settings


def test_without_anchors_the_curve_is_skipped_and_says_the_way_out(tiny: Path, tmp_path: Path) -> None:
    record = fb.run("copy-source", str(tiny), "kec", out=tmp_path / "run")
    assert {score.status for score in record.scores} == {"skipped"}
    assert "`fhpt-bench anchors`" in str(record["kec"].reason)
    assert not record.failed


def test_where_nobody_is_every_keypoint_is_a_miss(tiny: Path, tmp_path: Path) -> None:
    plain = load_benchmark(str(tiny))
    tiny.write_text(tiny.read_text() + ANCHORS)
    (tmp_path / "grey.py").write_text(GREY)
    record = fb.run(f"{tmp_path}/grey.py:Grey", str(tiny), "kec,kec:found-only,pckh", out=tmp_path / "run")
    joints = [plain.poses[pair.target] for pair in plain.pairs]
    n = sum(int(((joint >= 0) & (joint < (48, 64))).all(1).sum()) for joint in joints)
    assert n > 400
    body = record["kec:canonical:body"]
    assert body.value == 0
    assert body.n == 24
    assert body.details["n_keypoints"] == body.details["n_not_found"] == n
    assert body.details["detection_rate"] == 0
    assert body.details["curve"] == [0.0] * 20
    face = record["kec:canonical:face"]
    assert face.n + face.skipped["no keypoint of the part in the target"] == 24
    assert record["kec:found-only:body"].status == "skipped"
    assert record["kec:found-only:body"].skipped == {"none found": 24}
    assert record["pckh"].value == 0
    assert record["pckh"].details["n_keypoints"] == n
    digests = plain.image_digests()
    assert plain.data_digest(digests) != load_benchmark(str(tiny)).data_digest(digests)


def test_real_images_with_an_exact_ground_truth_are_not_estimated(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "grey.py").write_text(GREY)
    record = fb.run(f"{tmp_path}/grey.py:Grey", str(few), "kec,pckh", out=tmp_path / "run")
    forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
    assert record["pckh"].n > 1
    assert forwards == {"mediapipe-holistic": 1}  # the generated images are all equal, and no real one was estimated


def test_real_images_beat_the_warp_and_the_order_of_pairs_is_nothing(few: Path, tmp_path: Path) -> None:
    real = fb.run("real", str(few), "kec,pckh", out=tmp_path / "real")
    warp = fb.run("warp", str(few), "kec,pckh", out=tmp_path / "warp")
    for key, least in (("kec:canonical:body", 0.75), ("kec:canonical:face", 0.8), ("pckh", 0.9)):
        value = real[key].value
        assert value is not None
        assert value > least
        assert value > warp[key].value
    assert real["kec"].metric == "body"
    assert real["kec"].details["truth"] == "the benchmark's own"
    pairs = few.with_name("pairs.csv")
    lines = pairs.read_text().splitlines()
    pairs.write_text("\n".join([lines[0], *lines[:0:-1]]))
    again = fb.run("warp", str(few), "kec,pckh", out=tmp_path / "again", batch_size=1)
    for score in warp.scores:
        assert again[score.key].value == score.value
        assert again[score.key].fingerprint == score.fingerprint


def test_the_anchors_of_the_targets_themselves(few: Path, tmp_path: Path) -> None:
    benchmark, images = load_benchmark(str(few)), tmp_path / "images"
    images.mkdir()
    for pair in benchmark.pairs:
        Image.open(benchmark.folder / pair.target).save(images / f"{pair.id}.png")
    table = anchor_table(images, benchmark)
    reach = {line.split(" = ")[0]: int(line.split(" = ")[1]) for line in table.splitlines()[1:]}
    assert list(reach) == ["body", "face", "hand"]
    assert reach["body"] < 20
    assert reach["hand"] == 2 * reach["body"]


def test_anchors_in_a_file_are_checked(tiny: Path) -> None:
    text = tiny.read_text()
    for wrong, where in (("body = 40\nhead = 10", "anchors.head"), (ANCHORS[11:].replace("40", "0"), "anchors.body")):
        tiny.write_text(f"{text}\n[anchors]\n{wrong}\n")
        with pytest.raises(UserError, match=where):
            load_benchmark(str(tiny))
    with pytest.raises(UserError, match="holds no image"):
        anchor_table(tiny.parent / "test" / "..", STUDIO)
