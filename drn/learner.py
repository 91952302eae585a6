"""Algorithm 1 of Yang et al.: the coarse step, the full step, and K discriminator steps on new batches."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from drn.discriminators import Discriminator
from drn.hyperparameters import Hyperparameters
from drn.losses import TAPS, style_loss
from drn.views import DRNGenerator
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs
from fhpt_bench.training.losses import (
    PerceptualNetwork,
    lsgan_discriminator,
    lsgan_generator,
    perceptual_loss,
    reconstruction_loss,
)
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import TrainableGenerator, View

_TERMS = ("reconstruction", "perceptual", "style", "gan")  # terms of eq. 7


class AdversarialLearner(GeneratorLearner):
    """Trains a generator against D_A (appearance) and D_S (shape).

    Args:
        generator: the generator to train.
        hparams: hyperparameters of the training.
        inputs: batches, held-out pairs, processes, seed; each discriminator step takes a new batch.
        alternate: whether L_1 updates the transfer branch before each full step; only for a generator of whole
            images. False in "End2end" of Table II.
        adversarial: whether L_2 has its style and GAN terms; without them only the terms of L_1 are left.
    """

    hparams: Hyperparameters
    perceptual: PerceptualNetwork

    def __init__(
        self,
        generator: TrainableGenerator,
        hparams: Hyperparameters,
        inputs: Inputs,
        alternate: bool = False,
        adversarial: bool = True,
    ) -> None:
        self._alternate, self._adversarial = alternate, adversarial
        width, dropout = hparams.discriminator_width, hparams.discriminator_dropout
        critics = nn.ModuleDict(
            {
                "appearance": Discriminator(3, width, dropout),
                "shape": Discriminator(generator.shape_channels, width, dropout),
            }
        )

        def optimiser(part: nn.Module) -> torch.optim.Optimizer:
            h = hparams
            return torch.optim.RAdam(part.parameters(), h.learning_rate, h.betas, weight_decay=h.weight_decay)

        parts = {
            name: part
            for name, part in generator.network.named_children()
            if any(parameter.requires_grad for parameter in part.parameters())
        }
        super().__init__(
            generator, critics, {name: optimiser(part) for name, part in parts.items()},
            optimiser(critics) if adversarial else None, hparams, inputs,
            PerceptualNetwork(hparams.perceptual_network, taps=TAPS),
        )  # fmt: skip
        self._trained = [parameter for parameter in generator.network.parameters() if parameter.requires_grad]
        self._transfer = list(parts["transfer"].parameters()) if alternate else []
        self._coarse = Replay(self._coarse_pass, self._transfer, self.accelerator.device)
        self._full = Replay(self._full_pass, self._trained, self.accelerator.device)
        self._critic = Replay(self._critic_pass, list(critics.parameters()), self.accelerator.device)
        self.images_per_unit = hparams.batch_size * (1 + hparams.discriminator_steps * adversarial)

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Run one iteration of Algorithm 1."""
        losses: dict[str, Tensor] = {}
        view = self.next_view(half)
        recon, per, *target_features = self._coarse(view.target, *view.inputs)
        if self._alternate:
            losses |= {"coarse_reconstruction": recon.clone(), "coarse_perceptual": per.clone()}
            self.step(self._transfer, self.optimisers["transfer"])
        terms = self._full(view.target, *view.inputs, *target_features)
        losses |= {name: term.clone() for name, term in zip(_TERMS, terms, strict=False)}
        self.step(self._trained, *self.optimisers.values())
        if self.critic_optimiser:
            for _ in range(self.hparams.discriminator_steps):
                view = self.next_view(half)
                (loss,) = self._critic(view.target, *view.inputs)
                losses["discriminators"] = loss.clone()
                self.step(self.critics.parameters(), self.critic_optimiser)
        return losses

    def _coarse_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of L_1 (eq. 5, no adversarial loss) on the coarse image, and the target's features."""
        view, weights = View(target, inputs), self.hparams.loss
        with torch.no_grad(), self.accelerator.autocast():
            target_features = self.perceptual(view.target)
        if not (self._alternate and isinstance(self.generator, DRNGenerator)):
            zero = torch.zeros((), device=view.target.device)
            return zero, zero, *target_features
        with self.accelerator.autocast():
            coarse = self.generator.coarse(view)
            features = self.perceptual(coarse)
        recon, per = reconstruction_loss(coarse, view.target), perceptual_loss(features, target_features)
        self.backward(weights.reconstruction * recon + weights.perceptual * per, self.network)
        return recon.detach(), per.detach(), *target_features

    def _full_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of L_2 (eq. 7) on the final image; they reach G_P through F_t and I_c."""
        layers = len(TAPS)  # the target's features come last
        view, target_features, weights = View(target, inputs[:-layers]), inputs[-layers:], self.hparams.loss
        self.critics.requires_grad_(False)
        with self.accelerator.autocast():
            image = self.generator.generate(view)
            features = self.perceptual(image)
        recon, per = reconstruction_loss(image, view.target), perceptual_loss(features, target_features)
        loss, terms = weights.reconstruction * recon + weights.perceptual * per, [recon, per]
        if self._adversarial:
            with self.accelerator.autocast():
                both_scores = self._discriminate(image, view)
            sty = style_loss(features, target_features)
            gan = torch.stack([lsgan_generator(scores) for scores in both_scores]).sum()
            loss, terms = loss + weights.style * sty + weights.gan * gan, [*terms, sty, gan]
        self.backward(loss, self.network)
        self.critics.requires_grad_(True)
        return tuple(term.detach() for term in terms)

    def _critic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the loss of D_A and D_S on a new batch."""
        view = View(target, inputs)
        with torch.no_grad(), self.accelerator.autocast():
            fake = self.generator.generate(view)
        with self.accelerator.autocast():
            real_scores, fake_scores = self._discriminate(view.target, view), self._discriminate(fake, view)
        losses = [lsgan_discriminator(real, made) for real, made in zip(real_scores, fake_scores, strict=True)]
        loss = torch.stack(losses).sum()
        self.backward(loss, self.critics)
        return (loss.detach(),)

    def _discriminate(self, image: Tensor, view: View) -> tuple[Tensor, Tensor]:
        """The scores of D_A for (I_s, image) and of D_S for (P_t, image)."""
        return self.critics["appearance"](image, view.appearance), self.critics["shape"](image, view.shape)

    def generated(self, view: View) -> dict[str, Tensor]:
        """Generate the coarse image, if it has its own training step, and the final image."""
        final = super().generated(view)
        if self._alternate and isinstance(self.generator, DRNGenerator):
            return {"coarse": self.generator.coarse(view), **final}
        return final
