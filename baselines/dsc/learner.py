"""DSC's training: steps of the discriminator on batches of their own, then one step of the generator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.dsc.discriminator import Discriminator
from baselines.dsc.hyperparameters import Hyperparameters
from baselines.dsc.losses import nearest_neighbour_loss
from baselines.dsc.network import DeformableGenerator
from baselines.dsc.parts import pose_inputs
from fhpt_bench.data.heat_maps import SIGMA
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs, adam
from fhpt_bench.training.losses import PerceptualNetwork, cross_entropy_discriminator, cross_entropy_generator
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import People, TrainableGenerator, View, half_size


class DSCGenerator(TrainableGenerator):
    """DSC's generator, given the source image, the heat maps of both poses, and transforms and masks of the parts.

    Args:
        hparams: hyperparameters of the network.
    """

    def __init__(self, hparams: Hyperparameters) -> None:
        super().__init__(DeformableGenerator(hparams.width, hparams.levels, hparams.dropout))
        self._completes = hparams.completes_torso

    def view(self, people: People, half: bool) -> View:
        """Make the inputs of the network; the heat maps' Gaussians shrink with the image."""
        people, sigma = (half_size(people), SIGMA / 2) if half else (people, SIGMA)
        poses = pose_inputs(people.source_pose, people.target_pose, people.size, self._completes, sigma)
        return View(people.target, (people.source, *poses))


class DSCLearner(GeneratorLearner):
    """Trains DSC against its discriminator of quadruples.

    Args:
        hparams: hyperparameters of the networks and the training.
        inputs: batches, held-out pairs, processes, seed.
        adversarial: whether the discriminator is used.
    """

    hparams: Hyperparameters
    perceptual: PerceptualNetwork

    def __init__(self, hparams: Hyperparameters, inputs: Inputs, adversarial: bool = True) -> None:
        generator = DSCGenerator(hparams)
        network = generator.network
        critics = nn.ModuleDict({"quadruple": Discriminator(hparams.discriminator_width)})
        super().__init__(
            generator, critics, {"network": adam(network, hparams)}, adam(critics, hparams) if adversarial else None,
            hparams, inputs, PerceptualNetwork(hparams.perceptual_network, taps=("relu1_2",)),
        )  # fmt: skip
        self._generation = Replay(self._generator_pass, list(network.parameters()), self.accelerator.device)
        self._discrimination = Replay(self._critic_pass, list(critics.parameters()), self.accelerator.device)
        self.images_per_unit = hparams.batch_size * (1 + hparams.discriminator_steps * adversarial)

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Step the discriminator on new batches, then the generator on another one."""
        losses: dict[str, Tensor] = {}
        if self.critic_optimiser:
            for _ in range(self.hparams.discriminator_steps):
                view = self.next_view(half)
                (loss,) = self._discrimination(view.target, *view.inputs)
                losses["discriminator"] = loss.clone()
                self.step(self.critics.parameters(), self.critic_optimiser)
        view = self.next_view(half)
        terms = self._generation(view.target, *view.inputs)
        losses |= dict(zip(("nearest_neighbour", "gan"), (term.clone() for term in terms), strict=False))
        self.step(self.network.parameters(), *self.optimisers.values())
        return losses

    def _generator_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the generator's loss."""
        view, h = View(target, inputs), self.hparams
        self.critics.requires_grad_(False)
        with self.accelerator.autocast():
            with torch.no_grad():
                (target_maps,) = self.perceptual(target)
            image = self.generator.generate(view)
            (maps,) = self.perceptual(image)
        nearest = h.feature_scale * nearest_neighbour_loss(maps, target_maps, h.window)
        loss, terms = h.nearest_neighbour_weight * nearest, [nearest]
        if self.critic_optimiser:
            gan = cross_entropy_generator(self._discriminate(image, view))
            loss, terms = loss + h.adversarial_weight * gan, [*terms, gan]
        self.backward(loss, self.network)
        self.critics.requires_grad_(True)
        return tuple(term.detach() for term in terms)

    def _critic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the discriminator's loss."""
        view = View(target, inputs)
        with torch.no_grad(), self.accelerator.autocast():
            fake = self.generator.generate(view)
        loss = cross_entropy_discriminator(self._discriminate(target, view), self._discriminate(fake, view))
        self.backward(loss, self.critics)
        return (loss.detach(),)

    def _discriminate(self, image: Tensor, view: View) -> Tensor:
        """The scores of (I_s, P_s, image, P_t)."""
        source, source_maps, target_maps, *_ = view.inputs
        with self.accelerator.autocast():
            logits: Tensor = self.critics["quadruple"](source, source_maps, image, target_maps)
        return logits
