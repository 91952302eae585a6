"""The examples of docs/integrations.md run; those with an optional package are skipped without it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

import fhpt_bench as fb
from fhpt_bench.evaluation.evaluator import Evaluator

PAGE = Path(__file__).parents[1] / "docs" / "integrations.md"
EXAMPLES = dict(re.findall(r"```python\n# ([^\n]+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.fixture
def execute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A function that runs an example, with ten pairs in place of a hundred, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fb, "Evaluator", lambda *a, **k: Evaluator(*a, **{**k, "limit": 10}), raising=False)

    def run(name: str, **given: Any) -> dict[str, Any]:
        space: dict[str, Any] = {"__name__": "example", **given}
        exec(compile(EXAMPLES[name], f"{PAGE.name}: {name}", "exec"), space)
        return space

    return run


def test_plain_pytorch(execute, capsys: pytest.CaptureFixture[str]) -> None:
    scores = execute("plain PyTorch")["scores"]
    assert {"ssim", "ssim/low", "ssim/high", "lpips", "fd-effnet-lite0"} <= set(scores)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_accelerate_writes_the_scores(execute, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    scores = execute("Accelerate")["scores"]
    (events,) = (tmp_path / "logs").rglob("events.out*")
    board = EventAccumulator(str(events.parent))
    board.Reload()
    assert set(board.Tags()["scalars"]) == set(scores)
    assert [event.step for event in board.Scalars("ssim/low")] == [0, 1]
    assert board.Scalars("lpips")[-1].value == pytest.approx(scores["lpips"])


@pytest.mark.filterwarnings("ignore")  # of other packages
def test_accelerate_writes_to_wandb_offline(execute, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip(
        "wandb", reason="wandb is not installed, or does not fit the other packages", exc_type=ImportError
    )
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setitem(EXAMPLES, "Accelerate", EXAMPLES["Accelerate"].replace('"tensorboard"', '"wandb"'))
    execute("Accelerate")
    assert list((tmp_path / "wandb").glob("offline-run-*"))


@pytest.mark.filterwarnings("ignore")  # of other packages
def test_lightning(execute, tmp_path: Path) -> None:
    pl = pytest.importorskip("lightning.pytorch", reason="lightning is not installed", exc_type=ImportError)
    callback = execute("Lightning")["Scores"](protocols="psnr,ssim")

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Dropout(0.5))

        def generate(self, batch):
            assert not self.network.training
            return self.network(batch.source)

        def training_step(self, batch, _):
            assert self.network.training
            return self.network(batch).square().mean()

        def validation_step(self, batch, _):
            pass

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    data = torch.utils.data.DataLoader(torch.rand(4, 3, 8, 8), batch_size=2)
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", callbacks=[callback], logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(Module(), data, data)
    assert {"psnr", "psnr/low", "ssim/high"} <= set(trainer.callback_metrics)
    assert float(trainer.callback_metrics["ssim"]) == pytest.approx(callback.evaluator.scores[1].value, rel=1e-6)


@pytest.mark.filterwarnings("ignore")  # of other packages
def test_diffusers(execute) -> None:
    diffusers = pytest.importorskip("diffusers", reason="diffusers is not installed", exc_type=ImportError)
    measure = execute("Diffusers")["measure"]
    network = diffusers.UNet2DModel(
        sample_size=(256, 176), block_out_channels=(4, 4), norm_num_groups=2, layers_per_block=1, attention_head_dim=2,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    pipeline = diffusers.DDPMPipeline(network, diffusers.DDPMScheduler())
    pipeline.set_progress_bar_config(disable=True)
    network.train()
    scores = measure(
        pipeline, lambda batch: {"batch_size": len(batch.keys), "num_inference_steps": 1}, protocols="psnr"
    )
    assert 0 < scores["psnr"] < 30
    assert network.training


def test_torchmetrics(execute, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torchmetrics", reason="torchmetrics is not installed: it is in the extra dev")
    execute("torchmetrics")
    assert "FDEffNetLite0" in capsys.readouterr().out
