"""A small recipe that uses all parts of the training loop; tests load it by its path, like a third-party recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from fhpt_bench.benchmark import Benchmark
from fhpt_bench.training.distributed import average_gradients, make_accelerator, same_start
from fhpt_bench.training.estimate import estimate_cost
from fhpt_bench.training.loop import Learner, Schedule, fit
from fhpt_bench.training.pairs import PairStream, TrainingPairs, lacks_pairs
from fhpt_bench.training.recipe import Recipe, RecipeCard, Task
from fhpt_bench.training.schedules import fixed_then_linear


@dataclass(frozen=True)
class ToyHyperparameters:
    """Hyperparameters of the toy recipe."""

    units: int = 7
    batch: int = 4
    dropout: float = 0.0


class ToyLearner(Learner):
    """A generator and a discriminator that are updated in turn, each on a new batch, as in Algorithm 1."""

    def __init__(self, task: Task, hparams: ToyHyperparameters, patience: int = 10**9) -> None:
        self.accelerator = make_accelerator(task.device, task.mixed_precision)
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        torch.manual_seed(rank)  # different in each process, so `same_start` must make them equal
        self.generator = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.InstanceNorm2d(6, affine=True), nn.LeakyReLU(0.2),
            nn.Dropout2d(hparams.dropout), nn.Conv2d(6, 3, 3, padding=1), nn.Tanh(),
        ).to(self.accelerator.device)  # fmt: skip
        self.critic = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4).eval(), nn.LeakyReLU(0.2))
        self.critic.to(self.accelerator.device)
        same_start(self.accelerator, [self.generator, self.critic])
        self.optimisers = {
            name: torch.optim.RAdam(module.parameters(), 1e-2, (0.5, 0.999), weight_decay=1e-5)
            for name, module in (("generator", self.generator), ("critic", self.critic))
        }
        self.schedules = {
            name: fixed_then_linear(one, 3, hparams.units + 1) for name, one in self.optimisers.items()
        }  # fmt: skip
        self.pairs = TrainingPairs(task, folds=4)
        self.stream = PairStream(self.pairs, hparams.batch, task.seed, rank, count)
        self.images_per_unit, self.patience = 2 * hparams.batch, patience

    @property
    def state(self) -> Mapping[str, Any]:
        return {
            "generator": self.generator, "critic": self.critic, "stream": self.stream,
            **{f"{name} optimiser": one for name, one in self.optimisers.items()},
            **{f"{name} schedule": one for name, one in self.schedules.items()},
        }  # fmt: skip

    def _batch(self) -> tuple[Tensor, Tensor]:
        self.patience -= 1
        if self.patience < 0:
            raise KeyboardInterrupt
        batch = self.stream.next_batch().to(self.accelerator.device)
        return batch.source.float() / 127.5 - 1, batch.target.float() / 127.5 - 1

    def _step(self, name: str, module: nn.Module, loss: Tensor) -> None:
        self.optimisers[name].zero_grad()
        self.accelerator.backward(loss)
        average_gradients(self.accelerator, module.parameters())
        self.optimisers[name].step()
        self.schedules[name].step()

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        source, target = self._batch()
        with self.accelerator.autocast():
            generated = self.generator(source)
            l1 = (generated - target).abs().mean()
            gan = ((self.critic(generated) - 1) ** 2).mean()
        self._step("generator", self.generator, l1 + 0.1 * gan)
        source, target = self._batch()
        with self.accelerator.autocast():
            fake, real = self.critic(self.generator(source).detach()), self.critic(target)
            critic_loss = (fake**2).mean() + ((real - 1) ** 2).mean()
        self._step("critic", self.critic, critic_loss)
        return {"l1": l1.detach(), "gan": gan.detach(), "critic": critic_loss.detach(), "rate": self._rate()}

    def _rate(self) -> float:
        return float(self.schedules["generator"].get_last_lr()[0])

    def _generate(self, index: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        batch = self.pairs.batch(index).to(self.accelerator.device)
        self.generator.eval()
        with torch.no_grad():
            generated = self.generator(batch.source.float() / 127.5 - 1)
        self.generator.train()
        return generated, batch.target.float() / 127.5 - 1

    def judge(self) -> Mapping[str, float]:
        generated, target = self._generate(self.pairs.held_out)
        return {"held_out_l1": float((generated - target).abs().mean())}

    def samples(self) -> NDArray[np.uint8]:
        generated, target = self._generate(self.pairs.held_out[:2])
        image = torch.cat([*generated, *target], 2).clamp(-1, 1)
        return ((image + 1) * 127.5).byte().permute(1, 2, 0).cpu().numpy()


class Toy(Recipe):
    """The toy recipe."""

    card = RecipeCard("toy", "a toy", "a generator and a discriminator", "training pairs", "none")
    presets = {"plain": ToyHyperparameters(), "noisy": ToyHyperparameters(dropout=0.3)}  # noqa: RUF012

    def lacks(self, benchmark: Benchmark) -> str | None:
        return super().lacks(benchmark) or lacks_pairs(benchmark)

    def _start(self, task: Task) -> tuple[ToyLearner, Schedule]:
        hparams = self.presets[task.preset]
        return ToyLearner(task, hparams), Schedule(hparams.units, 2, 4, 3, 5)

    def estimate(self, task: Task) -> Mapping[str, str]:
        return estimate_cost(*self._start(task), task)

    def train(self, task: Task) -> Mapping[str, str]:
        learner, schedule = self._start(task)
        rows = fit(learner, schedule, task)
        if learner.accelerator.is_main_process:
            save_file(learner.generator.state_dict(), task.folder.path / "toy.safetensors")
        held_out = [row["held_out_l1"] for row in rows if "held_out_l1" in row]
        return {"held-out l1": f"{held_out[-1]:.4f}", "precision": task.mixed_precision}
