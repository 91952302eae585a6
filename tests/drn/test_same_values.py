"""What makes painting and training fast on a CPU changes no value by more than rounding."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.patn.blocks import InstanceNorm, instance_norm
from drn.models import DRNWithoutFace
from drn.network import DetailReplenishingNetwork
from drn.replenish import AdaIN, Upsampling, small_kernels
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data import heat_maps as maps
from fhpt_bench.data.real_images import RealImages, quantise
from fhpt_bench.evaluation.pair_batch import pair_batch
from fhpt_bench.networks.convolutions import exact_float32

SIZES = ((2, 2), (3, 5), (7, 4), (16, 11))
SMALLEST_NORMAL = torch.finfo(torch.float32).tiny


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def former_norm(x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Instance norm by its formula, in float64."""
    wide = x.double()
    variance, mean = torch.var_mean(wide, (2, 3), keepdim=True, correction=0)
    normalised = (wide - mean) / (variance + eps).sqrt()
    one, zero = torch.ones(()), torch.zeros(())
    each = [part if part.ndim == 0 else part.view(*x.shape[:2], 1, 1) for part in (
        one if scale is None else scale, zero if bias is None else bias
    )]  # fmt: skip
    return (normalised * each[0] + each[1]).to(x.dtype)


class PlainNorm(nn.Module):
    """Torch's own instance norm."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.instance_norm(x)


def former_upsampling(module: Upsampling, x: Tensor, z: Tensor) -> Tensor:
    """Enlarge, then convolve with 5x5 kernels, as in the paper."""
    larger = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    result: Tensor = module.activation(module.norm(module.convolution(larger), z))
    return result


def former_heat_maps(poses: Tensor, size: tuple[int, int], kind: str) -> Tensor:
    """Gaussians with all their small values."""
    assert kind == "gaussian"
    rows = torch.exp(-((torch.arange(size[0]) + 0.5 - poses[..., 1, None].nan_to_num(nan=torch.inf)) ** 2) / 72)
    columns = torch.exp(-((torch.arange(size[1]) + 0.5 - poses[..., 0, None].nan_to_num(nan=torch.inf)) ** 2) / 72)
    return rows[..., :, None] * columns[..., None, :]


@pytest.mark.parametrize(("size", "batch", "last"), [*product(SIZES, (1, 3), (False, True))])
def test_the_norm_is_instance_norm_in_every_layout(size: tuple[int, int], batch: int, last: bool) -> None:
    x = random(batch, 6, *size) * 3 + 40
    x = x.contiguous(memory_format=torch.channels_last) if last else x
    scale, bias = random(batch * 6, seed=1), random(batch * 6, seed=2)
    torch.testing.assert_close(InstanceNorm()(x), former_norm(x), rtol=0, atol=2e-4)
    torch.testing.assert_close(instance_norm(x, scale, bias), former_norm(x, scale, bias), rtol=0, atol=5e-4)
    # In float64, where nothing but the formula can differ; the gradients too.
    wide = x.double().requires_grad_(True)
    torch.testing.assert_close(instance_norm(wide), former_norm(wide), rtol=0, atol=1e-10)
    weights = random(*x.shape, seed=3).double()
    gradients = [torch.autograd.grad((norm(wide) * weights).sum(), wide)[0] for norm in (instance_norm, former_norm)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-9)


@pytest.mark.parametrize("batch", [1, 2])
def test_adain_under_autocast_keeps_the_type_of_the_features(batch: int) -> None:
    norm = AdaIN(4, 3, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(random(batch, 4, 6, 5).bfloat16(), random(batch, 3)).dtype == torch.bfloat16
        assert instance_norm(random(batch, 4, 6, 5).bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("size", [*SIZES, (1, 1), (1, 4)])
def test_small_kernels_act_as_the_large_ones_on_the_enlarged_image(size: tuple[int, int]) -> None:
    x, kernel = random(2, 3, *size).double(), random(4, 3, 5, 5, seed=1).double()
    whole = functional.conv2d(functional.interpolate(x, scale_factor=2.0, mode="nearest"), kernel, padding=2)
    parts = functional.pixel_shuffle(functional.conv2d(x, small_kernels(kernel), padding=1), 2)
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-12)


def test_heat_maps_have_no_subnormal_number_and_lose_nothing_that_counts() -> None:
    poses = torch.rand((5, 18, 2), generator=torch.Generator().manual_seed(0)) * torch.tensor([300.0, 400.0]) - 60
    poses[0, :3] = torch.nan
    new, former = maps.heat_maps(poses, (256, 176)), former_heat_maps(poses, (256, 176), "gaussian")
    assert ((former > 0) & (former < SMALLEST_NORMAL)).any()
    assert not ((new > 0) & (new < 1e-24)).any()
    kept = new > 0
    assert torch.equal(new[kept], former[kept])
    assert former[~kept].max() <= maps.NEGLIGIBLE


def test_painted_images_differ_from_those_of_the_plain_network_by_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trained network on studio: at most one level, in at most 0.1 % of the values."""
    benchmark = load_benchmark("studio", limit=6)
    real = RealImages(benchmark.folder, benchmark.image_size, benchmark.image_digests())
    batch = pair_batch(benchmark, real, benchmark.pairs, ("pose",))
    model = DRNWithoutFace()
    with exact_float32("cpu"):
        painted = quantise(model.generate(batch)).astype(int)
        plain = plain_network(model, monkeypatch)
        former_maps = [
            former_heat_maps(pose, batch.size, "gaussian") for pose in (batch.source_pose, batch.target_pose)
        ]
        expected = quantise(plain(batch.source, *former_maps).image).astype(int)
    difference = abs(painted - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def plain_network(model: DRNWithoutFace, monkeypatch: pytest.MonkeyPatch) -> DetailReplenishingNetwork:
    """The same network with torch's own instance norm, the enlarged maps, and the default memory layout."""
    with monkeypatch.context() as patched:
        patched.setattr("drn.transfer.InstanceNorm", PlainNorm)
        patched.setattr("baselines.patn.blocks.InstanceNorm", PlainNorm)
        network = DetailReplenishingNetwork(model.hparams)
    network.load_state_dict(model.network.state_dict())
    monkeypatch.setattr("drn.replenish.instance_norm", lambda x, scale, bias: former_norm(x, scale, bias))
    monkeypatch.setattr(Upsampling, "forward", former_upsampling)
    return network.eval()
