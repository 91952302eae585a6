"""Devices of a run: exact painting, whose numbers a record names, too little memory, batch sizes that matter.

No GPU is needed: TF32 and the end of memory are simulated, and a pretended GPU computes on the CPU.
"""

from __future__ import annotations

import json
import logging
import platform
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
from fhpt_bench.evaluation.memory import Portions
from fhpt_bench.model import PairBatch, models
from fhpt_bench.processes import Processes
from fhpt_bench.reporting.terminal import report

CPU, GPU = f"{platform.machine()} CPU", "NVIDIA H100"
PAIRS = 24
PLUGINS = """
import numpy as np
import torch
from fhpt_bench.feature import FeatureSpec, MapFeature, VectorFeature
from fhpt_bench.model import Generator, ModelCard
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol, Protocol, Score

FITS = 3  # images

def short(images):
    if len(images) > FITS:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has 1 MiB free.")

class Painter(Generator):
    card = ModelCard("painter", "computes with 10 bits where TF32 is allowed")
    def generate(self, batch):
        b = torch.backends
        fast = any(one.fp32_precision != "ieee" for one in (b.cudnn.conv, b.cudnn.rnn, b.cuda.matmul))
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # as some models do
            image = 0.7 * batch.source
        return (image.view(torch.int32) & ~0x1FFF).view(torch.float32) if fast or b.cudnn.benchmark else image

class Plain(Generator):
    card = ModelCard("plain", "the source")
    def generate(self, batch): return batch.source

class Random(Generator):
    card = ModelCard("random", "noise")
    def generate(self, batch): return torch.rand_like(batch.source) * 2 - 1

class Own(Generator):
    card = ModelCard("own", "noise of a generator of its own, as diffusers take one")
    def generate(self, batch):
        noise = torch.randn(batch.source.shape, generator=torch.Generator().manual_seed(0))
        return (batch.source + 0.5 * noise).clamp(-1, 1)

class OwnNumPy(Generator):
    card = ModelCard("own-numpy", "noise of NumPy")
    def generate(self, batch):
        noise = torch.from_numpy(np.random.default_rng(0).normal(size=batch.source.shape)).float()
        return (batch.source + 0.5 * noise).clamp(-1, 1)

class Rounded(Plain):
    card = ModelCard("rounded", "sums in another order for other batch sizes: some pixels differ by one level")
    def generate(self, batch): return batch.source + (0.6 / 127.5) * (len(batch.source) > 4)

class Large(Plain):
    card = ModelCard("large", "the source, if few are wanted")
    def generate(self, batch):
        short(batch.source)
        return batch.source

class Huge(Plain):
    card = ModelCard("huge", "never fits")
    def to(self, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 80.00 GiB.")

class Level(VectorFeature):
    spec = FeatureSpec("level", 1, (), "mean", backend="numpy")
    def __init__(self, device): pass
    def extract(self, images): return images.mean((1, 2), dtype=np.float64).astype(np.float32)

class HungryLevel(Level):
    spec = FeatureSpec("hungry-level", 1, (), "mean", backend="numpy")
    def extract(self, images):
        short(images)
        return super().extract(images)

class Maps(MapFeature):
    spec = FeatureSpec("maps", 1, (), "none", backend="numpy")
    def __init__(self, device): pass
    def extract(self, images): return (torch.from_numpy(images.astype(np.float32)).permute(0, 3, 1, 2),)

class HungryMaps(Maps):
    def extract(self, images):
        short(images)
        return super().extract(images)

class NoMaps(Maps):
    def extract(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

class Distance(PairwiseProtocol):
    id, title, citation = "distance", "distance of maps", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("distance", "D", False),)
    of = "Maps"
    features = property(lambda self: (f"{__file__}:{self.of}",))
    def compare(self, images):
        (a,), (b,) = (maps[self.features[0]] for maps in (images.generated_maps, images.target_maps))
        return {"distance": PairValues.of((a - b).abs().mean((1, 2, 3)).double().numpy())}

class HungryDistance(Distance):
    of = "HungryMaps"

class NoDistance(Distance):
    of = "NoMaps"

class Spread(Protocol):
    id, title, citation = "spread", "spread of levels", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("spread", "S", False, per_pair=False),)
    of = "Level"
    features = property(lambda self: (f"{__file__}:{self.of}",))
    def score(self, evidence):
        rows = evidence.vectors(self.features[0], "generated")
        return (Score("spread", float(rows.std(0).sum()), n=len(rows)),)

class HungrySpread(Spread):
    of = "HungryLevel"
"""


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretends that there is a GPU; nothing may be moved to it."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: GPU)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)


def devices(record: fb.Record) -> dict[str, dict[str, int]]:
    return {stage.name.rpartition(":")[2]: stage.devices for stage in record.stages if stage.devices}


def forwards(record: fb.Record) -> int:
    return sum(stage.forwards for stage in record.stages)


def forget(folder: Path, kept: int) -> None:
    """Remove all finished batches but the first few, as if the run had been killed."""
    file = folder / "progress" / "rank-0.jsonl"
    file.write_bytes(b"\n".join([line for line in file.read_bytes().splitlines() if line][:kept]))


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


def test_smaller_parts_are_tried_before_a_protocol_fails(
    tiny: Path, tmp_path: Path, plugins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = {"Distance": "HungryDistance", "Spread": "HungrySpread"}
    plain, hungry = (
        fb.run("warp", str(tiny), ["psnr", *(f"{plugins}:{name}" for name in chosen)], out=tmp_path / way, device="cpu")
        for way, chosen in (("plain", names), ("hungry", names.values()))
    )
    assert not hungry.failed
    for key in ("psnr", "distance", "spread"):
        assert (hungry[key].value, hungry[key].n) == (plain[key].value, plain[key].n)
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING and "out of memory" in r.message]
    # Each size is tried once in the whole run, though it has two batches of pairs and two of real images.
    tried = [16, 8, 4]
    assert [text for text in warnings if "comparing pairs" in text] == [
        f"comparing pairs: out of memory with {size} at once, continued with {size // 2}; "
        "values may differ in the last digits."
        for size in tried
    ]
    assert len(warnings) == 2 * len(tried)


def test_what_never_fits_fails_in_one_sentence(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    record = fb.run("warp", str(tiny), [f"{plugins}:NoDistance", "psnr"], out=tmp_path / "run", device="cpu")
    assert record["distance"].reason == "out of memory with one image at once: end other programs that use the memory."
    assert record["psnr"].status == "ok"


def test_a_model_that_does_not_fit_is_told_what_to_do(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    with pytest.raises(fb.UserError, match=r"large failed .*: out of memory with 16 images at once: give --batch-size"):
        fb.run(f"{plugins}:Large", str(tiny), "psnr", out=tmp_path / "run", device="cpu")
    record = fb.run(f"{plugins}:Large", str(tiny), "psnr", out=tmp_path / "run", batch_size=2, device="cpu")
    assert record["psnr"].n == PAIRS
    with pytest.raises(fb.UserError, match=r"huge cannot be moved to cpu: out of memory: end other programs"):
        fb.run(f"{plugins}:Huge", str(tiny), "psnr", out=tmp_path / "huge", device="cpu")

    def greedy(batch: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    with pytest.raises(fb.UserError, match="The evaluation ran out of memory: give a smaller batch_size than 5"):
        fb.Evaluator(str(tiny), "psnr", batch_size=5, device="cpu")(greedy)


@pytest.mark.parametrize("place", ["model.to_device", "evaluation.generated_images.quantise"])
def test_memory_that_ends_beside_the_model_is_said_in_the_same_sentence(
    tiny: Path, tmp_path: Path, plugins: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(f"fhpt_bench.{place}", short)
    with pytest.raises(fb.UserError, match=r"plain failed .*: out of memory with 16 images at once: give --batch-size"):
        fb.run(f"{plugins}:Plain", str(tiny), "psnr", out=tmp_path / "run", device="cpu")


def test_other_errors_are_not_tried_again() -> None:
    seen: list[slice] = []

    def fail(part: slice) -> None:
        seen.append(part)
        raise RuntimeError("sizes do not match")

    with pytest.raises(RuntimeError, match="sizes"):
        Portions("sums")(fail, 8)
    assert len(seen) == 1


def test_a_model_that_draws_is_resumed_with_its_batch_size(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    run, model = tmp_path / "run", f"{plugins}:Random"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    assert whole.model.batch_size == 4
    forget(run, 2)
    with pytest.raises(fb.UserError, match=r"draws random numbers, .* with --batch-size 4, on which they depend"):
        fb.run(model, str(tiny), "psnr", out=run, batch_size=8, device="cpu")
    resumed = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    assert resumed.pairs == whole.pairs
    # With all images there, another batch size changes nothing.
    added = fb.run(model, str(tiny), "psnr,ssim", out=run, batch_size=8, device="cpu")
    assert (added.pairs.images_sha256, added.model.batch_size) == (whole.pairs.images_sha256, 4)
    other = fb.run(model, str(tiny), "psnr", out=tmp_path / "other", batch_size=8, device="cpu")
    assert other.pairs.images_sha256 != whole.pairs.images_sha256, "the batch size does matter"


@pytest.mark.parametrize("name", ["Own", "OwnNumPy"])
@pytest.mark.parametrize(("size", "other"), [(4, 8), (8, 4)])
def test_random_numbers_of_a_model_itself_are_found(
    tiny: Path, tmp_path: Path, plugins: Path, name: str, size: int, other: int
) -> None:
    run, model = tmp_path / "run", f"{plugins}:{name}"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=size, device="cpu")
    forget(run, 16 // size)
    with pytest.raises(fb.UserError, match=rf"paints other images with --batch-size {other}, .* --batch-size {size}, "):
        fb.run(model, str(tiny), "psnr", out=run, batch_size=other, device="cpu")
    assert fb.run(model, str(tiny), "psnr", out=run, batch_size=size, device="cpu").pairs == whole.pairs


@pytest.mark.parametrize("name", ["Plain", "Rounded"])
def test_other_models_are_resumed_with_any_batch_size(tiny: Path, tmp_path: Path, plugins: Path, name: str) -> None:
    run, model = tmp_path / "run", f"{plugins}:{name}"
    whole = fb.run(model, str(tiny), "psnr", out=run, batch_size=4, device="cpu")
    forget(run, 2)
    resumed = fb.run(model, str(tiny), "psnr", out=run, batch_size=8, device="cpu")
    assert (resumed.pairs == whole.pairs) == (name == "Plain")
    assert resumed.run_id == whole.run_id
    assert resumed.model.batch_size is None


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
