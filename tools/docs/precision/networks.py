"""Features of networks, compared with the packages that they come from; both Inceptions with random weights."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

from fhpt_bench import weights
from fhpt_bench.networks.efficientnet import EfficientNetLite0
from fhpt_bench.networks.inception import (
    FIDInception,
    FIDInceptionClean,
    FIDInceptionPadded,
    ImageNetInception,
    ImageNetInceptionLogits,
)
from fhpt_bench.networks.pooled import resize_bicubic
from fhpt_bench.networks.vgg import VGG16Pooled
from protocols.perceptual import frechet_distance, kernel_distance_of_subsets
from tools.docs.precision.rows import Row, apart, relative, sizes, test_module
from tools.docs.references import package_lpips

TEST = "fhpt_bench/networks/test_inception.py"
SIZES = [(256, 176), (31, 47), (299, 299), (333, 420), (1, 1)]
RANDOM = "(random weights in both)"


@contextlib.contextmanager
def random_weights(network: str) -> Iterator[None]:
    """Use the random weights of the tests, even if the published weights are available.

    Args:
        network: "inception" for both Inceptions, or "squeezenet".
    """
    with tempfile.TemporaryDirectory() as folder:
        test_module("conftest.py")[f"write_random_{network}"](Path(folder))
        with mock.patch.dict(os.environ, {weights.FOLDER_VARIABLE: folder}):
            yield


def inceptions() -> list[Row]:
    """Each preprocessing of the FID's Inception, its logits, GFLA's network, and a complete FID from files."""
    smooth = test_module(TEST)["smooth"]
    with random_weights("inception"):
        reference = _pytorch_fids()
        return [
            _pool3(reference, smooth),
            _padded(reference, smooth),
            _resize(),
            _clean(reference, smooth),
            _logits(smooth),
            _gfla(smooth),
            _from_files(reference, smooth),
            *_from_files_clean(reference, smooth),
            _cfld(smooth),
            _hr_viton(smooth),
        ]


def _pytorch_fids() -> Any:
    from pytorch_fid import inception

    tensors = weights.load("inception-2015-12-05")
    with mock.patch.object(inception, "load_state_dict_from_url", return_value=tensors):
        return inception.InceptionV3().eval()


def _reference_features(reference: Any, x: Any) -> Any:
    with torch.no_grad():
        return reference(x)[0].flatten(1).numpy()


def _unit_range(images: Any) -> Any:
    return test_module(TEST)["in_unit_range"](images)


def _pool3(reference: Any, smooth: Any) -> Row:
    network = FIDInception("cpu")
    stacks = [smooth(2, *size) for size in SIZES]
    worst = max(apart(network.extract(x)[:, :2048], _reference_features(reference, _unit_range(x))) for x in stacks)
    call = f"`InceptionV3` {RANDOM}"
    return Row("inception-2015", call, "pytorch-fid", sizes(SIZES), 1e-4, worst, "", TEST)


def _padded(reference: Any, smooth: Any) -> Row:
    chosen, worst, network = [(256, 176), (63, 33), (256, 256), (1, 1)], 0.0, FIDInceptionPadded("cpu")
    for height, width in chosen:
        images = smooth(2, height, width)
        top, left = (256 - height) // 2, (256 - width) // 2
        canvas = np.full((2, 256, 256, 3), 255, np.uint8)
        canvas[:, top : top + height, left : left + width] = images
        worst = max(
            worst, apart(network.extract(images)[:, :2048], _reference_features(reference, _unit_range(canvas)))
        )
    call = f"`InceptionV3` on a white canvas {RANDOM}"
    return Row("inception-2015-padded", call, "pytorch-fid", sizes(chosen), 1e-4, worst, "", TEST)


def _resize() -> Row:
    from cleanfid.resize import make_resizer

    chosen, worst = [*SIZES, (700, 501)], 0.0
    resizer = make_resizer("PIL", False, "bicubic", (299, 299))
    for size in chosen:
        images = np.random.default_rng(0).integers(0, 256, (2, *size, 3), np.uint8)
        worst = max(worst, apart(resize_bicubic(images, 299), np.stack([resizer(image) for image in images])))
    call = "`make_resizer`, bicubic to 299x299"
    return Row("resize_bicubic", call, "clean-fid", sizes(chosen), 0, worst, "", TEST)


def _clean(reference: Any, smooth: Any) -> Row:
    network, worst = FIDInceptionClean("cpu"), 0.0
    with mock.patch.multiple(reference, resize_input=False, normalize_input=False):
        for size in SIZES:
            images = smooth(2, *size)
            x = torch.tensor(np.ascontiguousarray(resize_bicubic(images, 299).transpose(0, 3, 1, 2)))
            worst = max(
                worst, apart(network.extract(images)[:, :2048], _reference_features(reference, (x - 128) / 128))
            )
    call = f"`InceptionV3` on clean-fid's input {RANDOM}"
    return Row("inception-2015-clean", call, "pytorch-fid", sizes(SIZES), 1e-4, worst, "", TEST)


def _logits(smooth: Any) -> Row:
    """torch-fidelity has a different resize: at 299x299 there is no resizing, and its scale is that of clean-fid."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        torch.save(weights.load("inception-2015-12-05"), file.name)
        reference = FeatureExtractorInceptionV3("ours", ["logits_unbiased"], feature_extractor_weights_path=file.name)
    images = smooth(4, 299, 299)
    (expected,) = reference(torch.tensor(images).permute(0, 3, 1, 2))
    worst = apart(FIDInceptionClean("cpu").extract(images)[:, 2048:], expected.numpy())
    call = f"`logits_unbiased` {RANDOM}"
    return Row("inception-2015-clean", call, "torch-fidelity", "299x299", 1e-4, worst, "", TEST)


def _gfla(smooth: Any) -> Row:
    from torchvision.models import inception_v3

    reference = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=True).eval()
    reference.fc = torch.nn.Identity()
    reference.load_state_dict(ImageNetInception.renamed(weights.load("inception-imagenet")))
    network, worst = ImageNetInception("cpu"), 0.0
    for size in SIZES:
        images = smooth(2, *size)
        x = torch.nn.functional.interpolate(_unit_range(images), (299, 299), mode="bilinear", align_corners=False)
        with torch.no_grad():
            worst = max(worst, apart(network.extract(images), reference(x).numpy()))
    call = f"`inception_v3` {RANDOM}"
    return Row("inception-imagenet-gfla", call, "torchvision", sizes(SIZES), 1e-4, worst, "", TEST)


def _from_files(reference: Any, smooth: Any) -> Row:
    from pytorch_fid.fid_score import calculate_frechet_distance, get_activations

    network, theirs, ours = FIDInception("cpu"), [], []
    # As in the test, only some features: the root of a singular 2048 x 2048 matrix is noise.
    columns = slice(None, None, 256)
    with tempfile.TemporaryDirectory() as folder:
        for seed in (1, 2):
            images = smooth(20, 64, 48, seed)
            files = [Path(folder) / f"{seed}-{i}.png" for i in range(len(images))]
            for file, image in zip(files, images, strict=True):
                Image.fromarray(image).save(file)
            theirs.append(get_activations(files, reference, batch_size=4, num_workers=0)[:, columns])
            ours.append(network.extract(images)[:, :2048][:, columns])
    moments = [moment for x in theirs for moment in (x.mean(0), np.cov(x, rowvar=False))]
    worst = relative(frechet_distance(*ours), calculate_frechet_distance(*moments))
    inputs = "two folders of 20 PNG files of 64x48, every 256th feature"
    call = f"`get_activations`, `calculate_frechet_distance` {RANDOM}"
    return Row("fid:canonical", call, "pytorch-fid", inputs, 1e-3, worst, "relative", TEST)


def _from_files_clean(reference: Any, smooth: Any) -> list[Row]:
    given = (smooth(20, 63, 45, 1), smooth(17, 91, 30, 2))
    module, network = test_module(TEST), FIDInceptionClean("cpu")
    ours = [network.extract(images)[:, :2048][:, module["FEW"]] for images in given]
    with tempfile.TemporaryDirectory() as folder:
        fid, kid = module["clean_fids_distances"](reference, given, Path(folder))
    inputs = "folders of 20 PNG files of 63x45 and 17 of 91x30, every 512th feature"
    found = {
        ("fid:clean", "`compute_fid`"): relative(frechet_distance(*ours), fid),
        ("kid:vton", "`compute_kid` after `np.random.seed(0)`"): relative(kernel_distance_of_subsets(*ours)[0], kid),
    }
    return [
        Row(name, f"{call} {RANDOM}", "clean-fid", inputs, 1e-3, worst, "relative", TEST)
        for (name, call), worst in found.items()
    ]


def _cfld(smooth: Any) -> Row:
    module, network = test_module(TEST), ImageNetInception("cpu")
    given = [smooth(12, 64, 48, 1), smooth(15, 31, 47, 2)]
    ours = [network.extract(images)[:, module["FEW"]] for images in given]
    theirs = [module["cflds_features"](images)[:, module["FEW"]] for images in given]
    worst = relative(frechet_distance(*ours), module["cflds_distance"](*theirs))
    call = f"the steps of CFLD's metrics.py and pose_transfer_test.py, reimplemented {RANDOM}"
    inputs = "12 images of 64x48 and 15 of 31x47, every 512th feature"
    return Row("fid:cfld", call, "", inputs, 1e-3, worst, "relative", TEST)


def _hr_viton(smooth: Any) -> Row:
    network, worst = ImageNetInceptionLogits("cpu"), 0.0
    for size in SIZES:
        images = smooth(2, *size)
        worst = max(worst, apart(network.extract(images), test_module(TEST)["hr_vitons_logits"](images)))
    call = f"`inception_v3` after torchvision's transforms of Pillow images {RANDOM}"
    return Row("inception-imagenet-logits", call, "torchvision", sizes(SIZES), 1e-4, worst, "", TEST)


def classifiers() -> list[Row]:
    """EfficientNet-lite0 and VGG16 with their pinned weights."""
    test = "fhpt_bench/networks/test_efficientnet.py"
    stored = test_module(test)
    network = EfficientNetLite0("cpu")
    with torch.no_grad():
        row = network.embed(torch.tensor(stored["WAVES"])[None])[0].numpy()
    call, inputs = "values stored from efficientnet_lite_pytorch 0.1.0", "a wave image of 224x224, not resized"
    rows = [
        Row("efficientnet-lite0", f"{call}, 8 features", "", inputs, 1e-5, apart(row[:8], stored["POOLED"]), "", test),
        Row("efficientnet-lite0", f"{call}, 8 logits", "", inputs, 1e-4, apart(row[1280:1288], stored["LOGITS"]), "",
            test),
    ]  # fmt: skip
    reference, ours = package_lpips("vgg-0.1"), VGG16Pooled("cpu")
    test, chosen, worst = "fhpt_bench/networks/test_networks.py", [(256, 176), (31, 47), (16, 16), (401, 600)], 0.0
    for height, width in chosen:
        images = np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)
        x = torch.tensor(images.transpose(0, 3, 1, 2) / 127.5 - 1).float()
        with torch.no_grad():
            maps = reference.net(reference.scaling_layer(x))
        expected = torch.cat([part.double().mean((2, 3)) for part in maps], 1).numpy()
        # As in the test: relative to 1 + value, for a tolerance of 1e-4 plus 1e-4 of the value.
        found = np.abs(ours.extract(images) - expected) / (1 + np.abs(expected))
        worst = max(worst, float(found.max()))
    call = "means of the maps of its `net` with our convolutions"
    return [*rows, Row("vgg16-pooled", call, "lpips", sizes(chosen), 1e-4, worst, "of 1 + value", test)]
