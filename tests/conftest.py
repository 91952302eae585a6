"""Fixtures: small synthetic records in the format that a run writes, and random weights."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from fhpt_bench.protocol import PairValues, protocols
from fhpt_bench.records.pair_table import PAIRS_FILE, pair_table
from fhpt_bench.records.schema import RECORD_FILE
from fhpt_bench.statistics import cluster_bootstrap, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Given:
    """One score of a synthetic record.

    Args:
        key: `protocol:variant:metric`.
        values: one per pair, NaN if `skipped` has a reason; or one number for a score of the whole set.
        weight: one per pair; default: equal weights.
        skipped: one reason per pair, "" for a pair that is counted.
        interval: interval of a score of the whole set.
        status: "failed" or "skipped" for a score without a value.
        mark: text that enters the fingerprint.
    """

    key: str
    values: Sequence[float] | np.ndarray | float = 0.0
    higher_is_better: bool = True
    unit: str = ""
    weight: Sequence[float] | None = None
    skipped: Sequence[str] | None = None
    interval: tuple[float, float] | None = None
    status: str = "ok"
    mark: str = ""


def write_record(
    folder: Path,
    scores: Sequence[Given],
    people: Sequence[str],
    *,
    name: str = "warp",
    benchmark: str = "synthetic",
    limit: int | None = None,
    **model: Any,
) -> Path:
    """Write record.json, pairs.csv and empty images into a folder; returns the folder."""
    ids = [f"a{i:03}___b{i:03}" for i in range(len(people))]
    tables, entries, cards = {}, [], {}
    for given in scores:
        protocol, variant, metric = given.key.split(":")
        card = _metric(given)
        entry = {
            "protocol": protocol, "variant": variant, "metric": metric, "label": card["label"],
            "status": given.status, "value": None, "unit": card["unit"], "higher_is_better": card["higher_is_better"],
            "interval": None, "n": 0, "skipped": {}, "details": {},
            "fingerprint": hashlib.sha256(f"{protocol}:{variant} {given.mark}".encode()).hexdigest(),
            "reason": None if given.status == "ok" else "the weights are missing",
        }  # fmt: skip
        if given.status == "ok" and isinstance(given.values, float | int):
            interval = [*given.interval, "jackknife"] if given.interval else None
            entry |= {"value": float(given.values), "n": len(people), "interval": interval}
        elif given.status == "ok":
            entry, tables[given.key] = entry | _measured(given, people), _table(given, ids)
        entries.append(entry)
        cards.setdefault((protocol, variant), []).append(card)
    folder.mkdir(parents=True)
    content = pair_table(ids, list(people), tables).to_csv(lineterminator="\n").encode()
    (folder / PAIRS_FILE).write_bytes(content)
    (folder / "images").mkdir()
    for pair in ids:
        (folder / "images" / f"{pair}.png").touch()
    record = {
        "schema_version": 1, "run_id": "0" * 64,
        "benchmark": {"id": benchmark, "version": "1", "title": "synthetic", "image_size": [256, 176],
                      "n_pairs": len(ids), "limit": limit, "data_sha256": "d" * 64,
                      "pairs_sha256": hashlib.sha256("".join(ids).encode()).hexdigest()},
        "model": {"name": name, "title": "t", "paper": "", "year": None, "licence": "Apache-2.0",
                  "conditioning": ["pose"], "oracle": False, "origin": "o", "code_sha256": None, "codec": "png"}
                 | model,
        "provenance": {"created": "2026-01-01T00:00:00+00:00", "fhpt_bench": "0.1.0", "git_commit": None,
                       "python": "3.11", "platform": "p", "packages": {}, "device": "cpu", "dtype": "float32",
                       "threads": 1, "processes": 1, "seeds": {}, "weights": {}},
        "protocols": [{"id": p, "variant": v, "version": _version(p, v), "metrics": m} for (p, v), m in cards.items()],
        "stages": [], "scores": entries,
        "pairs": {"file": PAIRS_FILE, "sha256": hashlib.sha256(content).hexdigest(), "rows": len(ids)},
    }  # fmt: skip
    (folder / RECORD_FILE).write_text(json.dumps(record))
    return folder


def _metric(given: Given) -> dict[str, Any]:
    """The metric's card: that of the installed protocol, as in a true record, or else what the test gives."""
    protocol, variant, name = given.key.split(":")
    if protocol in protocols.entries() and variant in (kind := protocols.load(protocol)).variants:
        for metric in kind(variant).card.metrics:
            if metric.name == name:
                ends = [end if np.isfinite(end) else None for end in metric.range]
                return {**dataclasses.asdict(metric), "range": ends}
    return {
        "name": name, "label": name.upper(), "unit": given.unit, "higher_is_better": given.higher_is_better,
        "range": [None, None], "real": None,
    }  # fmt: skip


def _version(protocol: str, variant: str) -> int:
    kind = protocols.load(protocol) if protocol in protocols.entries() else None
    return kind.versions.get(variant, kind.version) if kind else 1


def _values(given: Given) -> PairValues:
    value = np.asarray(given.values, np.float64)
    skipped = tuple(given.skipped or [""] * len(value))
    return PairValues(value, np.asarray(given.weight or np.ones(len(value)), np.float64), skipped)


def _table(given: Given, ids: Sequence[str]) -> pd.DataFrame:
    values = _values(given)
    return pd.DataFrame({"value": values.value, "weight": values.weight, "skipped": list(values.skipped)}, index=ids)


def _measured(given: Given, people: Sequence[str]) -> dict[str, Any]:
    """Value, count, interval and skipped pairs of a score with values per pair."""
    values = _values(given)
    counts = np.array([not reason for reason in values.skipped])
    value, weight = values.value[counts], values.weight[counts]
    interval = cluster_bootstrap(value, weight, np.array(people)[counts])
    reasons = [reason for reason in values.skipped if reason]
    return {
        "value": weighted_mean(value, weight), "n": int(counts.sum()),
        "interval": dataclasses.astuple(interval) if interval else None,
        "skipped": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
    }  # fmt: skip


@pytest.fixture(scope="session")
def random_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `FHPT_WEIGHTS_DIR` with both Inception networks, with random weights of a realistic scale."""
    return write_random_inception(tmp_path_factory.mktemp("weights"))


def write_random_inception(folder: Path) -> Path:
    """Write the random weights into a folder; tools/docs/precision uses the same weights."""
    import torch

    from fhpt_bench.networks.inception import FIDInception, ImageNetInceptionLogits

    with torch.random.fork_rng():
        torch.manual_seed(0)
        images = torch.nn.functional.interpolate(torch.rand(4, 3, 7, 5), (299, 299), mode="bicubic") * 2 - 1
        for feature in (FIDInception, ImageNetInceptionLogits):
            network = feature.network()
            for module in network.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 1.0  # one forward pass sets the running statistics
            with torch.no_grad():
                network.train()(images)
            (name,) = feature.spec.weights
            _write_random(folder, name, network.state_dict())
    return folder


@pytest.fixture(scope="session")
def random_squeezenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for `FHPT_WEIGHTS_DIR` with SqueezeNet, with random weights of a realistic scale."""
    return write_random_squeezenet(tmp_path_factory.mktemp("weights"))


def write_random_squeezenet(folder: Path) -> Path:
    """Write the random weights into a folder; tools/docs/precision uses the same weights."""
    import torch

    from fhpt_bench.networks.squeezenet import SqueezeNetMaps

    with torch.random.fork_rng():
        torch.manual_seed(0)
        layers = SqueezeNetMaps.layers()
        for module in layers.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                torch.nn.init.normal_(module.bias, std=0.1)
    _write_random(folder, "squeezenet", {f"features.{key}": tensor for key, tensor in layers.state_dict().items()})
    return folder


def _write_random(folder: Path, name: str, tensors: Mapping[str, Tensor]) -> None:
    from safetensors.numpy import save_file

    from fhpt_bench.weights.readers import tensor_digest

    arrays = {key: tensor.numpy() for key, tensor in tensors.items() if not key.endswith("_tracked")}
    header = {"name": name, "digest": tensor_digest(arrays), "origin": "random numbers"}
    save_file(arrays, folder / f"{name}.safetensors", header)


@pytest.fixture(scope="session")
def given() -> type[Given]:
    """The class of a score of a synthetic record."""
    return Given


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Path]:
    """A function that writes a synthetic record into a new folder."""
    return write_record


@pytest.fixture
def people() -> list[str]:
    """The person of each of 60 pairs: 20 people with 3 pairs each."""
    return [f"p{i // 3:02}" for i in range(60)]


@pytest.fixture
def ability(people: list[str]) -> np.ndarray:
    """A base value of each of the 60 pairs, which depends mostly on the person."""
    rng = np.random.default_rng(7)
    return np.repeat(rng.normal(0.5, 0.1, 20), 3) + rng.normal(0, 0.01, 60)


SMALL_SIZE = (64, 48)


@pytest.fixture(scope="session")
def small_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of 17 of studio's training people at a quarter of the size; both splits have the same pairs."""
    from PIL import Image

    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.pairs import read_pairs
    from fhpt_bench.data.pose import read_keypoints
    from fhpt_bench.data.truth import read_truth

    studio = load_benchmark("studio")
    folder = tmp_path_factory.mktemp("small")
    (folder / "train").mkdir()
    names = studio.train_images[: 17 * 5]
    scale = np.array([SMALL_SIZE[1] / studio.image_size[1], SMALL_SIZE[0] / studio.image_size[0]])
    poses = read_keypoints(studio.training_files["keypoints"], studio.image_size)
    keypoints = ["name:keypoints_y:keypoints_x"]
    for name in names:
        with Image.open(studio.train_folder / name) as image:
            image.resize(SMALL_SIZE[::-1]).save(folder / "train" / name)
        x, y = np.nan_to_num(poses[name] * scale, nan=-1).round(2).T
        keypoints.append(f"{name}: {y.tolist()}: {x.tolist()}")
    faces = read_truth(studio.training_files["truth"], None).keypoints["face"]
    maps = read_truth(None, studio.training_files["parsing"]).parsing
    sides = zip(SMALL_SIZE, studio.image_size, strict=True)
    pixels = np.ix_(*(((np.arange(small) + 0.5) / small * whole).astype(int) for small, whole in sides))
    np.savez(folder / "parsing.npz", names=np.array(names), labels=np.stack([maps[name][pixels] for name in names]))
    rows = np.stack([faces[name] * [*scale, 1] for name in names]).astype(np.float32)
    np.savez(folder / "truth.npz", names=np.array(names), face=rows)
    pairs = [f"{a},{b}" for a, b in read_pairs(studio.training_files["pairs"]) if {a, b} <= set(names)]
    for file, lines in (("keypoints.csv", keypoints), ("pairs.csv", ["from,to", *pairs]), ("train.lst", names)):
        (folder / file).write_text("\n".join(lines) + "\n")
    benchmark = folder / "small.toml"
    benchmark.write_text(
        f'id = "small"\nversion = "1"\ntitle = "small people"\nroot = "."\nimage_size = {list(SMALL_SIZE)}\n'
        'images = "train"\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\ntruth = "truth.npz"\n'
        'parsing = "parsing.npz"\ntrain_parsing = "parsing.npz"\n'
        'train_images = "train"\ntrain_list = "train.lst"\ntrain_pairs = "pairs.csv"\n'
        'train_keypoints = "keypoints.csv"\ntrain_truth = "truth.npz"\nprotocols = ["psnr"]\n'
    )
    return benchmark


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch computes with one thread: several that wait for each other use CPU seconds, and may change last digits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
