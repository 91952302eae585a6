"""The part of a generator's training that does not depend on its method: batches, steps, evaluation, contact sheets."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fhpt_bench.data.real_images import quantise
from fhpt_bench.networks.convolutions import moved
from fhpt_bench.reporting.contact_sheet import image_grid
from fhpt_bench.training.distributed import average_gradients, same_start
from fhpt_bench.training.loop import Learner
from fhpt_bench.training.losses import PerceptualNetwork, perceptual_loss, reconstruction_loss
from fhpt_bench.training.schedules import fixed_then_linear
from fhpt_bench.training.views import CHANCES, TrainableGenerator, View, augmented, people_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from fhpt_bench.training.hyperparameters import TrainingHyperparameters
    from fhpt_bench.training.pairs import PairStream, TrainingBatch

_SHOWN = 6  # pairs on a contact sheet
_JUDGED = 8  # batch size of the evaluation


@dataclass(frozen=True)
class Inputs:
    """What a learner is given besides its hyperparameters.

    Args:
        stream: stream of training batches.
        held_out: pairs of held-out people, for evaluation.
        accelerator: gives the processes and the device.
        seed: seed of the augmentation.
    """

    stream: PairStream
    held_out: TrainingBatch
    accelerator: Accelerator
    seed: int


def adam(part: nn.Module, hparams: TrainingHyperparameters) -> torch.optim.Optimizer:
    """Make an Adam optimiser.

    Args:
        part: the module whose parameters it steps.
        hparams: gives learning rate and betas.
    """
    return torch.optim.Adam(part.parameters(), hparams.learning_rate, hparams.betas)


class GeneratorLearner(Learner):
    """Trains a generator on pairs; a subclass defines one iteration.

    A subclass makes its networks and optimisers, calls this constructor, and defines `iterate` with `next_view`,
    `backward` and `step`. Forward and backward passes that are wrapped in `fhpt_bench.training.replay.Replay` are
    recorded on a GPU.

    Args:
        generator: the generator to train; its network is moved to the device.
        critics: discriminators by name; empty if there are none.
        optimisers: name -> optimiser of (a part of) the generator's network.
        critic_optimiser: optimiser of the discriminators; None if they are not trained.
        hparams: hyperparameters of the training; they become part of the checkpoint.
        inputs: batches, held-out pairs, processes, seed.
        perceptual: frozen network for a perceptual loss, also computed on held-out people; None for none.
    """

    def __init__(
        self,
        generator: TrainableGenerator,
        critics: nn.ModuleDict,
        optimisers: Mapping[str, torch.optim.Optimizer],
        critic_optimiser: torch.optim.Optimizer | None,
        hparams: TrainingHyperparameters,
        inputs: Inputs,
        perceptual: PerceptualNetwork | None = None,
    ) -> None:
        self.generator, self.critics, self.perceptual = generator, critics, perceptual
        self.optimisers, self.critic_optimiser = dict(optimisers), critic_optimiser
        self.hparams, self.accelerator = hparams, inputs.accelerator
        self._stream, self._seed = inputs.stream, inputs.seed
        self._held_out = people_of(inputs.held_out, self.accelerator.device)
        for module in (generator.network, critics):
            moved(module, self.accelerator.device)
        if perceptual:
            perceptual.to(self.accelerator.device)
        same_start(self.accelerator, [generator.network, critics])
        every = [*self.optimisers.values(), *([critic_optimiser] if critic_optimiser else [])]
        fixed, total = hparams.fixed_iterations, hparams.iterations
        self._schedulers = [fixed_then_linear(o, fixed, total) for o in every] if fixed < total else []
        self.images_per_unit = hparams.batch_size
        self.phases = (1, hparams.half_size_iterations + 1) if hparams.half_size_iterations else (1,)
        self.phase_costs = (1.0, 4.0)[: len(self.phases)]  # half the size has a quarter of the pixels

    @property
    def network(self) -> nn.Module:
        """The network of the generator."""
        return self.generator.network

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return bool(self.accelerator.is_main_process)

    @property
    def state(self) -> Mapping[str, Any]:
        """Networks, optimisers, schedules and the position in the stream of batches."""
        critic = {} if self.critic_optimiser is None else {"optimiser of critics": self.critic_optimiser}
        return {
            "network": self.generator.network,
            "critics": self.critics,
            **{f"optimiser of {name}": optimiser for name, optimiser in self.optimisers.items()},
            **critic,
            **{f"schedule {i}": scheduler for i, scheduler in enumerate(self._schedulers)},
            "stream": self._stream,
        }

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Run one iteration, then move the learning rates."""
        self.generator.network.train()
        # Sizes stay the same for thousands of iterations, so the search for the fastest kernels pays off.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            losses = self.iterate(number, number <= self.hparams.half_size_iterations)
        for scheduler in self._schedulers:
            scheduler.step()
        return losses

    @abc.abstractmethod
    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Run one iteration of the method.

        Args:
            number: number of the iteration, from 1.
            half: whether images have half the height and width.

        Returns:
            Name -> loss, as for `Learner.advance`. What a `Replay` returned must be cloned.
        """

    def next_view(self, half: bool) -> View:
        """The next batch, augmented; the augmentation depends on its number, not on the number of processes.

        Args:
            half: whether to use half the height and width.
        """
        draw = self._stream.position
        batch = self._stream.next_batch()
        rng = torch.Generator().manual_seed(self._seed * 1_000_003 + draw)
        chance = torch.rand(self.hparams.batch_size, CHANCES, generator=rng)
        own_chance = chance[self.accelerator.process_index :: self.accelerator.num_processes]
        with torch.no_grad():
            people = people_of(batch, self.accelerator.device)
            people = augmented(people, own_chance, self.hparams.flip, self.hparams.recolour)
            return self.generator.view(people, half)

    def backward(self, loss: Tensor, module: nn.Module) -> None:
        """Replace the gradients of a module by those of a loss.

        Args:
            loss: a scalar.
            module: the module whose gradients are cleared before.
        """
        module.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)

    def step(self, parameters: Iterable[nn.Parameter], *optimisers: torch.optim.Optimizer) -> None:
        """Average gradients over the processes, clip them if a limit is given, and step optimisers.

        Args:
            parameters: the parameters of these optimisers.
            optimisers: the optimisers to step.
        """
        members = list(parameters)
        average_gradients(self.accelerator, members)
        if self.hparams.gradient_clip:
            torch.nn.utils.clip_grad_norm_(members, self.hparams.gradient_clip)
        for optimiser in optimisers:
            optimiser.step()

    def judge(self) -> Mapping[str, float]:
        """Compute reconstruction and perceptual loss on held-out people, at full resolution."""
        rows = []
        for view in self._held_out_views(_JUDGED):
            with torch.no_grad(), self.accelerator.autocast():
                target_features, row = self.perceptual(view.target) if self.perceptual else (), {}
                for name, generated in self._evaluated(view).items():
                    image = generated.float().clamp(-1, 1)
                    row[f"held_out_{name}_reconstruction"] = float(reconstruction_loss(image, view.target))
                    if self.perceptual:
                        loss = perceptual_loss(self.perceptual(image), target_features)
                        row[f"held_out_{name}_perceptual"] = float(loss)
                rows.append((len(view.target), row))
        total = sum(count for count, _ in rows)
        return {key: sum(count * row[key] for count, row in rows) / total for key in rows[0][1]}

    def samples(self) -> NDArray[np.uint8]:
        """Make a contact sheet of held-out people: source, generated images, target."""
        view = next(iter(self._held_out_views(_SHOWN)))
        with torch.no_grad(), self.accelerator.autocast():
            columns = {"source": view.appearance, **self._evaluated(view), "target": view.target}
        tiles = zip(*(quantise(column) for column in columns.values()), strict=True)
        return image_grid([list(row) for row in tiles], list(columns))

    def generated(self, view: View) -> dict[str, Tensor]:
        """Generate the images that are evaluated and shown; a subclass may add intermediate ones.

        Args:
            view: inputs of B pairs.

        Returns:
            Name -> (B, 3, h, w), not clipped; "final" is the result.
        """
        return {"final": self.generator.generate(view)}

    def _evaluated(self, view: View) -> dict[str, Tensor]:
        self.generator.network.eval()
        return self.generated(view)

    def _held_out_views(self, size: int) -> list[View]:
        return [self.generator.view(part, half=False) for part in self._held_out.parts(size)]
