"""Devices of a run: exact painting, and whose numbers a record names.

No GPU is needed: TF32 is simulated, and a pretended GPU computes on the CPU.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.real_images import quantise
from fhpt_bench.evaluation.differences import check_alike
from fhpt_bench.evaluation.finished import NOT_RECORDED, Batch, Work, decode, encode
from fhpt_bench.model import PairBatch, models
from fhpt_bench.processes import Processes
from fhpt_bench.reporting.terminal import report
from tests.fhpt_bench.evaluation.device_plugins import CPU, GPU, PAIRS, devices, forget, forwards


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that there is a GPU; nothing may be moved to it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: GPU)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def test_painting_is_exact(tiny: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the caller allows: TF32, which is the default for convolutions, and kernels chosen by timing."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        fb.run(f"{plugins}:Painter", str(tiny), "psnr", out=tmp_path / "run", device="cpu")
    benchmark = load_benchmark(str(tiny))
    source = np.stack([np.asarray(Image.open(benchmark.folder / pair.source)) for pair in benchmark.pairs])
    wanted = 0.7 * (torch.from_numpy(source).permute(0, 3, 1, 2).float() / 127.5 - 1)
    painted = [np.asarray(Image.open(tmp_path / "run" / "images" / f"{pair.id}.png")) for pair in benchmark.pairs]
    np.testing.assert_array_equal(np.stack(painted), quantise(wanted))
    fast = (wanted.view(torch.int32) & ~0x1FFF).view(torch.float32)
    assert (quantise(fast) != quantise(wanted)).mean() > 0.001, "this test could not fail"
    assert torch.backends.cudnn.benchmark


def test_an_evaluator_paints_exactly(
    tiny: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the training has allowed TF32, which is as before afterwards; its autocast stays active."""
    run = fb.run(f"{plugins}:Painter", str(tiny), "psnr", out=tmp_path / "run", device="cpu")
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    painter, evaluator = models.load(f"{plugins}:Painter")(), fb.Evaluator(str(tiny), "psnr", device="cpu")
    autocast = []

    def generate(batch: PairBatch) -> torch.Tensor:
        autocast.append(torch.is_autocast_enabled("cpu"))
        return painter.generate(batch)

    switches = [one.fp32_precision for one in (torch.backends.cudnn.conv, torch.backends.cuda.matmul)]
    assert evaluator(painter)["psnr"] == evaluator(generate)["psnr"] == run["psnr"].value
    with torch.autocast("cpu", dtype=torch.bfloat16):
        evaluator(generate)
    assert set(autocast) == {False, True}
    assert [one.fp32_precision for one in (torch.backends.cudnn.conv, torch.backends.cuda.matmul)] == switches
    assert torch.backends.cudnn.benchmark


def test_a_finished_run_keeps_its_device(
    tiny: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, model = tmp_path / "run", f"{plugins}:Plain"
    first = fb.run(model, str(tiny), f"psnr,{plugins}:Distance", out=run, batch_size=4, device="cpu")
    assert first.provenance.device == CPU
    # Real targets are computed again for each batch of pairs that shows them; the generated images are sources, which
    # are targets of the same batch.
    assert devices(first) == {"generate": {CPU: PAIRS}, "Maps": {CPU: PAIRS}}
    monkeypatch.setattr("fhpt_bench.evaluation.accounting.device_name", lambda device: GPU)
    again = fb.run(model, str(tiny), f"psnr,{plugins}:Distance", out=run, batch_size=4, device="cpu")
    assert (again.provenance.device, devices(again)) == (CPU, devices(first))
    added = fb.run(model, str(tiny), f"psnr,{plugins}:Distance,lpips", out=run, batch_size=4, device="cpu")
    assert added.provenance.device == f"{CPU}, {GPU}"
    assert devices(added) == {**devices(first), "alexnet-maps": {GPU: PAIRS}}


def test_a_stage_on_two_devices_is_reported(
    tiny: Path, tmp_path: Path, plugins: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, model = tmp_path / "run", f"{plugins}:Plain"
    report(fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu"), 1.0)
    assert "computed on" not in capsys.readouterr().out
    forget(run, 2)
    monkeypatch.setattr("fhpt_bench.evaluation.accounting.device_name", lambda device: GPU)
    record = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    assert devices(record) == {"generate": {CPU: 8, GPU: 16}}
    assert record.provenance.device == f"{CPU}, {GPU}"
    report(fb.read_record(run), 1.0)
    assert f"generate was computed on {CPU} (8), {GPU} (16): --overwrite computes" in capsys.readouterr().out


def test_batches_of_earlier_versions_name_no_device() -> None:
    batch = Batch(stages={"generate": Work(1.0, 4), "net": Work(1.0, 4, 4, {GPU: 4}), "write": Work(1.0)})
    content = json.loads(json.dumps(encode(batch)))
    assert decode(content) == batch
    del content["devices"], content["draws"]
    old = decode(content)
    assert {name: work.devices for name, work in old.stages.items()} == {
        "generate": {NOT_RECORDED: 4}, "net": {NOT_RECORDED: 4}, "write": {},
    }  # fmt: skip
    assert (old.batch_size, old.draws) == (None, False)
    assert decode({**content, "batch_size": 8}).draws, "they wrote it only for a model that draws"


def test_a_gpu_uses_no_vectors_of_a_cpu(tiny: Path, tmp_path: Path, plugins: Path, gpu: None) -> None:
    images, chosen = tmp_path / "cpu" / "images", f"{plugins}:Spread"
    on_cpu = fb.run(f"{plugins}:Plain", str(tiny), chosen, out=tmp_path / "cpu", device="cpu")
    one, two = (
        fb.evaluate(images, "plain", str(tiny), chosen, out=tmp_path / name, device="cuda") for name in ("a", "b")
    )
    again = fb.evaluate(images, "plain", str(tiny), chosen, out=tmp_path / "c", device="cpu")
    assert devices(on_cpu) == {"generate": {CPU: PAIRS}, "Level": {CPU: PAIRS}}
    assert devices(one) == {"Level": {GPU: PAIRS}}
    assert devices(two) == devices(one), "vectors of the cache count under the device that computed them"
    assert devices(again) == {"Level": {CPU: PAIRS}}
    assert [record.provenance.device for record in (one, two, again)] == [GPU, GPU, CPU]
    assert [forwards(record) for record in (one, two, again)] == [PAIRS, 0, 0], "each reuses what its device computed"
    assert [record["spread"].fingerprint for record in (one, two, again)] == [on_cpu["spread"].fingerprint] * 3


def test_a_gpu_uses_no_vectors_of_another_gpu(
    tiny: Path, tmp_path: Path, plugins: Path, gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, chosen = tmp_path / "cpu" / "images", f"{plugins}:Spread"
    fb.run(f"{plugins}:Plain", str(tiny), "psnr", out=tmp_path / "cpu", device="cpu")
    for name in (GPU, "NVIDIA A100"):
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device, name=name: name)
        record = fb.evaluate(images, "plain", str(tiny), chosen, out=tmp_path / name, device="cuda")
        assert (devices(record), forwards(record)) == ({"Level": {name: PAIRS}}, PAIRS)
        assert record.provenance.device == name
    without = fb.evaluate(images, "plain", str(tiny), "psnr", out=tmp_path / "psnr", device="cuda")
    assert (devices(without), without.provenance.device) == ({}, "NVIDIA A100")


def test_processes_on_different_gpus_are_refused(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The main process would not find the vectors of the other one."""

    def check(device: str, other: str) -> None:
        def from_all(value: tuple[object, ...]) -> list[tuple[object, ...]]:
            return [value, (*value[:-1], other)]

        monkeypatch.setattr("fhpt_bench.evaluation.differences.from_all", from_all)
        check_alike(Processes(2), {}, [], 16, device)

    check("cuda", GPU)
    check("cpu", "")
    with pytest.raises(fb.UserError, match=rf"Processes 0 and 1 differ in the GPU \({GPU} and NVIDIA A100\)"):
        check("cuda", "NVIDIA A100")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU")
def test_a_run_on_a_gpu(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    """Images as on the CPU; the record names the GPU; a model that draws on the GPU is found."""
    name, chosen = torch.cuda.get_device_name(), "psnr,ssim,lpips,fd-effnet-lite0"
    cpu, gpu = (
        fb.run(f"{plugins}:Plain", str(tiny), chosen, out=tmp_path / device, device=device)
        for device in ("cpu", "cuda")
    )
    assert gpu.pairs.images_sha256 == cpu.pairs.images_sha256
    assert gpu.provenance.device == name
    assert devices(gpu)["generate"] == {name: PAIRS}
    for score in cpu.scores:
        assert gpu[score.key].value == pytest.approx(score.value, rel=1e-3, abs=1e-4)
    drawn = fb.run(f"{plugins}:Random", str(tiny), "psnr", out=tmp_path / "random", device="cuda")
    assert drawn.model.batch_size == 16
