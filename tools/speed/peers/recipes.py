"""What the users of separate tools run: `python -m tools.speed.peers.recipes NAME FOLDER` for those without a command.

Each reads the folders of `material.py`, prints its values, and as its last line how many images went through which
network. Every tool is set up as its own documentation shows, on the CPU, with the tool's defaults.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.speed.peers.material import GALLERY, GENERATED, TARGETS

BATCH = 50  # pytorch-fid's, for the passes that follow its recipe
TOP = 10


def read(file: Path) -> NDArray[np.uint8]:
    """An image file -> (H, W, 3) uint8."""
    return np.array(Image.open(file).convert("RGB"))


def files(folder: Path, name: str) -> list[Path]:
    """The image files of one of the folders, sorted."""
    return sorted((folder / name).glob("*.png"))


def pairs(folder: Path) -> Iterator[tuple[Path, Path]]:
    """(generated image, its target): the files have the same name."""
    for file in files(folder, GENERATED):
        yield file, folder / TARGETS / file.name


def scikit_image(folder: Path) -> dict[str, int]:
    """SSIM with the options of Wang et al., and PSNR, pair by pair."""
    from skimage import metrics

    package: Any = metrics
    values = []
    for generated, target in pairs(folder):
        a, b = read(target), read(generated)
        ssim = package.structural_similarity(
            a, b, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        )
        values.append([ssim, package.peak_signal_noise_ratio(a, b, data_range=255)])
    show(np.mean(values, 0).tolist())
    return {}


def lpips(folder: Path, net: str) -> dict[str, int]:
    """The loop of the package's `lpips_2dirs.py`: one pair at a time."""
    import lpips as package
    import torch

    distance, values = package.LPIPS(net=net, version="0.1"), []
    for generated, target in pairs(folder):
        a, b = (package.im2tensor(package.load_image(str(file))) for file in (generated, target))
        with torch.no_grad():
            values.append(distance.forward(a, b).item())
    show(float(np.mean(values)))
    return {net: 2 * len(values)}


def clean_fid(folder: Path) -> dict[str, int]:
    """`compute_fid` of two folders, on the random Inception: its own network is a TorchScript file to download."""
    import torch
    from cleanfid import fid
    from pytorch_fid.inception import InceptionV3

    network = InceptionV3(resize_input=False, normalize_input=False).eval()

    def embed(batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = network((batch - 128) / 128)[0].flatten(1)
        return features

    names = [str(folder / GENERATED), str(folder / TARGETS)]
    show(float(fid.compute_fid(*names, device=torch.device("cpu"), custom_feat_extractor=embed)))
    return {"inception": sum(len(files(folder, name)) for name in (GENERATED, TARGETS))}


def _efficientnet(images: list[Path]) -> NDArray[np.float32]:
    """(N, 2280) pooled features and logits, batches of pytorch-fid's size."""
    import torch

    from fhpt_bench import weights
    from fhpt_bench.networks.efficientnet import EfficientNetLite0

    network: Any = EfficientNetLite0.network()
    network.load_state_dict(EfficientNetLite0.renamed(weights.load("efficientnet-lite0")))
    network.eval()
    rows = []
    for start in range(0, len(images), BATCH):
        part = [
            np.asarray(Image.open(file).resize((224, 224), Image.Resampling.BICUBIC))
            for file in images[start : start + BATCH]
        ]
        x = torch.tensor((np.stack(part).astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
        with torch.no_grad():
            pooled = network.forward_head(network.forward_features(x), pre_logits=True)
            rows.append(torch.cat([pooled, network.classifier(pooled)], 1).numpy())
    return np.concatenate(rows)


def efficientnet_fd(folder: Path) -> dict[str, int]:
    """pytorch-fid's steps and its own distance on EfficientNet-lite0."""
    from pytorch_fid.fid_score import calculate_frechet_distance

    sides = [_efficientnet(files(folder, name))[:, :1280].astype(np.float64) for name in (GENERATED, TARGETS)]
    moments = [moment for side in sides for moment in (side.mean(0), np.cov(side, rowvar=False))]
    show(float(calculate_frechet_distance(*moments)))
    return {"efficientnet-lite0": sum(map(len, sides))}


def efficientnet_kd_is(folder: Path) -> dict[str, int]:
    """One pass for clean-fid's kernel distance and torch-fidelity's Inception Score on EfficientNet-lite0."""
    import torch
    from cleanfid.fid import kernel_distance
    from torch_fidelity.metric_isc import isc_features_to_metric

    sides = [_efficientnet(files(folder, name)) for name in (GENERATED, TARGETS)]
    splits = min(10, len(sides[0]))
    score = isc_features_to_metric(torch.tensor(sides[0][:, 1280:]), splits=splits)
    show([kernel_distance(*(side[:, :1280] for side in sides)), {key: float(value) for key, value in score.items()}])
    return {"efficientnet-lite0": sum(map(len, sides))}


def face_recognition(folder: Path) -> dict[str, int]:
    """`face_locations`, `face_encodings` and `face_distance` of face_recognition 1.3, called on dlib, on each pair."""
    import dlib

    from fhpt_bench import weights

    detect = dlib.get_frontal_face_detector()
    align = dlib.shape_predictor(str(weights.path("dlib-landmarks")))
    embed = dlib.face_recognition_model_v1(str(weights.path("dlib-resnet")))
    values, images = [], 0
    for names in pairs(folder):
        found = []
        for file in names:
            image = read(file)
            found.append([np.array(embed.compute_face_descriptor(image, align(image, b), 1)) for b in detect(image, 1)])
            images += 1
        if all(found):
            values.append(float(np.linalg.norm(found[0][0] - found[1][0])))
    show([len(values), float(np.mean(values)) if values else None])
    return {"dlib-faces": images}


def mediapipe(folder: Path) -> dict[str, int]:
    """Holistic on each generated image, enlarged twice, as its documentation calls it for still images."""
    from mediapipe.python.solutions.holistic import Holistic

    found, images = 0, files(folder, GENERATED)
    with Holistic(static_image_mode=True, model_complexity=1) as holistic:
        for file in images:
            image = Image.open(file).convert("RGB")
            large = image.resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC)
            found += holistic.process(np.asarray(large)).pose_landmarks is not None
    show(found)
    return {"mediapipe-holistic": len(images)}


def _vgg(images: list[Path]) -> NDArray[np.float32]:
    """(N, 512) means of VGG16's last map, with torchvision's own transform, batches of 16."""
    import torch
    from torchvision.models import VGG16_Weights, vgg16

    network, prepare = vgg16(weights=VGG16_Weights.IMAGENET1K_V1).eval().features, _normalised()
    rows = []
    for start in range(0, len(images), 16):
        x = torch.stack([prepare(Image.open(file).convert("RGB")) for file in images[start : start + 16]])
        with torch.no_grad():
            rows.append(network(x).mean((2, 3)).numpy())
    return np.concatenate(rows)


def _normalised() -> Callable[[Image.Image], Any]:
    from torchvision import transforms

    scale = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    prepare: Callable[[Image.Image], Any] = transforms.Compose([transforms.ToTensor(), scale])
    return prepare


def _search(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    a, b = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (queries, gallery))
    show(np.argsort(-(a @ b.T), 1)[:3, :TOP].tolist())


def retrieval_vgg16(folder: Path) -> dict[str, int]:
    """VGG16 of generated images and gallery, ten nearest by cosine similarity."""
    queries, gallery = (_vgg(files(folder, name)) for name in (GENERATED, GALLERY))
    _search(queries, gallery)
    return {"vgg16": len(queries) + len(gallery)}


def retrieval_efficientnet(folder: Path) -> dict[str, int]:
    """The same with EfficientNet-lite0."""
    queries, gallery = (_efficientnet(files(folder, name))[:, :1280] for name in (GENERATED, GALLERY))
    _search(queries, gallery)
    return {"efficientnet-lite0": len(queries) + len(gallery)}


def classifier(folder: Path) -> dict[str, int]:
    """VGG16 of the generated images and a linear layer with two classes, whose weights are random."""
    rows = _vgg(files(folder, GENERATED))
    layer = np.random.default_rng(0).normal(size=(rows.shape[1], 2))
    show(np.bincount((rows @ layer).argmax(1), minlength=2).tolist())
    return {"vgg16": len(rows)}


def show(value: object) -> None:
    """Print a line."""
    sys.stdout.write(f"{value}\n")


RECIPES: dict[str, Callable[[Path], dict[str, int]]] = {
    "scikit-image": scikit_image,
    "lpips-alex": lambda folder: lpips(folder, "alex"),
    "lpips-vgg": lambda folder: lpips(folder, "vgg"),
    "clean-fid": clean_fid,
    "efficientnet-fd": efficientnet_fd,
    "efficientnet-kd-is": efficientnet_kd_is,
    "face-recognition": face_recognition,
    "mediapipe": mediapipe,
    "retrieval-vgg16": retrieval_vgg16,
    "retrieval-efficientnet": retrieval_efficientnet,
    "classifier": classifier,
}

if __name__ == "__main__":
    show(json.dumps(RECIPES[sys.argv[1]](Path(sys.argv[2]))))
