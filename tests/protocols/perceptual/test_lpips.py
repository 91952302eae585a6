import sys

import numpy as np
import pytest
import torch
from PIL import Image

from fhpt_bench import weights
from fhpt_bench.networks.alexnet import AlexNetMaps, AlexNetMaps128, AlexNetMapsUnit, AlexNetMapsUnscaled
from fhpt_bench.networks.squeezenet import SqueezeNetMaps
from fhpt_bench.networks.vgg import VGG16Maps, VGG16MapsUnit
from fhpt_bench.protocol import ImagePairs
from protocols.perceptual import lpips
from protocols.perceptual.lpips import LPIPS, map_distance

module = sys.modules[LPIPS.__module__]

# The reference package uses a deprecated interface of torchvision.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated:UserWarning"),
    pytest.mark.filterwarnings("ignore:Arguments other than a weight enum or `None`:UserWarning"),
]
FEATURES = {
    "alex-0.1": AlexNetMaps, "vgg-0.1": VGG16Maps, "alex-0.0": AlexNetMapsUnscaled, "squeeze-0.1": SqueezeNetMaps,
    "alex-128": AlexNetMaps128, "alex-unscaled": AlexNetMapsUnit, "vgg-unscaled": VGG16MapsUnit,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def squeezenet(random_squeezenet):
    """Random weights for SqueezeNet, which the package and we then share."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FHPT_WEIGHTS_DIR", str(random_squeezenet))
        yield
    module._network.cache_clear()


def package_input(variant, images):
    """What a script gives to the package: (N, 3, H, W) float32."""
    if variant == "alex-128":
        resized = [Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR) for image in images]
        images = np.stack([np.asarray(image) for image in resized])
    unit = images.transpose(0, 3, 1, 2) / 255
    return torch.tensor(unit if variant.endswith("unscaled") else unit * 2 - 1, dtype=torch.float32)


@pytest.fixture(scope="module")
def reference():
    """variant -> distances from the package `lpips`, with convolutions from our weights store."""
    import lpips as package

    made = {}

    def measure(variant, generated, target):
        if variant not in made:
            net, _, rest = variant.partition("-")
            version = rest if rest[0] == "0" else "0.1"
            model = package.LPIPS(net=net, version=version, pnet_rand=True, verbose=False)
            trunk = weights.load({"alex": "alexnet", "vgg": "vgg16", "squeeze": "squeezenet"}[net])
            # "slice1.0.weight" there is "features.0.weight" here
            names = {name: f"features.{name.partition('.')[2]}" for name in model.net.state_dict()}
            assert set(names.values()) == set(trunk)
            model.net.load_state_dict({name: trunk[ours] for name, ours in names.items()})
            made[variant] = model
        with torch.no_grad():
            return made[variant](*(package_input(variant, x) for x in (generated, target))).flatten().numpy()

    return measure


@pytest.mark.parametrize(
    ("variant", "size", "n"),
    [
        ("alex-0.1", (256, 176), 3),
        ("alex-0.1", (31, 47), 3),
        ("alex-0.1", (64, 64), 3),
        ("alex-0.1", (750, 1101), 1),
        ("alex-0.0", (256, 176), 2),
        ("alex-0.0", (31, 31), 3),
        ("vgg-0.1", (176, 256), 1),
        ("vgg-0.1", (31, 47), 3),
        ("vgg-0.1", (16, 16), 3),
        ("squeeze-0.1", (256, 176), 2),
        ("squeeze-0.1", (31, 47), 3),
        ("squeeze-0.1", (17, 17), 3),
        ("squeeze-0.1", (401, 600), 1),
        ("alex-128", (256, 176), 2),
        ("alex-128", (31, 47), 3),
        ("alex-128", (128, 128), 2),
        ("alex-128", (1, 2), 2),
        ("alex-128", (750, 1101), 1),
        ("alex-unscaled", (256, 176), 2),
        ("alex-unscaled", (31, 47), 3),
        ("vgg-unscaled", (176, 256), 1),
        ("vgg-unscaled", (31, 47), 3),
        ("vgg-unscaled", (16, 16), 3),
    ],
)
def test_equals_the_reference_package(pairs, reference, variant, size, n):
    generated, target = pairs(n, *size)
    np.testing.assert_allclose(
        lpips(generated, target, variant, device="cpu"), reference(variant, generated, target), rtol=0, atol=1e-6
    )


def test_equals_the_definition():
    rng = np.random.default_rng(0)
    shapes = [(2, 4, 5, 3), (2, 6, 2, 2)]
    a, b = ([rng.random(shape) for shape in shapes] for _ in range(2))
    heads = [rng.random(shape[1]) for shape in shapes]
    expected = np.zeros(2)
    for x, y, head in zip(a, b, heads, strict=True):
        for n in range(2):
            cells = [
                head
                @ (x[n, :, i, j] / np.linalg.norm(x[n, :, i, j]) - y[n, :, i, j] / np.linalg.norm(y[n, :, i, j])) ** 2
                for i in range(x.shape[2])
                for j in range(x.shape[3])
            ]
            expected[n] += np.mean(cells)
    tensors = [[torch.tensor(v) for v in side] for side in (a, b)]
    measured = map_distance(*tensors, [torch.tensor(head).view(1, -1, 1, 1) for head in heads])
    np.testing.assert_allclose(measured, expected, rtol=1e-9)


@pytest.mark.parametrize("variant", LPIPS.variants)
def test_identical_images_are_zero_and_more_noise_is_larger(pairs, variant):
    _, target = pairs(2, 48, 40)
    assert lpips(target, target, variant).tolist() == [0.0, 0.0]
    noise = np.random.default_rng(1).normal(0, 1, target.shape)
    near, far = (np.clip(target + scale * noise, 0, 255).astype(np.uint8) for scale in (10, 60))
    assert (lpips(near, target, variant) < lpips(far, target, variant)).all()


def test_a_black_image_is_finite():
    black, white = np.zeros((1, 40, 40, 3), np.uint8), np.full((1, 40, 40, 3), 255, np.uint8)
    for variant in LPIPS.variants:
        assert np.isfinite(lpips(black, white, variant)).all()


def test_channels_pairs_and_batches(pairs):
    generated, target = pairs(5, 48, 40)
    values = lpips(generated, target)
    assert (values.shape, values.dtype) == ((5,), np.float64)
    np.testing.assert_allclose(lpips(target, generated), values, rtol=0, atol=1e-6)
    np.testing.assert_allclose(lpips(generated[::-1], target[::-1])[::-1], values, rtol=0, atol=1e-6)
    for batch_size in (1, 2, 5):
        np.testing.assert_allclose(lpips(generated, target, batch_size=batch_size), values, rtol=0, atol=1e-6)
    swapped = lpips(generated[..., ::-1], target[..., ::-1])
    assert (np.abs(swapped - values) > 1e-4).all(), "BGR instead of RGB must change the value"
    assert lpips(generated[:0], target[:0]).shape == (0,)


@pytest.mark.parametrize("variant", LPIPS.variants)
def test_protocol_equals_the_function(pairs, variant):
    generated, target = pairs(2, 48, 40)
    protocol, network = LPIPS(variant), FEATURES[variant]("cpu")
    assert protocol.features == (network.spec.id,)
    maps = [{network.spec.id: network.extract(images)} for images in (generated, target)]
    measured = protocol.compare(ImagePairs(generated, target, *maps))["lpips"]
    assert np.array_equal(measured.value, lpips(generated, target, variant, device="cpu"))


def test_the_input_changes_the_value(pairs):
    """Each variant of the same network is a number of its own; a smaller range and smaller images give less."""
    generated, target = pairs(3, 160, 144)
    values = {variant: lpips(generated, target, variant, device="cpu") for variant in LPIPS.variants}
    assert len({round(float(value.mean()), 6) for value in values.values()}) == len(LPIPS.variants)
    at_128 = [
        np.stack([np.asarray(Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR)) for image in images])
        for images in (generated, target)
    ]
    assert np.array_equal(values["alex-128"], lpips(*at_128, device="cpu"))
    assert (np.abs(values["alex-unscaled"] - values["alex-0.1"]) > 1e-3).all()


def test_card():
    assert LPIPS().variant == "alex-0.1"
    assert LPIPS("vgg-0.1").card.weights == ("lpips-vgg-0.1",)
    assert {name for variant in LPIPS.variants for name in LPIPS(variant).weights} <= set(weights.specs())
    (metric,) = LPIPS().card.metrics
    assert (metric.label, metric.higher_is_better, metric.real) == ("LPIPS", False, 0)


def test_wrong_arguments_are_rejected(pairs):
    generated, target = pairs(1, 30, 64)
    with pytest.raises(ValueError, match="AlexNet needs images of at least 31x31 pixels, not 30x64"):
        lpips(generated, target)
    with pytest.raises(ValueError, match="VGG16 needs images of at least 16x16"):
        lpips(generated[:, :15], target[:, :15], "vgg-0.1")
    with pytest.raises(ValueError, match="SqueezeNet needs images of at least 17x17"):
        lpips(generated[:, :16], target[:, :16], "squeeze-0.1")
    with pytest.raises(ValueError, match="no variant 'squeeze'"):
        lpips(generated, target, "squeeze")
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        lpips(generated, target, batch_size=0)
    with pytest.raises(ValueError, match="must be uint8"):
        lpips(generated / 255, target)
