"""DRN's networks compared with the paper: shapes, sizes, eq. 4, and gradient flow."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from drn.discriminators import Discriminator
from drn.face import FaceModule
from drn.layers import SLOPE
from drn.replenish import AdaIN, DetailReplenishment, StyleEncoder
from drn.transfer import TransferBranch

WIDTH, STYLE, HIDDEN = 3, 6, 8
SIZE = (32, 24)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def inputs(size: tuple[int, int] = SIZE, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    return torch.rand(batch, 3, *size) * 2 - 1, torch.rand(batch, 18, *size), torch.rand(batch, 18, *size)


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def with_gradient(module: nn.Module) -> set[str]:
    """Names of the parameters that have a gradient other than 0."""
    found = {name for name, p in module.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    module.zero_grad()
    return found


# Channels at the paper's width: 64, 128, 256, 512. A convolution before a norm has no bias.
DOWN = 9 * (64 * 128 + 128 * 256 + 256 * 512)
TO_IMAGE = 49 * 64 * 3 + 3


def mlp(channels: int, style: int = 128) -> int:
    return style * 256 + 256 + 256 * 256 + 256 + 256 * 2 * channels + 2 * channels


def replenishment(style: int) -> int:
    biases = 64 + 128 + 256 + 512
    encoder = 49 * 3 * 64 + DOWN + biases + 2 * 2 * (9 * 512 * 512 + 512) + 512 * style + style
    blocks = 6 * 2 * (9 * 512 * 512 + mlp(512, style))
    up = 25 * (512 * 256 + 256 * 128 + 128 * 64) + mlp(256, style) + mlp(128, style) + mlp(64, style)
    return encoder + blocks + up + TO_IMAGE


def test_the_papers_size_has_as_many_parameters_as_computed_by_hand() -> None:
    block = 2 * 9 * 512 * 512
    transfer = (
        (49 * 3 * 64 + DOWN)  # image encoder
        + (49 * 36 * 64 + DOWN)  # pose encoder
        + 9 * block  # image paths
        + (9 * 512 * 512 + 9 * 512 * 512 + 512)  # first pose path
        + 8 * (9 * 1024 * 1024 + 9 * 1024 * 512 + 512)  # other pose paths
        + (DOWN + TO_IMAGE)  # decoder
    )
    discriminator = 9 * (64 * 128 + 128 * 256) + 3 * 2 * 9 * 256 * 256 + 9 * 256 + 1
    with torch.device("meta"):
        assert count(TransferBranch()) == transfer == 165_213_315
        assert count(DetailReplenishment(512)) == replenishment(128)
        assert count(DetailReplenishment(512, style=64)) == replenishment(64)
        assert count(FaceModule()) == 49 * 64 + DOWN + replenishment(128)
        assert [count(Discriminator(n)) for n in (3, 18, 1)] == [49 * (3 + n) * 64 + discriminator for n in (3, 18, 1)]


def test_shapes_and_ranges() -> None:
    branch, module = TransferBranch(WIDTH, 2), DetailReplenishment(8 * WIDTH, WIDTH, STYLE, HIDDEN, 2)
    source, source_maps, target_maps = inputs()
    coarse, guidance = branch(source, source_maps, target_maps)
    residual = module(source, guidance)
    assert branch.guidance_channels == 8 * WIDTH
    assert guidance.shape == (2, 8 * WIDTH, 4, 3)
    assert module.encode(source).shape == (2, STYLE)
    for image in (coarse, residual):
        assert image.shape == source.shape
        assert image.abs().max() < 1
        assert image.std() > 0.01
    torch.testing.assert_close(residual, module.render(guidance, module.encode(source)))
    assert FaceModule(WIDTH, STYLE, HIDDEN)(torch.rand(2, 3, 64, 64), torch.rand(2, 1, 64, 64)).shape == (2, 3, 64, 64)
    for condition in (source, source_maps):
        assert Discriminator(condition.shape[1], WIDTH)(source, condition).shape == (2, 1, 8, 6)


@pytest.mark.parametrize("size", [(36, 24), (32, 20), (8, 32), (24, 8)])
def test_sides_that_cannot_be_halved_three_times_raise_an_error(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"multiples of 8, at least 16, not {size[0]}x{size[1]}"):
        TransferBranch(WIDTH, 1)(*inputs(size))


def test_each_input_changes_the_output() -> None:
    branch, module = TransferBranch(WIDTH, 1), DetailReplenishment(8 * WIDTH, WIDTH, STYLE, HIDDEN, 1)
    given = inputs()
    before = branch(*given)[1]
    for position, tensor in enumerate(given):
        changed = [*given[:position], tensor.flip(3), *given[position + 1 :]]
        assert not torch.allclose(branch(*changed)[1], before, atol=1e-3)
    # AdaIN is initialised to ignore the style, so the style has an effect only after its weights change.
    for layer in module.modules():
        if isinstance(layer, AdaIN):
            nn.init.normal_(layer.mlp[-1].weight, std=0.5)
    assert not torch.allclose(module(given[0], before), module(-given[0], before), atol=1e-3)
    discriminator = Discriminator(18, WIDTH).eval()
    assert not torch.allclose(discriminator(given[0], given[1]), discriminator(given[0], given[2]), atol=1e-3)


def test_the_final_images_loss_reaches_the_transfer_branch_through_the_guidance_map() -> None:
    branch, module = TransferBranch(WIDTH, 2), DetailReplenishment(8 * WIDTH, WIDTH, STYLE, HIDDEN, 1)
    given = inputs()
    coarse, guidance = branch(*given)
    (coarse.detach() + module(given[0], guidance)).square().mean().backward()
    names = {name for name, _ in branch.named_parameters()}
    decoder = {name for name in names if name.startswith("decoder")}
    assert with_gradient(branch) == names - decoder
    # The style encoder has a gradient from the second step on: at the start the style has no effect.
    first = with_gradient(module)
    assert {name.partition(".")[0] for name in first} == {"blocks", "upsampling", "to_image"}
    for layer in module.modules():
        if isinstance(layer, AdaIN):
            nn.init.normal_(layer.mlp[-1].weight, std=0.1)
    module(given[0], guidance.detach()).square().mean().backward()
    assert with_gradient(module) == {name for name, _ in module.named_parameters()}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_adain_sets_mean_and_deviation_of_features_from_the_style(dtype: torch.dtype) -> None:
    """Eq. 4, with the scale and bias that the MLP of the layer computes from z_s, written as a formula."""
    layer = AdaIN(5, STYLE, HIDDEN).to(torch.float64 if dtype == torch.float64 else torch.float32)
    nn.init.normal_(layer.mlp[-1].weight, std=0.3)
    features = (torch.randn(3, 5, 6, 7) * torch.tensor([0.1, 1, 5, 20, 3])[:, None, None] + 2).to(dtype)
    z = torch.randn(3, STYLE, dtype=torch.float64 if dtype == torch.float64 else torch.float32)

    result = layer(features, z)

    hidden = z
    for linear in (layer.mlp[0], layer.mlp[2]):
        hidden = hidden @ linear.weight.T + linear.bias
        hidden = hidden.where(hidden > 0, SLOPE * hidden)
    weight, bias = (hidden @ layer.mlp[4].weight.T + layer.mlp[4].bias).reshape(3, 2, 5).unbind(1)
    x = features.to(z.dtype)
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    expected = (1 + weight)[..., None, None] * (x - mean) / (variance + 1e-5).sqrt() + bias[..., None, None]
    assert result.dtype == dtype
    tolerance = {torch.float64: 1e-9, torch.float32: 1e-4, torch.bfloat16: 0.05}[dtype]
    torch.testing.assert_close(result.to(z.dtype), expected, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(result.to(z.dtype).mean((2, 3)), bias, atol=tolerance, rtol=tolerance)


def test_adain_starts_at_scale_one_and_bias_zero_for_every_style() -> None:
    layer = AdaIN(5, STYLE, HIDDEN)
    features = torch.randn(2, 5, 6, 7)
    assert torch.equal(layer(features, torch.randn(2, STYLE) * 9), layer(features, torch.zeros(2, STYLE)))
    torch.testing.assert_close(layer(features, torch.randn(2, STYLE)), nn.functional.instance_norm(features))


def test_every_adain_layer_has_its_own_mlp_and_the_style_encoder_no_norm() -> None:
    module = DetailReplenishment(8 * WIDTH, WIDTH, STYLE, HIDDEN, 6)
    layers = [layer for layer in module.modules() if isinstance(layer, AdaIN)]
    assert len({id(layer.mlp[0].weight) for layer in layers}) == 6 * 2 + 3
    assert not any("Norm" in type(layer).__name__ for layer in module.style_encoder.modules())


def test_initial_style_codes_have_a_similar_deviation_at_any_width() -> None:
    image = torch.rand(2, 3, 64, 48) * 2 - 1
    for width in (4, 16):
        assert 0.03 < StyleEncoder(width)(image).std().item() < 3


def test_dropout_of_a_discriminator_is_active_only_in_training_mode() -> None:
    discriminator = Discriminator(3, WIDTH)
    image, condition = torch.rand(1, 3, *SIZE), torch.rand(1, 3, *SIZE)
    assert not torch.equal(discriminator(image, condition), discriminator(image, condition))
    discriminator.eval()
    assert torch.equal(discriminator(image, condition), discriminator(image, condition))


def networks_step(device: str, autocast: bool) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs of all networks, and the gradients of some of their first and last layers."""
    torch.manual_seed(1)
    branch, module = TransferBranch(8, 1), DetailReplenishment(64, 8, STYLE, HIDDEN, 1)
    face, discriminator = FaceModule(8, STYLE, HIDDEN), Discriminator(18, 8, dropout=0.0)
    given = [tensor.to(device) for tensor in inputs()]
    faces, sketch = torch.rand(2, 3, 64, 64).to(device), torch.rand(2, 1, 64, 64).to(device)
    for network in (branch, module, face, discriminator):
        network.to(device)
    with torch.autocast(device, torch.bfloat16, enabled=autocast):
        coarse, guidance = branch(*given)
        final = coarse + module(given[0], guidance)
        results = [final, face(faces, sketch), discriminator(final, given[2])]
    sum(result.float().square().mean() for result in results).backward()  # type: ignore[union-attr]
    gradients = [
        branch.image_encoder[0].weight.grad,
        module.to_image[0].weight.grad,
        discriminator.layers[-1].weight.grad,
    ]
    outputs = [result.detach().float().cpu() for result in results]
    return outputs, [gradient.float().cpu() for gradient in gradients if gradient is not None]


def assert_alike(device: str, autocast: bool, tolerance: float) -> None:
    outputs, gradients = networks_step(device, autocast)
    exact_outputs, exact_gradients = networks_step("cpu", False)
    for a, b in zip(outputs, exact_outputs, strict=True):
        assert (a - b).norm() < tolerance * b.norm()
    # Rounding may change the sign of an activation, and with it the gradient of LeakyReLU.
    for a, b in zip(gradients, exact_gradients, strict=True):
        assert torch.cosine_similarity(a.flatten(), b.flatten(), 0) > 1 - tolerance


def test_bfloat16_gives_nearly_the_same() -> None:
    assert_alike("cpu", True, 0.1)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize(("autocast", "tolerance"), [(False, 0.01), (True, 0.1)])
def test_a_gpu_gives_nearly_the_same(autocast: bool, tolerance: float) -> None:
    assert_alike("cuda", autocast, tolerance)
