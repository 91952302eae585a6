"""Algorithm 1 of Yang et al.: the coarse step, the full step, and K discriminator steps on new batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drn.discriminators import Discriminator
from drn.hyperparameters import Hyperparameters
from drn.losses import (
    TAPS,
    PerceptualNetwork,
    lsgan_discriminator,
    lsgan_generator,
    perceptual_loss,
    reconstruction_loss,
    style_loss,
)
from drn.views import CHANCES, People, TrainableGenerator, View, WholeImageGenerator, changed, people_of
from fhpt_bench.data.real_images import quantise
from fhpt_bench.reporting.contact_sheet import image_grid
from fhpt_bench.training.distributed import average_gradients, same_start
from fhpt_bench.training.loop import Learner
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.schedules import fixed_then_linear

if TYPE_CHECKING:
    from accelerate import Accelerator

    from fhpt_bench.training.pairs import PairStream, TrainingBatch

_TERMS = ("reconstruction", "perceptual", "style", "gan")  # terms of eq. 7
_SHOWN = 6  # pairs on a contact sheet
_JUDGED = 8  # batch size of the evaluation


class AdversarialLearner(Learner):
    """Trains a generator against D_A (appearance) and D_S (shape).

    Args:
        generator: the generator to train.
        hparams: hyperparameters of the training.
        stream: stream of training batches; each discriminator step takes a new batch.
        held_out: pairs of held-out people, for evaluation.
        accelerator: gives the processes and the device.
        seed: seed of the augmentation.
        alternate: whether L_1 updates the transfer branch before each full step; only for a generator of whole
            images. False in "End2end" of Table II.
        adversarial: whether L_2 has its style and GAN terms; without them only the terms of L_1 are left.
    """

    def __init__(
        self,
        generator: TrainableGenerator,
        hparams: Hyperparameters,
        stream: PairStream,
        held_out: TrainingBatch,
        accelerator: Accelerator,
        seed: int,
        alternate: bool = False,
        adversarial: bool = True,
    ) -> None:
        self._generator, self._hparams, self._stream = generator, hparams, stream
        self._accelerator, self._seed, self._alternate, self._adversarial = accelerator, seed, alternate, adversarial
        device = accelerator.device
        self._held_out = people_of(held_out, device)
        self._critics = nn.ModuleDict(
            {
                "appearance": Discriminator(3, hparams.discriminator_width, hparams.discriminator_dropout),
                "shape": Discriminator(
                    generator.shape_channels, hparams.discriminator_width, hparams.discriminator_dropout
                ),
            }
        )
        self._perceptual = PerceptualNetwork(hparams.perceptual_network).to(device)
        for module in (generator.network, self._critics):
            module.to(device)
        same_start(accelerator, [generator.network, self._critics])
        parts = {
            name: part for name, part in generator.network.named_children() if any(True for _ in part.parameters())
        }
        self._optimisers = {name: self._optimiser(part) for name, part in parts.items()}
        self._critic_optimiser = self._optimiser(self._critics)
        optimisers = [*self._optimisers.values(), *([self._critic_optimiser] if adversarial else [])]
        self._schedulers = [fixed_then_linear(o, hparams.fixed_iterations, hparams.iterations) for o in optimisers]
        self._transfer = list(parts["transfer"].parameters()) if alternate else []
        self._coarse = Replay(self._coarse_pass, self._transfer, device)
        self._full = Replay(self._full_pass, list(generator.network.parameters()), device)
        self._critic = Replay(self._critic_pass, list(self._critics.parameters()), device)
        draws = 1 + hparams.discriminator_steps * adversarial
        self.images_per_unit = hparams.batch_size * draws
        self.phases = (1, hparams.half_size_iterations + 1) if hparams.half_size_iterations else (1,)

    def _optimiser(self, part: nn.Module) -> torch.optim.Optimizer:
        h = self._hparams
        return torch.optim.RAdam(part.parameters(), h.learning_rate, h.betas, weight_decay=h.weight_decay)

    @property
    def network(self) -> nn.Module:
        """The network of the generator."""
        return self._generator.network

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return bool(self._accelerator.is_main_process)

    @property
    def state(self) -> Mapping[str, Any]:
        """Networks, optimisers, schedules and the position in the stream of batches."""
        return {
            "network": self._generator.network,
            "critics": self._critics,
            **{f"optimiser of {name}": optimiser for name, optimiser in self._optimisers.items()},
            "optimiser of critics": self._critic_optimiser,
            **{f"schedule {i}": scheduler for i, scheduler in enumerate(self._schedulers)},
            "stream": self._stream,
        }

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """Run one iteration of Algorithm 1."""
        self._generator.network.train()
        half = number <= self._hparams.half_size_iterations
        losses: dict[str, Tensor] = {}
        # Sizes stay the same for thousands of iterations, so the search for the fastest kernels pays off.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            view = self._next(half)
            recon, per, *target_features = self._coarse(view.target, *view.inputs)
            if self._alternate:
                losses |= {"coarse_reconstruction": recon.clone(), "coarse_perceptual": per.clone()}
                self._step(self._transfer, self._optimisers["transfer"])
            terms = self._full(view.target, *view.inputs, *target_features)
            losses |= {name: term.clone() for name, term in zip(_TERMS, terms, strict=False)}
            self._step(self._generator.network.parameters(), *self._optimisers.values())
            if self._adversarial:
                for _ in range(self._hparams.discriminator_steps):
                    view = self._next(half)
                    (loss,) = self._critic(view.target, *view.inputs)
                    losses["discriminators"] = loss.clone()
                    self._step(self._critics.parameters(), self._critic_optimiser)
        for scheduler in self._schedulers:
            scheduler.step()
        return losses

    def _next(self, half: bool) -> View:
        """The next batch, augmented; the augmentation depends on its number, not on the number of processes."""
        draw = self._stream.position
        batch = self._stream.next_batch()
        rng = torch.Generator().manual_seed(self._seed * 1_000_003 + draw)
        chance = torch.rand(self._hparams.batch_size, CHANCES, generator=rng)
        own_chance = chance[self._accelerator.process_index :: self._accelerator.num_processes]
        with torch.no_grad():
            people = changed(people_of(batch, self._accelerator.device), own_chance, self._hparams)
            return self._generator.view(people, half)

    def _coarse_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of L_1 (eq. 5, no adversarial loss) on the coarse image, and the target's features."""
        view, weights = View(target, inputs), self._hparams.loss
        with torch.no_grad(), self._accelerator.autocast():
            target_features = self._perceptual(view.target)
        if not (self._alternate and isinstance(self._generator, WholeImageGenerator)):
            zero = torch.zeros((), device=view.target.device)
            return zero, zero, *target_features
        with self._accelerator.autocast():
            coarse = self._generator.coarse(view)
            features = self._perceptual(coarse)
        recon, per = reconstruction_loss(coarse, view.target), perceptual_loss(features, target_features)
        self._backward(weights.reconstruction * recon + weights.perceptual * per, self._generator.network)
        return recon.detach(), per.detach(), *target_features

    def _full_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of L_2 (eq. 7) on the final image; they reach G_P through F_t and I_c."""
        layers = len(TAPS)  # the target's features come last
        view, target_features, weights = View(target, inputs[:-layers]), inputs[-layers:], self._hparams.loss
        self._critics.requires_grad_(False)
        with self._accelerator.autocast():
            image = self._generator.generate(view)
            features = self._perceptual(image)
        recon, per = reconstruction_loss(image, view.target), perceptual_loss(features, target_features)
        loss, terms = weights.reconstruction * recon + weights.perceptual * per, [recon, per]
        if self._adversarial:
            with self._accelerator.autocast():
                both_scores = self._discriminate(image, view)
            sty = style_loss(features, target_features)
            gan = torch.stack([lsgan_generator(scores) for scores in both_scores]).sum()
            loss, terms = loss + weights.style * sty + weights.gan * gan, [*terms, sty, gan]
        self._backward(loss, self._generator.network)
        self._critics.requires_grad_(True)
        return tuple(term.detach() for term in terms)

    def _critic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the loss of D_A and D_S on a new batch."""
        view = View(target, inputs)
        with torch.no_grad(), self._accelerator.autocast():
            fake = self._generator.generate(view)
        with self._accelerator.autocast():
            real_scores, fake_scores = self._discriminate(view.target, view), self._discriminate(fake, view)
        losses = [lsgan_discriminator(real, made) for real, made in zip(real_scores, fake_scores, strict=True)]
        loss = torch.stack(losses).sum()
        self._backward(loss, self._critics)
        return (loss.detach(),)

    def _discriminate(self, image: Tensor, view: View) -> tuple[Tensor, Tensor]:
        """The scores of D_A for (I_s, image) and of D_S for (P_t, image)."""
        return self._critics["appearance"](image, view.appearance), self._critics["shape"](image, view.shape)

    def _backward(self, loss: Tensor, module: nn.Module) -> None:
        module.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)

    def _step(self, parameters: Iterable[nn.Parameter], *optimisers: torch.optim.Optimizer) -> None:
        members = list(parameters)
        average_gradients(self._accelerator, members)
        if self._hparams.gradient_clip:
            torch.nn.utils.clip_grad_norm_(members, self._hparams.gradient_clip)
        for optimiser in optimisers:
            optimiser.step()

    def judge(self) -> Mapping[str, float]:
        """Compute reconstruction and perceptual loss on held-out people, at full resolution."""
        rows = []
        for view in self._held_out_views():
            with torch.no_grad(), self._accelerator.autocast():
                target_features, row = self._perceptual(view.target), {}
                for name, generated in self._generated(view).items():
                    image = generated.float().clamp(-1, 1)
                    row[f"held_out_{name}_reconstruction"] = float(reconstruction_loss(image, view.target))
                    row[f"held_out_{name}_perceptual"] = float(
                        perceptual_loss(self._perceptual(image), target_features)
                    )
                rows.append((len(view.target), row))
        total = sum(count for count, _ in rows)
        return {key: sum(count * row[key] for count, row in rows) / total for key in rows[0][1]}

    def samples(self) -> NDArray[np.uint8]:
        """Make a contact sheet of held-out people: source, coarse image, final image, target."""
        view = next(iter(self._held_out_views(_SHOWN)))
        with torch.no_grad(), self._accelerator.autocast():
            columns = {"source": view.appearance, **self._generated(view), "target": view.target}
        tiles = zip(*(quantise(column) for column in columns.values()), strict=True)
        return image_grid([list(row) for row in tiles], list(columns))

    def _generated(self, view: View) -> dict[str, Tensor]:
        """The coarse image, if it has its own training step, and the final image."""
        generator = self._generator
        generator.network.eval()
        final = {"final": generator.generate(view)}
        if self._alternate and isinstance(generator, WholeImageGenerator):
            return {"coarse": generator.coarse(view), **final}
        return final

    def _held_out_views(self, size: int = _JUDGED) -> list[View]:
        count = len(self._held_out.source)
        parts = [
            People(*(getattr(self._held_out, name)[i : i + size] for name in People.__dataclass_fields__))
            for i in range(0, count, size)
        ]
        return [self._generator.view(part, half=False) for part in parts]
