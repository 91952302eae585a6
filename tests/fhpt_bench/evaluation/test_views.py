"""Protocols that see a part of the images: in a run, in a resumed run, and during a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.data.real_images import quantise, to_tensor
from fhpt_bench.model import Generator, ModelCard
from protocols.perceptual import inception_score, lpips, pose_mask, ssim
from protocols.perceptual.embedding import INCEPTION_TENSORFLOW

HALF = '''
import numpy as np
from fhpt_bench.protocol import View
from protocols.perceptual.lpips import LPIPS
from protocols.perceptual.psnr import PSNR


class Upper(View):
    """The upper half, mirrored if the number of the target's view is even."""

    id = "upper-1"

    def show(self, images, benchmark, targets):
        even = [int(target.rpartition('_')[2][0]) % 2 == 0 for target in targets]
        halves = images[:, : images.shape[1] // 2]
        return np.stack([half[:, ::-1] if flip else half for half, flip in zip(halves, even)])

    def basis(self, benchmark, target):
        return target.rpartition('_')[2].encode()


class Broken(Upper):
    id = "broken-1"

    def show(self, images, benchmark, targets):
        raise ArithmeticError("no half")


class HalfPSNR(PSNR):
    id, view = "half-psnr", Upper()


class HalfLPIPS(LPIPS):
    id, view = "half-lpips", HalfPSNR.view


class BrokenPSNR(PSNR):
    id, view = "broken-psnr", Broken()
'''


class Mirror(Generator):
    """The source image, mirrored and darker."""

    card = ModelCard("mirror", "the source image, mirrored")

    def generate(self, batch):
        return batch.source.flip(3) * 0.8


@pytest.fixture
def half(tmp_path: Path) -> Path:
    (tmp_path / "half.py").write_text(HALF)
    return tmp_path / "half.py"


def images_of(tiny: Path):
    """Pair id -> generated image, target image and the target's name."""
    benchmark, found = load_benchmark(str(tiny)), {}
    for pair in benchmark.pairs:
        source, target = (read_image(benchmark.folder / name) for name in (pair.source, pair.target))
        found[pair.id] = (quantise(to_tensor(source[None].copy()).flip(3) * 0.8)[0], target, pair.target)
    return benchmark, found


def test_a_protocol_compares_what_its_view_shows(tiny: Path, tmp_path: Path, half: Path) -> None:
    chosen = f"psnr,{half}:HalfPSNR,{half}:HalfLPIPS,lpips,mask-ssim"
    record = fb.run(Mirror(), str(tiny), chosen, out=tmp_path / "out", batch_size=5, device="cpu")
    benchmark, images = images_of(tiny)
    assert len({score.fingerprint for score in record.scores}) == 5

    def shown(image: np.ndarray, target: str) -> np.ndarray:
        upper = image[: image.shape[0] // 2]
        return np.ascontiguousarray(upper[:, ::-1] if int(target.rpartition("_")[2][0]) % 2 == 0 else upper)[None]

    def masked(image: np.ndarray, target: str) -> np.ndarray:
        return image[None] * pose_mask(benchmark.poses[target], benchmark.image_size)[..., None]

    for pair, (generated, target, name) in images.items():
        a, b = shown(generated, name), shown(target, name)
        error = ((a.astype(float) - b) ** 2).mean()
        assert record["half-psnr"].per_pair[pair] == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)
        assert record["half-lpips"].per_pair[pair] == pytest.approx(lpips(a, b)[0], abs=1e-5)
        expected = ssim(masked(generated, name), masked(target, name), "market")[0]
        assert record["mask-ssim"].per_pair[pair] == pytest.approx(expected, abs=1e-12)
    alone = fb.run(Mirror(), str(tiny), "psnr,lpips", out=tmp_path / "alone", batch_size=5, device="cpu")
    for name in ("psnr", "lpips"):
        assert (record[name].value, record[name].fingerprint) == (alone[name].value, alone[name].fingerprint)


def test_vectors_are_those_of_what_the_view_shows(
    tiny: Path, tmp_path: Path, random_inception: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
    record = fb.run(Mirror(), str(tiny), "mask-is,is:market", out=tmp_path / "out", batch_size=7, device="cpu")
    benchmark, images = images_of(tiny)
    whole = np.stack([images[pair][0] for pair in sorted(images)])
    masks = np.stack([pose_mask(benchmark.poses[images[pair][2]], benchmark.image_size) for pair in sorted(images)])

    def logits(pixels: np.ndarray) -> np.ndarray:
        return INCEPTION_TENSORFLOW.rows("images", pixels, "cpu", 8)[:, 2048:]

    assert record["mask-is"].value == pytest.approx(inception_score(logits(whole * masks[..., None]))[0], rel=1e-4)
    assert record["is"].value == pytest.approx(inception_score(logits(whole))[0], rel=1e-4)
    assert abs(record["mask-is"].value - record["is"].value) > 1e-3
    again = fb.run(Mirror(), str(tiny), "mask-is,is:market", out=tmp_path / "again", batch_size=5, device="cpu")
    assert [score.value for score in again.scores] == [score.value for score in record.scores]


@pytest.mark.parametrize("random", [False, True])
def test_the_scores_during_a_training_are_those_of_a_run(
    tiny: Path, tmp_path: Path, half: Path, random_inception: Path, monkeypatch: pytest.MonkeyPatch, random: bool
) -> None:
    chosen = f"{half}:HalfPSNR,{half}:HalfLPIPS,lpips,mask-ssim"
    if random:
        monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
        chosen = "mask-is,is:market"
    record = fb.run(Mirror(), str(tiny), chosen, out=tmp_path / "out", batch_size=5, device="cpu")
    evaluator = fb.Evaluator(str(tiny), chosen, batch_size=5, device="cpu")
    evaluator(Mirror())
    expected = {score.key: score for score in record.scores}
    assert len(evaluator.scores) == len(expected) == 4
    for score in evaluator.scores:
        given = expected[score.key]
        assert (score.value, score.interval, score.n, score.fingerprint) == (
            given.value, given.interval, given.n, given.fingerprint
        )  # fmt: skip


def test_a_broken_view_fails_only_its_protocols(tiny: Path, tmp_path: Path, half: Path) -> None:
    record = fb.run(Mirror(), str(tiny), f"psnr,{half}:BrokenPSNR", out=tmp_path / "out", device="cpu")
    assert record["psnr"].status == "ok"
    assert record["broken-psnr"].status == "failed"
    assert "no half" in str(record["broken-psnr"].reason)
