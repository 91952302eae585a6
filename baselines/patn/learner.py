"""PATN's training: one step of the generator, then one step of both discriminators on the same batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.patn.discriminators import Discriminator
from baselines.patn.hyperparameters import Hyperparameters
from baselines.patn.losses import adversarial_loss, discriminator_loss
from baselines.patn.network import JOINTS, PATNetwork
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs, adam
from fhpt_bench.training.losses import PerceptualNetwork, perceptual_loss, reconstruction_loss
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import View, WholeImageGenerator


class PATNLearner(GeneratorLearner):
    """Trains PATN against D_PB (pose) and D_PP (appearance).

    Args:
        hparams: hyperparameters of the networks and the training.
        inputs: batches, held-out pairs, processes, seed.
        adversarial: whether the discriminators are used.
    """

    hparams: Hyperparameters
    perceptual: PerceptualNetwork

    def __init__(self, hparams: Hyperparameters, inputs: Inputs, adversarial: bool = True) -> None:
        network = PATNetwork(hparams.width, hparams.blocks, hparams.dropout)
        width, dropout = hparams.discriminator_width, hparams.discriminator_dropout
        critics = nn.ModuleDict(
            {"pose": Discriminator(JOINTS, width, dropout), "image": Discriminator(3, width, dropout)}
        )

        super().__init__(
            WholeImageGenerator(network, hparams.pose_maps), critics, {"network": adam(network, hparams)},
            adam(critics, hparams) if adversarial else None, hparams, inputs,
            PerceptualNetwork(hparams.perceptual_network, taps=("relu1_2",)),
        )  # fmt: skip
        self._generation = Replay(self._generator_pass, list(network.parameters()), self.accelerator.device)
        self._discrimination = Replay(self._critic_pass, list(critics.parameters()), self.accelerator.device)

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Step the generator, then the discriminators with the images that it generated before its step."""
        view = self.next_view(half)
        fake, *terms = self._generation(view.target, *view.inputs)
        losses = dict(zip(("reconstruction", "perceptual", "gan"), (term.clone() for term in terms), strict=False))
        self.step(self.network.parameters(), *self.optimisers.values())
        if self.critic_optimiser:
            (loss,) = self._discrimination(fake, view.target, *view.inputs)
            losses["discriminators"] = loss.clone()
            self.step(self.critics.parameters(), self.critic_optimiser)
        return losses

    def _generator_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the generator's loss; return the generated images and the losses."""
        view, weights = View(target, inputs), self.hparams.loss
        self.critics.requires_grad_(False)
        with self.accelerator.autocast():
            with torch.no_grad():
                target_features = self.perceptual(target)
            image = self.generator.generate(view)
            features = self.perceptual(image)
        recon, per = reconstruction_loss(image, target), perceptual_loss(features, target_features)
        loss, terms = weights.reconstruction * recon + weights.perceptual * per, [recon, per]
        if self.critic_optimiser:
            with self.accelerator.autocast():
                logits = self._discriminate(image, view)
            gan = adversarial_loss(logits)
            loss, terms = loss + weights.gan * gan, [*terms, gan]
        self.backward(loss, self.network)
        self.critics.requires_grad_(True)
        return image.detach(), *(term.detach() for term in terms)

    def _critic_pass(self, fake: Tensor, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the loss of D_PB and D_PP."""
        view = View(target, inputs)
        with self.accelerator.autocast():
            real_logits, fake_logits = self._discriminate(target, view), self._discriminate(fake, view)
        loss = discriminator_loss(real_logits, fake_logits)
        self.backward(self.hparams.loss.gan * loss, self.critics)
        return (loss.detach(),)

    def _discriminate(self, image: Tensor, view: View) -> tuple[Tensor, Tensor]:
        """The outputs of D_PB for (image, target pose) and of D_PP for (image, source image)."""
        return self.critics["pose"](image, view.shape), self.critics["image"](image, view.appearance)
