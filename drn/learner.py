"""Algorithm 1 of Yang et al.: the coarse step, the full step, and K steps of the discriminators on new batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from drn.discriminators import Discriminator
from drn.losses import (
    PerceptualNetwork,
    lsgan_discriminator,
    lsgan_generator,
    perceptual_loss,
    reconstruction_loss,
    style_loss,
)
from drn.settings import Settings
from drn.views import CHANCES, Painter, People, View, WholePainter, changed, people_of
from fhpt_bench.contact_sheet import image_grid
from fhpt_bench.sources import quantise
from fhpt_bench.training.distributed import average_gradients, same_start
from fhpt_bench.training.loop import Learner
from fhpt_bench.training.schedules import fixed_then_linear

if TYPE_CHECKING:
    from accelerate import Accelerator

    from fhpt_bench.training.pairs import PairStream, TrainingBatch

_SHOWN = 6  # pairs on a sheet
_JUDGED = 8  # pairs at a time


class AdversarialLearner(Learner):
    """Trains a painter against D_A (appearance) and D_S (shape).

    Args:
        painter: what paints; where it is the whole image and `alternate`, the coarse image gets a step of its own.
        settings: of the training.
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
        settings: Settings,
        stream: PairStream,
        held_out: TrainingBatch,
        accelerator: Accelerator,
        seed: int,
        alternate: bool = False,
        adversarial: bool = True,
    ) -> None:
        self._painter, self._settings, self._stream = painter, settings, stream
        self._accelerator, self._seed, self._adversarial = accelerator, seed, adversarial
        device = accelerator.device
        self._held_out = people_of(held_out, device)
        self._coarse_painter = painter if isinstance(painter, WholePainter) and alternate else None
        self._critics = nn.ModuleDict(
            {
                "appearance": Discriminator(3, settings.discriminator_width, settings.discriminator_dropout),
                "shape": Discriminator(
                    painter.shape_channels, settings.discriminator_width, settings.discriminator_dropout
                ),
            }
        )
        self._look = PerceptualNetwork(settings.perceptual_network).to(device)
        for module in (painter.network, self._critics):
            module.to(device)
        same_start(accelerator, [painter.network, self._critics])
        parts = {name: part for name, part in painter.network.named_children() if any(True for _ in part.parameters())}
        self._optimisers = {name: self._optimiser(part) for name, part in parts.items()}
        self._critic_optimiser = self._optimiser(self._critics)
        every = [*self._optimisers.values(), *([self._critic_optimiser] if adversarial else [])]
        self._schedulers = [fixed_then_linear(o, settings.fixed_iterations, settings.iterations) for o in every]
        draws = 1 + settings.discriminator_steps * adversarial
        self.images_per_unit = settings.batch_size * draws

    def _optimiser(self, part: nn.Module) -> torch.optim.Optimizer:
        s = self._settings
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
        half = number <= self._settings.half_size_iterations
        view = self._next(half)
        with torch.no_grad(), self._accelerator.autocast():
            seen = self._look(view.target)
        losses: dict[str, Tensor] = {}
        if self._coarse_painter is not None:
            losses |= self._coarse_step(self._coarse_painter, view, seen)
        losses |= self._full_step(view, seen)
        if self._adversarial:
            for _ in range(self._settings.discriminator_steps):
                losses["discriminators"] = self._critic_step(self._next(half))
        for scheduler in self._schedulers:
            scheduler.step()
        return losses

    def _next(self, half: bool) -> View:
        """The next batch, changed at random as its number says, whoever draws it and however many share it."""
        draw = self._stream.position
        batch = self._stream.next_batch()
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + draw)
        chance = torch.rand(self._settings.batch_size, CHANCES, generator=generator)
        mine = chance[self._accelerator.process_index :: self._accelerator.num_processes]
        device = self._accelerator.device
        with torch.no_grad():
            people = changed(people_of(batch, device), mine.to(device, non_blocking=True), self._settings)
            return self._painter.view(people, half)

    def _coarse_step(self, painter: WholePainter, view: View, seen: Sequence[Tensor]) -> dict[str, Tensor]:
        """Update G_P with L_1 (eq. 5) on the coarse image; no adversarial loss reaches it here."""
        with self._accelerator.autocast():
            coarse = painter.coarse(view)
            features = self._look(coarse)
        recon, per = self._content(coarse, view, features, seen)
        weights = self._settings.loss
        self._update(weights.reconstruction * recon + weights.perceptual * per, ["transfer"])
        return {"coarse_reconstruction": recon.detach(), "coarse_perceptual": per.detach()}

    def _full_step(self, view: View, seen: Sequence[Tensor]) -> dict[str, Tensor]:
        """Update G_P and G_T with L_2 (eq. 7) on the final image; gradients reach G_P through F_t and I_c."""
        weights = self._settings.loss
        self._critics.requires_grad_(False)
        with self._accelerator.autocast():
            image = self._painter.paint(view)
            features = self._look(image)
        recon, per = self._content(image, view, features, seen)
        loss = weights.reconstruction * recon + weights.perceptual * per
        losses = {"reconstruction": recon.detach(), "perceptual": per.detach()}
        if self._adversarial:
            sty = style_loss(features, seen)
            with self._accelerator.autocast():
                scores = self._judge_pairs(image, view)
            gan = sum((lsgan_generator(score.float()) for score in scores), start=torch.zeros((), device=image.device))
            loss = loss + weights.style * sty + weights.gan * gan
            losses |= {"style": sty.detach(), "gan": gan.detach()}
        self._update(loss, list(self._optimisers))
        self._critics.requires_grad_(True)
        return losses

    def _critic_step(self, view: View) -> Tensor:
        """Update D_A and D_S on a new batch."""
        with torch.no_grad(), self._accelerator.autocast():
            fake = self._painter.paint(view)
        with self._accelerator.autocast():
            real = self._judge_pairs(view.target, view)
            made = self._judge_pairs(fake, view)
        loss = sum(
            (lsgan_discriminator(r.float(), m.float()) for r, m in zip(real, made, strict=True)),
            start=torch.zeros((), device=fake.device),
        )
        self._critic_optimiser.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        average_gradients(self._accelerator, self._critics.parameters())
        self._critic_optimiser.step()
        return loss.detach()

    def _judge_pairs(self, image: Tensor, view: View) -> tuple[Tensor, Tensor]:
        """What D_A says of (I_s, image) and D_S of (P_t, image)."""
        return self._critics["appearance"](image, view.appearance), self._critics["shape"](image, view.shape)

    @staticmethod
    def _content(
        image: Tensor, view: View, features: Sequence[Tensor], seen: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        return reconstruction_loss(image.float(), view.target), perceptual_loss(features, seen)

    def _update(self, loss: Tensor, parts: Sequence[str]) -> None:
        network = self._painter.network
        network.zero_grad(set_to_none=True)
        self._accelerator.backward(loss)
        average_gradients(
            self._accelerator, [p for name in parts for p in network.get_submodule(name).parameters()]
        )
        for name in parts:
            self._optimisers[name].step()

    def judge(self) -> Mapping[str, float]:
        """Reconstruction and perceptual loss on people who are not learnt from, at full size."""
        rows = []
        for view in self._held_out_views():
            with torch.no_grad(), self._accelerator.autocast():
                seen = self._look(view.target)
                images = {"": self._paint(view)}
                if self._coarse_painter is not None:
                    images["coarse_"] = self._coarse_painter.coarse(view)
                row = {}
                for name, image in images.items():
                    clipped = image.float().clamp(-1, 1)
                    recon, per = self._content(clipped, view, self._look(clipped), seen)
                    row |= {
                        f"held_out_{name}reconstruction": float(recon), f"held_out_{name}perceptual": float(per)
                    }  # fmt: skip
                rows.append((len(view.target), row))
        total = sum(count for count, _ in rows)
        return {key: sum(count * row[key] for count, row in rows) / total for key in rows[0][1]}

    def samples(self) -> NDArray[np.uint8]:
        """Held-out people: source, coarse image, final image, target."""
        view = next(iter(self._held_out_views(_SHOWN)))
        with torch.no_grad(), self._accelerator.autocast():
            columns = {"source": view.appearance}
            if self._coarse_painter is not None:
                columns["coarse"] = self._coarse_painter.coarse(view)
            columns |= {"generated": self._paint(view), "target": view.target}
        tiles = zip(*(quantise(column) for column in columns.values()), strict=True)
        return image_grid([list(row) for row in tiles], list(columns))

    def _paint(self, view: View) -> Tensor:
        self._painter.network.eval()
        return self._painter.paint(view)

    def _held_out_views(self, size: int = _JUDGED) -> list[View]:
        count = len(self._held_out.source)
        parts = [
            People(*(getattr(self._held_out, name)[i : i + size] for name in People.__dataclass_fields__))
            for i in range(0, count, size)
        ]
        return [self._painter.view(part, half=False) for part in parts]
