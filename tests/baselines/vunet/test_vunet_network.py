"""VUNet's posterior, autoregressive prior, losses and parameter counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Normal, kl_divergence

from baselines.vunet.hyperparameters import PAPER, SMALL
from baselines.vunet.layers import initialise_from_data, split_groups
from baselines.vunet.losses import divergence, divergence_weight, reconstruction_loss
from baselines.vunet.network import AppearanceEncoder, GroupPrior, VariationalUNet

CROPS, FIGURE = (2, 24, 8, 8), (2, 3, 32, 22)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def tiny() -> VariationalUNet:
    return VariationalUNet(width=2, levels=4)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_latents_are_4x4_and_8x8_in_posterior_and_prior() -> None:
    result = tiny()(torch.randn(CROPS), torch.randn(FIGURE))
    assert result.image.shape == FIGURE
    assert [tuple(mean.shape) for mean in result.posterior] == [(2, 8, 4, 4), (2, 8, 8, 8)]
    assert [mean.shape for mean in result.prior] == [mean.shape for mean in result.posterior]


def test_the_posterior_has_unit_variance() -> None:
    encoder = AppearanceEncoder(2, 3, 0.0)
    crops = torch.randn(CROPS)[:1].expand(400, -1, -1, -1)
    means, latents = encoder(crops)
    deviations = latents[0] - means[0]
    assert deviations.var().item() == pytest.approx(1.0, abs=0.05)
    assert deviations.mean().item() == pytest.approx(0.0, abs=0.05)
    # The fine posterior depends on the coarse latents.
    assert means[0].std(0).max() < 1e-5
    assert means[1].std(0).min() > 0


def test_without_sampling_the_latents_are_the_means() -> None:
    means, latents = AppearanceEncoder(2, 3, 0.0)(torch.randn(CROPS), sampled=False)
    assert all(torch.equal(mean, latent) for mean, latent in zip(means, latents, strict=True))


def test_each_group_of_the_prior_depends_on_the_groups_before_it_only() -> None:
    prior = GroupPrior(3, 0.0)
    x, latents = torch.randn(1, 3, 4, 4), torch.randn(1, 3, 4, 4)
    before, given = prior(x, latents)
    assert torch.equal(given, latents)
    corners = [(row, column) for row in range(2) for column in range(2)]  # the order of the groups
    for changed, (row, column) in enumerate(corners):
        other = latents.clone()
        other[..., row::2, column::2] += 1
        after, _ = prior(x, other)
        moved = [not torch.equal(a, b) for a, b in zip(split_groups(before), split_groups(after), strict=True)]
        assert moved == [number > changed for number in range(4)]


def test_a_sampled_prior_gives_each_group_its_own_draws() -> None:
    prior, x = GroupPrior(3, 0.0), torch.randn(1, 3, 4, 4)
    means, latents = prior(x)
    torch.testing.assert_close(prior(x, latents)[0], means)
    assert (latents - means).abs().min() > 0


def test_transfer_uses_the_means_of_the_posterior() -> None:
    network = tiny().eval()
    crops, figure = torch.randn(CROPS), torch.randn(FIGURE)
    image = network.transfer(crops, figure)
    assert torch.equal(image, network.transfer(crops, figure))
    assert not torch.equal(network(crops, figure).image, network(crops, figure).image)
    means, _ = network.appearance(crops, sampled=False)
    padded = nn.functional.pad(figure, (5, 5), value=-1)
    torch.testing.assert_close(image, network.decoder(network.shape(padded), means)[0][..., 5:-5])
    assert not torch.equal(image, network.transfer(crops.flip(0), figure))


def test_an_image_can_be_drawn_from_the_prior() -> None:
    network, figure = tiny().eval(), torch.randn(FIGURE)
    assert network.sample(figure).shape == FIGURE
    assert not torch.equal(network.sample(figure), network.sample(figure))


def test_sizes_up_to_the_canvas_work_and_larger_ones_are_an_error() -> None:
    network, crops = tiny(), torch.randn(CROPS)
    for size in ((32, 32), (31, 9)):
        assert network.transfer(crops, torch.randn(2, 3, *size)).shape[2:] == size
    with pytest.raises(ValueError, match="33x32, larger than the canvas of 32x32"):
        network.transfer(crops, torch.randn(2, 3, 33, 32))


def test_the_canvas_of_paper_holds_the_benchmarks_images() -> None:
    with torch.device("meta"):
        network = VariationalUNet(PAPER.width, PAPER.levels)
    assert (network.canvas, network.crop) == (256, 64)


def test_the_divergence_equals_that_of_normal_distributions() -> None:
    posterior, prior = ([torch.randn(3, 2, side, side) for side in (4, 8)] for _ in range(2))
    one = torch.tensor(1.0)
    expected = sum(
        kl_divergence(Normal(q, one), Normal(p, one)).sum((1, 2, 3)).mean()
        for q, p in zip(posterior, prior, strict=True)
    )
    torch.testing.assert_close(divergence(posterior, prior), expected)
    assert divergence(prior, prior) == 0


def test_the_weight_of_the_divergence_rises_from_1e_6_to_1() -> None:
    weights = [divergence_weight(iteration, 100_000) for iteration in (0, 50_000, 62_500, 75_000, 100_000)]
    assert weights == pytest.approx([1e-6, 1e-6, 0.5, 1, 1], abs=1e-6)


def test_the_reconstruction_loss_is_the_sum_of_mean_absolute_differences() -> None:
    images, targets = torch.rand(2, 2, 3, 8, 6)
    maps = [torch.randn(2, 2, 4 * level, 8, 6) for level in range(1, 6)]
    expected = ((images - targets).abs() * 127.5).mean() + sum((one - other).abs().mean() for one, other in maps) * 3
    loss = reconstruction_loss(images, targets, [m[0] for m in maps], [m[1] for m in maps], feature_scale=3.0)
    torch.testing.assert_close(loss, expected)


def conv(kernel: int, inputs: int, outputs: int) -> int:
    """Parameters of a weight-normalised convolution: directions, gains and biases."""
    return kernel * kernel * inputs * outputs + 2 * outputs


def test_parameters_at_paper_width_are_those_of_the_published_layers() -> None:
    # Encoder of the crops: 128 channels at 64, 32, 16, 8 and 4 pixels, two residual blocks each; on the way back two
    # blocks with skips, two layers of means, the block that feeds the coarse latents back, one doubling.
    skipped = conv(1, 128, 128) + conv(3, 256, 128)
    appearance = conv(1, 24, 128) + 10 * conv(3, 128, 128) + 4 * conv(3, 128, 128)
    appearance += conv(1, 128, 128) + 2 * skipped + 2 * conv(3, 128, 128)
    appearance += conv(1, 256, 128) + conv(3, 256, 128) + conv(3, 128, 4 * 128)
    # Encoder of the figure: 32, 64 and five times 128 channels.
    widths = [32, 64, 128, 128, 128, 128, 128]
    shape = conv(1, 3, 32) + sum(2 * conv(3, wide, wide) for wide in widths)
    shape += conv(3, 32, 64) + conv(3, 64, 128) + 4 * conv(3, 128, 128)
    # Decoder: per level two blocks with skips; per latent level a block, four layers of means and three of feedback on
    # the 512 channels of four groups, and the layer that takes the latents in.
    decoder = conv(1, 128, 128) + sum(2 * (conv(1, wide, wide) + conv(3, 2 * wide, wide)) for wide in widths)
    group = conv(3, 128, 128) + 4 * conv(3, 512, 128) + 3 * (conv(1, 128, 512) + conv(3, 1024, 512))
    decoder += 2 * (group + conv(1, 256, 128))
    decoder += 4 * conv(3, 128, 4 * 128) + conv(3, 128, 4 * 64) + conv(3, 64, 4 * 32) + conv(3, 32, 3)
    with torch.device("meta"):
        network = VariationalUNet(PAPER.width, PAPER.levels)
    assert parameters(network.appearance) == appearance == 3_926_016
    assert parameters(network.shape) == shape == 2_253_216
    assert parameters(network) == appearance + shape + decoder == 46_042_118


def test_small_has_a_few_million_parameters() -> None:
    with torch.device("meta"):
        network = VariationalUNet(SMALL.width, SMALL.levels)
    assert 4e6 < parameters(network) < 6e6


def test_the_network_runs_in_bfloat16() -> None:
    network, crops, figure = tiny().eval(), torch.randn(CROPS), torch.randn(FIGURE)
    initialise_from_data(network, crops, figure)
    exact = network.transfer(crops, figure)
    with torch.autocast("cpu", torch.bfloat16):
        image, result = network.transfer(crops, figure), network(crops, figure)
        loss = divergence(result.posterior, result.prior)
    assert loss.dtype == torch.float32
    assert (image.float() - exact).abs().mean() < 0.05 * exact.abs().mean()
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_every_parameter_is_trained() -> None:
    network = tiny()
    result = network(torch.randn(CROPS), torch.randn(FIGURE))
    (result.image.square().mean() + divergence(result.posterior, result.prior)).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("which", ["reconstruction", "divergence"])
def test_a_tiny_step_lowers_each_loss(which: str) -> None:
    network = tiny()
    crops, figure, target = torch.randn(CROPS), torch.randn(FIGURE), torch.rand(FIGURE)

    def loss() -> Tensor:
        torch.manual_seed(1)  # the same draws from the posterior, the same dropout
        result = network(crops, figure)
        terms: dict[str, Callable[[], Tensor]] = {
            "reconstruction": lambda: reconstruction_loss(result.image, target, [result.image], [target]),
            "divergence": lambda: divergence(result.posterior, result.prior),
        }
        return terms[which]()

    before = loss()
    before.backward()
    with torch.no_grad():
        norm = sum(p.grad.square().sum() for p in network.parameters() if p.grad is not None) ** 0.5
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad / norm
        assert loss() < before
