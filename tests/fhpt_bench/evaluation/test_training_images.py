"""Training images as a reference set: embedded once, only if needed, and only in such protocols' fingerprints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark

ACME = Path(__file__).parents[2] / "third_party" / "acme_hpt.py"
PLUGIN = """
from fhpt_bench.protocol import MetricCard, Protocol, Score

class Far(Protocol):
    id, title, citation = "far", "distance of mean colours from the training images", ""
    variants = {"train": "", "target": ""}
    metrics = (MetricCard("far", "FAR", False, per_pair=False),)
    features = ("ACME:MeanColour",)

    @property
    def training_images(self):
        return self.variant == "train"

    def score(self, evidence):
        generated, real = (evidence.vectors(self.features[0], role) for role in ("generated", self.variant))
        value = float(((generated.mean(0) - real.mean(0)) ** 2).sum())
        return (Score("far", value, len(generated), details={"real": real.tolist()}),)
"""
FEATURE = f"{ACME}:MeanColour"


@pytest.fixture
def far(tmp_path: Path) -> str:
    file = tmp_path / "far.py"
    file.write_text(PLUGIN.replace("ACME", str(ACME)))
    return f"{file}:Far"


def forwards(record: fb.Record) -> dict[str, int]:
    return {stage.name: stage.forwards for stage in record.stages if stage.forwards}


def protocols_of(far: str) -> list[str]:
    return [far, f"{ACME}:FrechetColourHere"]


def test_one_row_a_training_image_in_the_order_of_the_list(tiny: Path, tmp_path: Path, far: str) -> None:
    record = fb.run("warp", str(tiny), far, out=tmp_path / "run", batch_size=3)
    names = list(dict.fromkeys((tiny.parent / "train.lst").read_text().split()))
    assert len(names) == 7
    expected = [np.asarray(Image.open(tiny.parent / "train" / name)).mean((0, 1)) for name in names]
    np.testing.assert_allclose(record["far"].details["real"], expected, rtol=1e-5)
    assert forwards(record) == {FEATURE: 24 + 7 + 24}


def test_nobody_pays_for_what_is_not_asked(tiny: Path, tmp_path: Path, far: str) -> None:
    record = fb.run("warp", str(tiny), f"{ACME}:FrechetColourHere", out=tmp_path / "without")
    assert forwards(record) == {FEATURE: 24 + 24}
    assert record.benchmark.train_sha256 is None
    again = fb.run("warp", str(tiny), protocols_of(far), out=tmp_path / "with")
    assert forwards(again) == {FEATURE: 7}  # all others are in the cache
    assert again["colour-here"].fingerprint == record["colour-here"].fingerprint
    once_more = fb.run("copy-source", str(tiny), protocols_of(far), out=tmp_path / "more")
    assert forwards(once_more) == {}


def test_training_pixels_move_the_fingerprint_of_those_who_look_at_them(tiny: Path, tmp_path: Path, far: str) -> None:
    before = fb.run("warp", str(tiny), protocols_of(far), out=tmp_path / "before")
    name = (tiny.parent / "train.lst").read_text().split()[0]
    Image.new("RGB", (48, 64), (200, 10, 10)).save(tiny.parent / "train" / name)
    after = fb.run("warp", str(tiny), protocols_of(far), out=tmp_path / "after")
    assert after["far"].fingerprint != before["far"].fingerprint
    assert after["far"].value != before["far"].value
    assert after["colour-here"].fingerprint == before["colour-here"].fingerprint
    assert after["colour-here"].value == before["colour-here"].value
    assert after.run_id == before.run_id


@pytest.mark.parametrize("lacking", ["keys", "folder"])
def test_without_training_images_it_is_skipped_and_the_others_go_on(
    tiny: Path, tmp_path: Path, far: str, lacking: str
) -> None:
    if lacking == "keys":
        lines = [line for line in tiny.read_text().splitlines() if not line.startswith("train_")]
        tiny.write_text("\n".join(lines))
    else:
        (tiny.parent / "train").rename(tiny.parent / "elsewhere")
    record = fb.run("warp", str(tiny), protocols_of(far), out=tmp_path / "run")
    assert record["far"].status == "skipped"
    assert "names no training images, or their folder is missing" in str(record["far"].reason)
    assert record["colour-here"].status == "ok"


def test_mistakes_are_named(tiny: Path, tmp_path: Path, far: str) -> None:
    name = (tiny.parent / "train.lst").read_text().split()[1]
    (tiny.parent / "train" / name).unlink()
    with pytest.raises(fb.UserError, match=rf"{name} \(no such file"):
        fb.run("warp", str(tiny), far, out=tmp_path / "run")
    (tiny.parent / "train.lst").write_text("../test/a.jpg\n")
    with pytest.raises(fb.UserError, match=r"Line 1 of the image list .*train.lst names '\.\./test/a.jpg'"):
        load_benchmark(str(tiny))
    (tiny.parent / "train.lst").write_text("\n\n")
    with pytest.raises(fb.UserError, match=r"image list .* is empty"):
        load_benchmark(str(tiny))
    tiny.write_text(tiny.read_text().replace('train_list = "train.lst"\n', ""))
    with pytest.raises(fb.UserError, match="must be given together"):
        load_benchmark(str(tiny))
