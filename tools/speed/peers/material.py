"""What the tools read: folders of images, and the networks in the places where the tools look for their downloads."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fhpt_bench import weights
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import encode_png, read_image
from fhpt_bench.errors import UserError
from fhpt_bench.files import append_line, explained

MEASURED = "measured.jsonl"
GENERATED, TARGETS, GALLERY, MIRRORED = "generated", "targets", "gallery", "mirrored"
# The names under which the packages keep their downloads, below TORCH_HOME.
PYTORCH_FID = "pt_inception-2015-12-05-6726825d.pth"
TORCH_FIDELITY = "weights-inception-2015-12-05-6726825d.pth"
ALEXNET, VGG16 = "alexnet-owt-7be5be79.pth", "vgg16-397923af.pth"


def open_work(work: Path, images: Path | None) -> None:
    """Create the folder of everything that is written; folders in it are removed and written again.

    Args:
        work: the folder; new, empty, or of an earlier measurement.
        images: the folder with the user's images, or None.

    Raises:
        UserError: if the images are in it, or it is in them, or it holds files of something else.
    """
    if images is not None:
        _check_apart(work, images)
    with explained(work):
        work.mkdir(parents=True, exist_ok=True)
        foreign = any(work.iterdir()) and not (work / MEASURED).is_file()
    if foreign:
        raise UserError(f"The folder {work} holds files that this command did not write: give --work a new folder.")
    if not (work / MEASURED).is_file():
        append_line(work / MEASURED, b"")  # first: a folder with it is known to be ours


def _check_apart(written: Path, images: Path) -> None:
    out, read = written.resolve(), images.resolve()
    if out == read or out in read.parents or read in out.parents:
        raise UserError(f"{written}, which is written, and the images in {images} overlap: give --work another folder.")


def write_folders(images: Path, folder: Path, limit: int | None) -> int:
    """Write the folders that are read: generated images, these mirrored (for the images of a second model), the target
    of each under the same name, the gallery.

    Args:
        images: folder with `<pair id>.png` of at least the chosen pairs.
        folder: the folder to create them in.
        limit: the number of pairs, or None for all.

    Returns:
        The number of pairs.

    Raises:
        UserError: if an image is missing, or the images are in a folder that would be removed.
    """
    for name in (GENERATED, MIRRORED, TARGETS, GALLERY):
        _check_apart(folder / name, images)
    benchmark = load_benchmark("studio", limit=limit)
    for name in (GENERATED, MIRRORED, TARGETS, GALLERY):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    for pair in benchmark.pairs:
        file = images / f"{pair.id}.png"
        if not file.is_file():
            raise UserError(f"{images} has no {file.name}: make the images with `fhpt-bench run --model warp`.")
        shutil.copyfile(file, folder / GENERATED / file.name)
        (folder / MIRRORED / file.name).write_bytes(encode_png(read_image(file)[:, ::-1]))
        (folder / TARGETS / file.name).write_bytes(encode_png(read_image(benchmark.folder / pair.target)))
    for name in benchmark.images:
        (folder / GALLERY / Path(name).with_suffix(".png").name).write_bytes(
            encode_png(read_image(benchmark.folder / name))
        )
    return len(benchmark.pairs)


def write_networks(home: Path) -> None:
    """Write networks in place of the downloads: a random Inception, and the pinned convolutions of AlexNet and VGG16.

    Args:
        home: the folder for TORCH_HOME.
    """
    import torch
    from torchvision.models import alexnet, vgg16

    from fhpt_bench.networks.inception import FIDInception

    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    inception = _settled(FIDInception.network()).state_dict()
    kept = {name: value for name, value in inception.items() if not name.endswith("_tracked")}
    torch.save(kept, folder / PYTORCH_FID)
    torch.save(kept, folder / TORCH_FIDELITY)
    for make, name, file in ((alexnet, "alexnet", ALEXNET), (vgg16, "vgg16", VGG16)):
        # The layers behind the convolutions are not used by any tool: they stay random.
        torch.save({**make(weights=None).state_dict(), **weights.load(name)}, folder / file)


def _settled(network: Any) -> Any:
    """The network with running statistics of one batch, so that its activations have a usual scale."""
    import torch

    images = torch.nn.functional.interpolate(torch.rand(4, 3, 7, 5), (299, 299), mode="bicubic") * 2 - 1
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(images)
    return network.eval()
