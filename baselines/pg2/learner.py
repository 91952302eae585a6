"""PG2's training: first G1 alone, then G2 against the discriminator, with G1 frozen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.pg2.discriminator import Discriminator
from baselines.pg2.hyperparameters import Hyperparameters
from baselines.pg2.losses import masked_l1
from baselines.pg2.masks import body_mask, joint_discs
from baselines.pg2.network import PG2Network
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs, adam
from fhpt_bench.training.losses import cross_entropy_discriminator, cross_entropy_generator
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import People, TrainableGenerator, View


class PG2Generator(TrainableGenerator):
    """Both generators; the last input of a view is the mask of the loss, which they are not given.

    Args:
        hparams: hyperparameters of the networks and the drawings.
    """

    network: PG2Network

    def __init__(self, hparams: Hyperparameters) -> None:
        super().__init__(PG2Network(hparams))
        self._hparams = hparams

    def view(self, people: People, half: bool) -> View:
        """Make the source image, the discs of the target's joints, and the mask of the target's body."""
        size, h = people.size, self._hparams
        maps = joint_discs(people.target_pose, size, h.joint_radius)
        mask = body_mask(people.target_pose, size, h.limb_radius, h.closing)
        return View(people.target, (people.source, maps, mask))

    def coarse(self, view: View) -> Tensor:
        """Generate G1's image only, (B, 3, H, W)."""
        image: Tensor = self.network.coarse(*view.inputs[:2])
        return image

    def generate(self, view: View) -> Tensor:
        """Generate G1's image plus the difference map, (B, 3, H, W), not clipped."""
        image: Tensor = self.network(*view.inputs[:2]).image
        return image


class PG2Learner(GeneratorLearner):
    """Trains PG2 in two stages.

    Args:
        hparams: hyperparameters of the networks and the training.
        inputs: batches, held-out pairs, processes, seed; the discriminator takes batches of its own.
        adversarial: whether the discriminator is used.
    """

    hparams: Hyperparameters
    generator: PG2Generator

    def __init__(self, hparams: Hyperparameters, inputs: Inputs, adversarial: bool = True) -> None:
        generator = PG2Generator(hparams)
        network = generator.network
        critics = nn.ModuleDict({"pair": Discriminator(hparams.discriminator_width, hparams.image_size)})

        super().__init__(
            generator, critics,
            {"coarse": adam(network.coarse, hparams), "refine": adam(network.refine, hparams)},
            adam(critics, hparams) if adversarial else None, hparams, inputs,
        )  # fmt: skip
        device = self.accelerator.device
        self._first = Replay(self._coarse_pass, list(network.coarse.parameters()), device)
        self._second = Replay(self._refine_pass, list(network.refine.parameters()), device)
        self._discrimination = Replay(self._critic_pass, list(critics.parameters()), device)
        self.phases = (1, hparams.coarse_iterations + 1)
        self.phase_costs = (1.0, 1.0)

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Step G1, or in the second stage G2 and then the discriminator."""
        view, network = self.next_view(half), self.generator.network
        if number <= self.hparams.coarse_iterations:
            (loss,) = self._first(view.target, *view.inputs)
            losses = {"coarse_reconstruction": loss.clone()}
            self.step(network.coarse.parameters(), self.optimisers["coarse"])
            return losses
        terms = self._second(view.target, *view.inputs)
        losses = dict(zip(("reconstruction", "gan"), (term.clone() for term in terms), strict=False))
        self.step(network.refine.parameters(), self.optimisers["refine"])
        if self.critic_optimiser:
            view = self.next_view(half)
            (loss,) = self._discrimination(view.target, *view.inputs)
            losses["discriminator"] = loss.clone()
            self.step(self.critics.parameters(), self.critic_optimiser)
        return losses

    def _coarse_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of G1's loss."""
        with self.accelerator.autocast():
            image = self.generator.coarse(View(target, inputs))
        loss = masked_l1(image, target, inputs[-1])
        self.backward(loss, self.generator.network.coarse)
        return (loss.detach(),)

    def _refine_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of G2's loss; G1 gets none."""
        weights, network = self.hparams.loss, self.generator.network
        source = inputs[0]
        self.critics.requires_grad_(False)
        with self.accelerator.autocast():
            with torch.no_grad():
                coarse = self.generator.coarse(View(target, inputs))
            image = coarse.float() + network.refine(coarse, source).float()
        recon = masked_l1(image, target, inputs[-1])
        loss, terms = weights.reconstruction * recon, [recon]
        if self.critic_optimiser:
            gan = cross_entropy_generator(self._discriminate(target, image, source)[1])
            loss, terms = loss + weights.gan * gan, [*terms, gan]
        self.backward(loss, network.refine)
        self.critics.requires_grad_(True)
        return tuple(term.detach() for term in terms)

    def _critic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the discriminator's loss on a new batch."""
        with torch.no_grad(), self.accelerator.autocast():
            fake = self.generator.generate(View(target, inputs))
        loss = cross_entropy_discriminator(*self._discriminate(target, fake, inputs[0]))
        self.backward(loss, self.critics)
        return (loss.detach(),)

    def _discriminate(self, real: Tensor, fake: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of real and generated pairs, in one batch, so that batch norm cannot tell them apart."""
        with self.accelerator.autocast():
            logits: Tensor = self.critics["pair"](torch.cat([real, fake]), torch.cat([source, source]))
        return logits[: len(real)], logits[len(real) :]

    def generated(self, view: View) -> dict[str, Tensor]:
        """Generate G1's image and the final image."""
        stages = self.generator.network(*view.inputs[:2])
        return {"coarse": stages.coarse, "final": stages.image}
