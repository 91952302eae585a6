import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from fhpt_bench import weights
from fhpt_bench.networks.alexnet import AlexNetMaps, AlexNetMaps128, AlexNetMapsUnit, AlexNetMapsUnscaled
from fhpt_bench.networks.convolutions import exact_float32
from fhpt_bench.networks.squeezenet import SqueezeNetMaps
from fhpt_bench.networks.vgg import VGG16Maps, VGG16MapsUnit, VGG16Pooled

NETWORKS = {
    AlexNetMaps: "alexnet", AlexNetMapsUnscaled: "alexnet", AlexNetMapsUnit: "alexnet", VGG16Maps: "vgg16",
    VGG16MapsUnit: "vgg16", SqueezeNetMaps: "squeezenet",
}  # fmt: skip
TORCHVISION = {"squeezenet": "squeezenet1_1"}  # where its name is not ours


@pytest.fixture(scope="module")
def made(random_squeezenet):
    others = {network: network("cpu") for network in NETWORKS if network is not SqueezeNetMaps}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHPT_WEIGHTS_DIR", str(random_squeezenet))
        return {**others, SqueezeNetMaps: SqueezeNetMaps("cpu")}


@pytest.fixture(autouse=True)
def random_weights(request, random_squeezenet, monkeypatch):
    """SqueezeNet's published weights need a download."""
    if "network" in request.fixturenames and request.getfixturevalue("network") is SqueezeNetMaps:
        monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_squeezenet))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 40, 52, 3), np.uint8)


@pytest.mark.parametrize("network", NETWORKS)
def test_equals_torchvision(made, images, network):
    with torch.device("meta"):
        name = TORCHVISION.get(NETWORKS[network], NETWORKS[network])
        reference = getattr(torchvision.models, name)(weights=None).features
    tensors = {key.removeprefix("features."): t for key, t in weights.load(NETWORKS[network]).items()}
    reference.load_state_dict(tensors, assign=True)
    x = torch.tensor(images.transpose(0, 3, 1, 2) / 255)
    x = x * 2 - 1 if network.black else x
    if network.scaled:
        for channel, (shift, scale) in enumerate([(-0.030, 0.458), (-0.088, 0.448), (-0.188, 0.450)]):
            x[:, channel] = (x[:, channel] - shift) / scale
    x, expected = x.float(), []
    with torch.no_grad():
        last = len(reference) - isinstance(reference[-1], torch.nn.MaxPool2d)  # no map follows a last pooling
        for layer in reference[:last]:
            x = layer(x)
            if not isinstance(layer, torch.nn.Conv2d | torch.nn.MaxPool2d):  # ReLU, or a Fire block
                expected.append(x.clone())
    # VGG16: the last ReLU before each pooling. SqueezeNet: the last block before each, and each one after the last.
    chosen = {"alexnet": range(5), "vgg16": (1, 3, 6, 9, 12), "squeezenet": (0, 2, 4, 5, 6, 7, 8)}[NETWORKS[network]]
    expected = [expected[i] for i in chosen]
    maps = made[network].extract(images)
    assert len(maps) == len(expected)
    for ours, theirs in zip(maps, expected, strict=True):
        # The input is scaled in float64 above, but in float32 in the network.
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", NETWORKS)
def test_row_depends_on_its_image_alone(made, images, network):
    whole = made[network].extract(images)
    for i in range(3):
        for all_rows, row in zip(whole, made[network].extract(images[i : i + 1]), strict=True):
            # Relative to the largest value: see ROUNDING in test_invariance.py.
            torch.testing.assert_close(all_rows[i : i + 1], row, rtol=0, atol=1e-5 * float(row.abs().max()))


@pytest.mark.parametrize("network", NETWORKS)
def test_small_and_wrong_images_are_refused(made, network):
    side = network.smallest
    maps = made[network].extract(np.zeros((1, side, side, 3), np.uint8))
    assert min(maps[-1].shape) >= 1
    with pytest.raises(
        ValueError, match=f"{network.title} needs images of at least {side}x{side} pixels, not 9x{side}"
    ):
        made[network].extract(np.zeros((1, 9, side, 3), np.uint8))
    for wrong in (np.zeros((1, 64, 64, 3)), np.zeros((64, 64, 3), np.uint8), np.zeros((1, 3, 64, 64), np.uint8)):
        with pytest.raises(ValueError, match="uint8 images"):
            made[network].extract(wrong)


def test_images_are_resized_to_128_whatever_their_shape(made):
    network = AlexNetMaps128("cpu")
    for size in [(1, 1), (31, 47), (128, 128), (300, 40)]:
        images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
        resized = [Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR) for image in images]
        expected = made[AlexNetMaps].extract(np.stack([np.asarray(image) for image in resized]))
        assert all(torch.equal(a, b) for a, b in zip(network.extract(images), expected, strict=True))
    with pytest.raises(ValueError, match="uint8 images"):
        network.extract(np.zeros((1, 64, 64, 3)))


def test_pooled_maps_are_the_maps_means(made, images):
    pooled = VGG16Pooled("cpu").extract(images)
    assert (pooled.shape, pooled.dtype) == ((3, 1472), np.float32)
    means = [maps.numpy().astype(np.float64).mean((2, 3)) for maps in made[VGG16Maps].extract(images)]
    np.testing.assert_allclose(pooled, np.hstack(means), rtol=1e-5, atol=1e-6)
    assert means[-1].shape == (3, 512)


def test_views_of_read_only_images(made, images):
    images.setflags(write=False)
    mirrored = made[AlexNetMaps].extract(images[:, :, ::-1])
    copied = made[AlexNetMaps].extract(images[:, :, ::-1].copy())
    assert all(torch.equal(a, b) for a, b in zip(mirrored, copied, strict=True))
    # One image of a reversed stack is contiguous to numpy, whatever its stride.
    first = made[AlexNetMaps].extract(images[::-1][2:])
    assert all(torch.equal(a[:1], b) for a, b in zip(made[AlexNetMaps].extract(images[:1]), first, strict=True))


def test_channel_order_and_scaling_matter(made, images):
    first = made[AlexNetMaps].extract(images)[0]
    assert (first - made[AlexNetMaps].extract(images[..., ::-1])[0]).abs().max() > 0.1
    assert (first - made[AlexNetMapsUnscaled].extract(images)[0]).abs().max() > 0.1


def test_the_callers_torch_options_do_not_matter(made, images):
    expected = made[AlexNetMaps].extract(images)
    switches = torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            maps = made[AlexNetMaps].extract(images)
            fresh = AlexNetMaps("cpu").extract(images)
    finally:
        torch.set_default_dtype(torch.float32)
    for ours, others, again in zip(expected, maps, fresh, strict=True):
        assert others.dtype == torch.float32
        assert torch.equal(ours, others)
        assert torch.equal(ours, again)
    assert switches == (torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark)


def test_options_are_restored_after_an_error(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    seen = []

    def fail():
        with exact_float32("cpu"):
            seen.extend([torch.backends.cudnn.conv.fp32_precision, torch.backends.cudnn.benchmark])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == ["ieee", False]
    assert torch.backends.cudnn.benchmark


def test_construction_draws_no_random_numbers():
    before = torch.get_rng_state()
    AlexNetMaps("cpu")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
@pytest.mark.parametrize("network", NETWORKS)
def test_gpu_equals_cpu(made, images, network):
    for cpu, gpu in zip(made[network].extract(images), network("cuda").extract(images), strict=True):
        # With TF32, the difference would be about 1e-2.
        torch.testing.assert_close(gpu.cpu(), cpu, rtol=1e-4, atol=1e-4)
