"""Models, features and protocols for the tests of devices, memory and batch sizes, and what they read of a record."""

from __future__ import annotations

import platform
from pathlib import Path

import fhpt_bench as fb

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


def devices(record: fb.Record) -> dict[str, dict[str, int]]:
    return {stage.name.rpartition(":")[2]: stage.devices for stage in record.stages if stage.devices}


def forwards(record: fb.Record) -> int:
    return sum(stage.forwards for stage in record.stages)


def forget(folder: Path, kept: int) -> None:
    """Remove all finished batches but the first few, as if the run had been killed."""
    file = folder / "progress" / "rank-0.jsonl"
    file.write_bytes(b"\n".join([line for line in file.read_bytes().splitlines() if line][:kept]))
