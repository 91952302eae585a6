"""The metrics for torchmetrics have the values of the functions, in one process and in two."""

from __future__ import annotations

import copy
import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("torchmetrics", reason="torchmetrics is not installed: it is in the extra dev")

from torchmetrics import MetricCollection

from fhpt_bench.protocol import protocols
from protocols import torchmetrics as ours
from protocols.perceptual import fid, frechet_distance, inception_score, kernel_distance, kid, lpips, psnr, ssim
from protocols.perceptual.embedding import EFFICIENTNET, INCEPTION, _network

N, SIZE = 12, (96, 64)


def tensors(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def in_parts(metric, generated, target):
    """Three updates of different sizes, and the result."""
    for part in (slice(0, 5), slice(5, 6), slice(6, None)):
        assert metric.update(tensors(generated[part]), tensors(target[part])) is None
    return metric.compute()


PAIRWISE = [
    *((ours.SSIM(variant), lambda a, b, v=variant: ssim(a, b, v)) for variant in ("canonical", "patn", "gfla", "pidm")),
    (ours.SSIM("skimage"), lambda a, b: ssim(a, b, "skimage")),
    (ours.PSNR(), psnr),
    *((ours.LPIPS(v), lambda a, b, v=v: lpips(a, b, v, "cpu")) for v in ("alex-0.1", "vgg-0.1", "alex-0.0")),
]


@pytest.mark.parametrize(("metric", "function"), PAIRWISE, ids=lambda x: getattr(x, "variant", None))
def test_pairwise_metrics_equal_the_functions(metric, function: Callable[..., np.ndarray], pairs) -> None:
    generated, target = pairs(N, *SIZE)
    value = in_parts(metric, generated, target)
    values = function(generated, target)
    assert value.dtype == torch.float64
    assert value.item() == math.fsum(values) / N
    assert torch.cat(metric.values).tolist() == values.tolist()
    metric.reset()
    assert metric.values == []
    assert in_parts(metric, generated, target) == value


def test_distances_equal_the_functions(pairs) -> None:
    generated, target = pairs(N, *SIZE)
    a, b = (EFFICIENTNET.embed("x", images, "cpu", 1) for images in (generated, target))
    assert in_parts(ours.FDEffNetLite0(), generated, target) == frechet_distance(a, b)
    assert in_parts(ours.KDEffNetLite0(), generated, target) == kernel_distance(a, b)
    logits = EFFICIENTNET.rows("x", generated, "cpu", 1)[:, 1280:]
    assert logits.shape == (N, 1000)
    for splits in (1, 3):
        assert in_parts(ours.ISEffNetLite0(splits=splits), generated, target) == inception_score(logits, splits)[0]


@pytest.fixture
def inception(random_inception: Path, monkeypatch: pytest.MonkeyPatch):
    """Inception networks with random weights, which no other test gets from the cache."""
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(random_inception))
    _network.cache_clear()
    yield
    _network.cache_clear()


def test_inception_metrics_equal_the_functions(inception: None, pairs) -> None:
    generated, target = pairs(2, *SIZE)
    for variant in ours.FID.variants:
        metric = ours.FID(variant)
        metric.update(tensors(generated), tensors(target))
        assert metric.compute() == fid(generated, target, variant, "cpu", 1)
    metric = ours.KID()
    metric.update(tensors(generated), tensors(target))
    assert metric.compute() == kid(generated, target, "cpu", 1)
    metric = ours.IS(splits=2)
    metric.update(tensors(generated))
    logits = INCEPTION.rows("x", generated, "cpu", 1)[:, 2048:]
    assert metric.compute() == inception_score(logits, 2)[0]


def test_a_repeated_target_counts_once_where_the_variant_says_so(pairs) -> None:
    generated, target = pairs(N, *SIZE)
    metric = ours.KDEffNetLite0()
    metric.update(tensors(generated), tensors(target[[0, 0, *range(N - 2)]]))
    metric.update(target=tensors(target[-2:]))  # a set may also be given alone
    metric.update(target=tensors(target[:1]))
    embedded = [EFFICIENTNET.embed("x", images, "cpu", 1) for images in (generated, target)]
    assert metric.compute() == kernel_distance(*embedded)
    assert not ours.FID("canonical").repeats
    assert ours.FID("drn").repeats


def test_identical_pairs_are_excluded_from_psnr(pairs) -> None:
    generated, target = pairs(3, *SIZE)
    generated[1] = target[1]
    metric = ours.PSNR()
    metric.update(tensors(generated), tensors(target))
    assert metric.compute() == math.fsum(psnr(generated, target)[[0, 2]]) / 2
    metric.reset()
    metric.update(tensors(target), tensors(target))
    assert metric.compute() == math.inf


def test_floats_need_their_range(pairs) -> None:
    generated, target = pairs(3, *SIZE)
    floats = [tensors(images).float() / 127.5 - 1 for images in (generated, target)]
    metric = ours.SSIM(value_range=(-1, 1))
    metric.update(*floats)
    assert metric.compute() == math.fsum(ssim(generated, target)) / 3
    with pytest.raises(ValueError, match="value_range must be given"):
        ours.SSIM().update(*floats)
    with pytest.raises(ValueError, match="no variant 'vgg'"):
        ours.LPIPS("vgg").update(tensors(generated), tensors(target))
    with pytest.raises(ValueError, match="FID has no variant 'x'; there are canonical"):
        ours.FID("x")
    with pytest.raises(ValueError, match="Unexpected keyword"):
        ours.PSNR(size=3)


def test_the_contract_of_torchmetrics(pairs) -> None:
    generated, target = pairs(N, *SIZE)
    given = tensors(generated), tensors(target)
    for name in ours.__all__:
        kind = getattr(ours, name)
        ids = {"fd": "fd-effnet-lite0", "kd": "kd-effnet-lite0", "is": "is-effnet-lite0"}
        card = protocols.load(ids[name[:2].lower()] if "Eff" in name else name.lower())
        assert kind.higher_is_better == card.metrics[0].higher_is_better
        assert (kind.is_differentiable, kind.full_state_update) == (False, False)
        low, high = card.metrics[0].range
        assert getattr(kind, "plot_lower_bound", None) in ([low] if math.isfinite(low) else [None])
        assert kind.plot_upper_bound in (None, high)
    together = MetricCollection([ours.SSIM(), ours.PSNR(), ours.FDEffNetLite0(), ours.KDEffNetLite0()])
    together.update(*given)
    alone = ours.KDEffNetLite0()
    once = alone(*given)  # forward: the value of this batch, which is also added
    assert once == alone.compute() == together.compute()["KDEffNetLite0"]
    halves = ours.KDEffNetLite0(), ours.KDEffNetLite0()
    for half, part in zip(halves, (slice(0, 5), slice(5, None)), strict=True):
        half.update(*(images[part] for images in given))
    halves[1].merge_state(copy.deepcopy(halves[0]))  # the given one comes first
    assert halves[1].compute() == once
    figure, _ = alone.plot()
    figure.clear()


TWO = """
import json, sys
import torch, torch.distributed as dist
import numpy as np
sys.path.insert(0, sys.argv[1])
from conftest import make_pairs
from protocols import torchmetrics as ours

torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
generated, target = (torch.from_numpy(x).permute(0, 3, 1, 2) for x in make_pairs(12, 96, 64))
mine = slice(rank * 7, 7 + rank * 5)
metrics = {"ssim": ours.SSIM(), "psnr": ours.PSNR(), "lpips": ours.LPIPS(), "fd": ours.FDEffNetLite0(),
           "kd": ours.KDEffNetLite0(), "is": ours.ISEffNetLite0(splits=3)}
for metric in metrics.values():
    metric.update(generated[mine], target[mine])
found = {name: metric.compute().item() for name, metric in metrics.items()}
local = len(torch.cat(metrics["ssim"].values))  # the own part is restored after compute
lonely = {"ssim": ours.SSIM(), "kd": ours.KDEffNetLite0()}
for metric in lonely.values():
    if rank:  # the other process has no image at all
        metric.update(generated, target)
found |= {f"lonely {name}": metric.compute().item() for name, metric in lonely.items()}
if rank == 0:
    print(json.dumps({**found, "local": local}))
dist.destroy_process_group()
"""


def test_two_processes_give_the_value_of_one(pairs) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    command = [sys.executable, "-c", TWO, str(Path(__file__).parent)]
    started = [
        subprocess.Popen(command, env={**shared, "RANK": str(rank)}, stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    outputs = [process.communicate(timeout=300)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    found = json.loads(outputs[0].splitlines()[-1])
    generated, target = pairs(N, *SIZE)
    assert found["local"] == 7
    for name, function in (("ssim", ssim), ("psnr", psnr), ("lpips", lpips)):
        assert found[name] == math.fsum(function(generated, target)) / N
    rows = EFFICIENTNET.rows("x", generated, "cpu", 1)
    real = EFFICIENTNET.embed("x", target, "cpu", 1)
    # The rows are in the order of one process: rank after rank.
    assert found["fd"] == pytest.approx(frechet_distance(rows[:, :1280], real), rel=1e-12)
    assert found["kd"] == pytest.approx(kernel_distance(rows[:, :1280], real), rel=1e-12)
    assert found["is"] == pytest.approx(inception_score(rows[:, 1280:], 3)[0], rel=1e-12)
    assert found["lonely ssim"] == found["ssim"]
    assert found["lonely kd"] == pytest.approx(found["kd"], rel=1e-12)
