"""Algorithm 1 of Yang et al.: the coarse step, the full step, and K steps of the discriminators on new batches."""

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
from drn.views import CHANCES, Painter, People, View, WholePainter, changed, people_of
from fhpt_bench.data.real_images import quantise
from fhpt_bench.reporting.contact_sheet import image_grid
from fhpt_bench.training.distributed import average_gradients, same_start
from fhpt_bench.training.loop import Learner
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.schedules import fixed_then_linear

if TYPE_CHECKING:
    from accelerate import Accelerator

    from fhpt_bench.training.pairs import PairStream, TrainingBatch

_TERMS = ("reconstruction", "perceptual", "style", "gan")  # of eq. 7
_SHOWN = 6  # pairs on a sheet
_JUDGED = 8  # pairs at a time


class AdversarialLearner(Learner):
    """Trains a painter against D_A (appearance) and D_S (shape).

    Args:
        painter: what paints; where it is the whole image and `alternate`, the coarse image gets a step of its own.
        hparams: of the training.
        stream: of training batches; each step of the discriminators takes a new one.
        held_out: pairs of people that nothing is learnt from.
        accelerator: the processes and the device.
        seed: of the augmentation.
        alternate: whether L_1 updates the transfer branch before each full step ("End2end" in Table II: not).
        adversarial: whether L_2 has its style and GAN terms; without them nothing but L_1 is learnt.
    """

    def __init__(
        self,
        painter: Painter,
        hparams: Hyperparameters,
        stream: PairStream,
        held_out: TrainingBatch,
        accelerator: Accelerator,
        seed: int,
        alternate: bool = False,
        adversarial: bool = True,
    ) -> None:
        self._painter, self._hparams, self._stream = painter, hparams, stream
        self._accelerator, self._seed, self._alternate, self._adversarial = accelerator, seed, alternate, adversarial
        device = accelerator.device
        self._held_out = people_of(held_out, device)
        self._critics = nn.ModuleDict(
            {
                "appearance": Discriminator(3, hparams.discriminator_width, hparams.discriminator_dropout),
                "shape": Discriminator(
                    painter.shape_channels, hparams.discriminator_width, hparams.discriminator_dropout
                ),
            }
        )
        self._look = PerceptualNetwork(hparams.perceptual_network).to(device)
        for module in (painter.network, self._critics):
            module.to(device)
        same_start(accelerator, [painter.network, self._critics])
        parts = {name: part for name, part in painter.network.named_children() if any(True for _ in part.parameters())}
        self._optimisers = {name: self._optimiser(part) for name, part in parts.items()}
        self._critic_optimiser = self._optimiser(self._critics)
        every = [*self._optimisers.values(), *([self._critic_optimiser] if adversarial else [])]
        self._schedulers = [fixed_then_linear(o, hparams.fixed_iterations, hparams.iterations) for o in every]
        self._transfer = list(parts["transfer"].parameters()) if alternate else []
        self._coarse = Replay(self._coarse_pass, self._transfer, device)
        self._full = Replay(self._full_pass, list(painter.network.parameters()), device)
        self._critic = Replay(self._critic_pass, list(self._critics.parameters()), device)
        draws = 1 + hparams.discriminator_steps * adversarial
        self.images_per_unit = hparams.batch_size * draws
        self.phases = (1, hparams.half_size_iterations + 1) if hparams.half_size_iterations else (1,)

    def _optimiser(self, part: nn.Module) -> torch.optim.Optimizer:
        s = self._hparams
        return torch.optim.RAdam(part.parameters(), s.learning_rate, s.betas, weight_decay=s.weight_decay)

    @property
    def network(self) -> nn.Module:
        """What is learnt."""
        return self._painter.network

    @property
    def main(self) -> bool:
        """Whether this process is the one that writes."""
        return bool(self._accelerator.is_main_process)

    @property
    def state(self) -> Mapping[str, Any]:
        """Networks, optimisers, schedules and the place in the stream of batches."""
        return {
            "network": self._painter.network,
            "critics": self._critics,
            **{f"optimiser of {name}": optimiser for name, optimiser in self._optimisers.items()},
            "optimiser of critics": self._critic_optimiser,
            **{f"schedule {i}": scheduler for i, scheduler in enumerate(self._schedulers)},
            "stream": self._stream,
        }

    def advance(self, number: int) -> Mapping[str, float | Tensor]:
        """One iteration of Algorithm 1."""
        self._painter.network.train()
        half = number <= self._hparams.half_size_iterations
        losses: dict[str, Tensor] = {}
        # Sizes stay the same for thousands of iterations, which pays for a search of the fastest kernels.
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            view = self._next(half)
            recon, per, *seen = self._coarse(view.target, *view.inputs)
            if self._alternate:
                losses |= {"coarse_reconstruction": recon.clone(), "coarse_perceptual": per.clone()}
                self._step(self._transfer, self._optimisers["transfer"])
            terms = self._full(view.target, *view.inputs, *seen)
            losses |= {name: term.clone() for name, term in zip(_TERMS, terms, strict=False)}
            self._step(self._painter.network.parameters(), *self._optimisers.values())
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
        """The next batch, changed at random as its number says, whoever draws it and however many share it."""
        draw = self._stream.position
        batch = self._stream.next_batch()
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + draw)
        chance = torch.rand(self._hparams.batch_size, CHANCES, generator=generator)
        mine = chance[self._accelerator.process_index :: self._accelerator.num_processes]
        with torch.no_grad():
            people = changed(people_of(batch, self._accelerator.device), mine, self._hparams)
            return self._painter.view(people, half)

    def _coarse_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Gradients of L_1 (eq. 5) on the coarse image: no adversarial loss; and the target's features."""
        view, weights = View(target, inputs), self._hparams.loss
        with torch.no_grad(), self._accelerator.autocast():
            seen = self._look(view.target)
        if not (self._alternate and isinstance(self._painter, WholePainter)):
            nothing = torch.zeros((), device=view.target.device)
            return nothing, nothing, *seen
        with self._accelerator.autocast():
            coarse = self._painter.coarse(view)
            features = self._look(coarse)
        recon, per = reconstruction_loss(coarse, view.target), perceptual_loss(features, seen)
        self._backward(weights.reconstruction * recon + weights.perceptual * per, self._painter.network)
        return recon.detach(), per.detach(), *seen

    def _full_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Gradients of L_2 (eq. 7) on the final image; they reach G_P through F_t and I_c."""
        layers = len(TAPS)  # the target's features come last
        view, seen, weights = View(target, inputs[:-layers]), inputs[-layers:], self._hparams.loss
        self._critics.requires_grad_(False)
        with self._accelerator.autocast():
            image = self._painter.paint(view)
            features = self._look(image)
        recon, per = reconstruction_loss(image, view.target), perceptual_loss(features, seen)
        loss, terms = weights.reconstruction * recon + weights.perceptual * per, [recon, per]
        if self._adversarial:
            with self._accelerator.autocast():
                judged = self._judge_pairs(image, view)
            sty, gan = style_loss(features, seen), torch.stack([lsgan_generator(scores) for scores in judged]).sum()
            loss, terms = loss + weights.style * sty + weights.gan * gan, [*terms, sty, gan]
        self._backward(loss, self._painter.network)
        self._critics.requires_grad_(True)
        return tuple(term.detach() for term in terms)

    def _critic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Gradients of D_A's and D_S's loss on a new batch."""
        view = View(target, inputs)
        with torch.no_grad(), self._accelerator.autocast():
            fake = self._painter.paint(view)
        with self._accelerator.autocast():
            real, made = self._judge_pairs(view.target, view), self._judge_pairs(fake, view)
        loss = torch.stack([lsgan_discriminator(r, m) for r, m in zip(real, made, strict=True)]).sum()
        self._backward(loss, self._critics)
        return (loss.detach(),)

    def _judge_pairs(self, image: Tensor, view: View) -> tuple[Tensor, Tensor]:
        """What D_A says of (I_s, image) and D_S of (P_t, image)."""
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
        """Reconstruction and perceptual loss on people who are not learnt from, at full size."""
        rows = []
        for view in self._held_out_views():
            with torch.no_grad(), self._accelerator.autocast():
                seen, row = self._look(view.target), {}
                for name, painted in self._painted(view).items():
                    image = painted.float().clamp(-1, 1)
                    row[f"held_out_{name}_reconstruction"] = float(reconstruction_loss(image, view.target))
                    row[f"held_out_{name}_perceptual"] = float(perceptual_loss(self._look(image), seen))
                rows.append((len(view.target), row))
        total = sum(count for count, _ in rows)
        return {key: sum(count * row[key] for count, row in rows) / total for key in rows[0][1]}

    def samples(self) -> NDArray[np.uint8]:
        """Held-out people: source, coarse image, final image, target."""
        view = next(iter(self._held_out_views(_SHOWN)))
        with torch.no_grad(), self._accelerator.autocast():
            columns = {"source": view.appearance, **self._painted(view), "target": view.target}
        tiles = zip(*(quantise(column) for column in columns.values()), strict=True)
        return image_grid([list(row) for row in tiles], list(columns))

    def _painted(self, view: View) -> dict[str, Tensor]:
        """The coarse image, where it has a step of its own, and the final one."""
        painter = self._painter
        painter.network.eval()
        coarse = {"coarse": painter.coarse(view)} if self._alternate and isinstance(painter, WholePainter) else {}
        return {**coarse, "final": painter.paint(view)}

    def _held_out_views(self, size: int = _JUDGED) -> list[View]:
        count = len(self._held_out.source)
        parts = [
            People(*(getattr(self._held_out, name)[i : i + size] for name in People.__dataclass_fields__))
            for i in range(0, count, size)
        ]
        return [self._painter.view(part, half=False) for part in parts]
