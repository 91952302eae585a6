"""The anchors: exact pixels, any size, the same image in every batch, and their place on the leaderboard."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import fhpt_bench as fb
from baselines.anchors.models import JPEG75, Autoencoder, Blur2, MeanImage
from baselines.anchors.network import AutoencoderNetwork
from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.cli import cli
from fhpt_bench.data.degradation import blurred, jpeg_compressed
from fhpt_bench.data.images import read_image
from fhpt_bench.data.real_images import quantise, to_tensor
from fhpt_bench.errors import UserError
from fhpt_bench.model import Oracle, PairBatch, models
from fhpt_bench.training.train import train

SIZES = ((256, 176), (64, 48), (33, 21), (5, 3), (1, 1), (8, 40))
ORACLES = (Blur2, JPEG75, Autoencoder)


def noise(count: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height).integers(0, 256, (count, height, width, 3), np.uint8)


def batch(images: NDArray[np.uint8]) -> PairBatch:
    poses = torch.zeros(len(images), 18, 2)
    return PairBatch(tuple(map(str, range(len(images)))), to_tensor(np.zeros_like(images)), poses, poses)


def revealed(model: Oracle, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    images = images.copy()  # torch warns of arrays that are read-only
    with torch.no_grad():
        return quantise(model.reveal(batch(images), to_tensor(images)))


@pytest.mark.parametrize("size", SIZES)
def test_jpeg_is_pillows_with_chroma_at_half_the_size(size: tuple[int, int]) -> None:
    image = noise(1, *size)[0]
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=75, subsampling="4:2:0")
    expected = np.asarray(Image.open(buffer))
    assert (revealed(JPEG75(), image[None])[0] == expected).all()
    assert (jpeg_compressed(image, 75) == expected).all()


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) > 8])
def test_blur_is_a_gaussian_of_two_pixels(size: tuple[int, int]) -> None:
    image = noise(1, *size)[0]
    # 17 taps: four sigma on both sides, as in scipy.
    expected = cv2.GaussianBlur(image.astype(np.float64), (17, 17), 2.0, borderType=cv2.BORDER_REFLECT)
    found = revealed(Blur2(), image[None])[0]
    assert np.abs(found - expected).max() <= 0.5 + 1e-6
    assert (found == blurred(image, 2.0)).all()


def test_the_damages_of_the_audit_are_the_same_images() -> None:
    from protocols.audit.adversaries import ADVERSARIES
    from protocols.audit.damages import DAMAGES, subjects

    benchmark = load_benchmark("studio", limit=3)
    apply = {damage.name: damage.apply for damage in DAMAGES}
    known = {adversary.name: adversary.damage for adversary in ADVERSARIES}
    for subject in subjects(benchmark):
        for model in (Blur2(), JPEG75()):
            damage = known[model.card.name]
            assert damage is not None
            assert (revealed(model, subject.image[None])[0] == apply[damage[0]](subject, damage[1])).all()
        name, share = known["copy-source"] or ("", 0.0)
        assert (apply[name](subject, share) == subject.source).all()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ORACLES)
def test_an_image_is_the_same_in_every_batch_and_size(kind: type[Oracle], size: tuple[int, int]) -> None:
    images, model = noise(5, *size), kind()
    together = revealed(model, images)
    assert together.shape == images.shape
    for i in range(5):
        assert (revealed(model, images[i : i + 1])[0] == together[i]).all()
    assert (revealed(model, images[::-1])[::-1] == together).all()


def test_the_autoencoder_keeps_a_twelfth_and_pads_with_the_last_pixels() -> None:
    model = Autoencoder()
    image = to_tensor(noise(1, 29, 19))
    with torch.no_grad():
        assert model.network.encoder(torch.zeros(1, 3, 256, 176)).shape == (1, 16, 32, 22)
        padded = torch.nn.functional.pad(image, (0, 5, 0, 3), mode="replicate")
        assert torch.equal(model.network(image), model.network(padded)[:, :, :29, :19])


def test_people_stay_recognisable_through_the_autoencoder_but_not_intact() -> None:
    benchmark = load_benchmark("studio", limit=8)
    images = np.stack([read_image(benchmark.folder / pair.target) for pair in benchmark.pairs])
    error = np.abs(revealed(Autoencoder(), images) - images.astype(float)).mean()
    untrained = AutoencoderNetwork(16, 16)
    with torch.no_grad():
        worse = np.abs(quantise(untrained(to_tensor(images))) - images.astype(float)).mean()
    assert 2 < error < 12 < worse


def test_the_mean_image_is_the_mean_of_studios_training_images() -> None:
    benchmark = load_benchmark("studio")
    total = np.zeros((256, 176, 3))
    for name in benchmark.train_images:
        total += read_image(benchmark.train_folder / name)
    found = quantise(MeanImage().generate(batch(noise(2, 256, 176))))
    assert (found[0] == found[1]).all()
    # Half precision moves a value by at most 0.04 levels.
    assert np.abs(found[0] - total / len(benchmark.train_images)).max() <= 0.54


def test_a_mean_image_of_another_size_is_refused_and_can_be_computed(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"is 176 wide and 256 high, and these images are 352 wide and 512 high: compute"
    ):
        fb.run("mean-image", "studio-512", "ssim", limit=2, out=tmp_path / "run")
    facts = train("mean-image", "studio", out=tmp_path / "mean", device="cpu")
    again = weights.read_file("mean-image", Path(facts["checkpoint"]))
    assert again.digest == weights.digest("mean-image"), "the shipped one is what the command writes"


def test_the_autoencoder_learns_the_same_from_the_same_seed(tmp_path: Path) -> None:
    (tmp_path / "short.py").write_text(
        "from dataclasses import replace\n"
        "from baselines.anchors.recipe import AutoencoderRecipe\n"
        "from baselines.anchors.hyperparameters import AutoencoderHyperparameters as Hyperparameters\n"
        "class Short(AutoencoderRecipe):\n"
        "    presets = {'': Hyperparameters(width=8, code=4, batch_size=4, crop=32, iterations=60)}\n"
    )
    recipe = f"{tmp_path / 'short.py'}:Short"
    facts = [
        train(recipe, "studio", seed=seed, out=tmp_path / str(i), device="cpu") for i, seed in enumerate((1, 1, 2))
    ]
    digests = [weights.read_file("autoencoder", Path(one["checkpoint"])).digest for one in facts]
    assert digests[0] == digests[1] != digests[2]
    rows = (tmp_path / "0" / "log.csv").read_text().splitlines()
    assert float(rows[-1].split(",")[-1]) < 0.9 * float(rows[1].split(",")[-1])
    small = Autoencoder(Path(facts[0]["checkpoint"]))
    assert revealed(small, noise(1, 20, 12)).shape == (1, 20, 12, 3)


def test_what_ships_is_small_and_pinned() -> None:
    for name in ("autoencoder", "mean-image"):
        found = weights.obtain(name)
        assert found.path.stat().st_size < 2 << 20
        assert all(array.dtype == np.float16 for array in found.arrays.values())


def test_anchors_that_see_the_target_are_marked_and_not_ranked(tmp_path: Path) -> None:
    names = ("jpeg-75", "blur-2", "autoencoder", "mean-image", "real", "copy-source")
    assert {name: issubclass(models.load(name), Oracle) for name in names} == {
        "jpeg-75": True, "blur-2": True, "autoencoder": True, "mean-image": False, "real": True, "copy-source": False
    }  # fmt: skip
    for name in names:
        fb.run(name, "studio", "ssim", limit=12, out=tmp_path / name)
    shown = CliRunner().invoke(cli, ["leaderboard", "--records", str(tmp_path), "--format", "csv"])
    assert shown.exit_code == 0, shown.output
    rows = {row["model"]: row for row in csv.DictReader(io.StringIO(shown.stdout))}
    oracles = [name for name in names if issubclass(models.load(name), Oracle)]
    assert set(rows) == set(names)
    for name, row in rows.items():
        assert (row["rank"] == "", row["oracle"]) == ((True, "True") if name in oracles else (False, "False")), name
        assert row["label"] == (f"{name} (oracle)" if name in oracles else name)
    assert set([*rows][2:]) == set(oracles), "oracles are last"
