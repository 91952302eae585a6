"""VUNet's training: an image is reconstructed from its own crops and figure; no discriminator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from baselines.torso import with_torso
from baselines.vunet.crops import part_crops
from baselines.vunet.figure import stick_figure
from baselines.vunet.hyperparameters import Hyperparameters
from baselines.vunet.layers import initialise_from_data
from baselines.vunet.losses import divergence, divergence_weight, reconstruction_loss
from baselines.vunet.network import VariationalUNet
from fhpt_bench.training.distributed import same_start
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs, adam
from fhpt_bench.training.losses import PerceptualNetwork
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import People, TrainableGenerator, View

TAPS = tuple(f"relu{block}_2" for block in range(1, 6))


class VUNetGenerator(TrainableGenerator):
    """The variational U-Net. A view has the source image, its crops, the crops of the target, the target's figure.

    Args:
        hparams: hyperparameters of the network.
    """

    network: VariationalUNet

    def __init__(self, hparams: Hyperparameters) -> None:
        super().__init__(VariationalUNet(hparams.width, hparams.levels, hparams.dropout))
        self._completes = hparams.completes_torso

    def view(self, people: People, half: bool) -> View:
        """Make the crops of both images, and the figure of the target."""
        pose, target_pose = (with_torso(pose, self._completes) for pose in (people.source_pose, people.target_pose))
        crops = part_crops(people.source, pose, self.network.crop)
        own_crops = part_crops(people.target, target_pose, self.network.crop)
        return View(people.target, (people.source, crops, own_crops, stick_figure(target_pose, people.size)))

    def generate(self, view: View) -> Tensor:
        """Paint the source person in the target pose, (B, 3, H, W), not clipped."""
        _, crops, _, figure = view.inputs
        return self.network.transfer(crops, figure)


class VUNetLearner(GeneratorLearner):
    """Trains VUNet, whose convolutions are initialised from the first batches.

    Args:
        hparams: hyperparameters of the network and the training.
        inputs: batches, held-out pairs, processes, seed.
    """

    hparams: Hyperparameters
    generator: VUNetGenerator
    perceptual: PerceptualNetwork

    def __init__(self, hparams: Hyperparameters, inputs: Inputs) -> None:
        generator = VUNetGenerator(hparams)
        super().__init__(
            generator, nn.ModuleDict(), {"network": adam(generator.network, hparams)}, None, hparams, inputs,
            PerceptualNetwork(hparams.perceptual_network, taps=TAPS),
        )  # fmt: skip
        # Each process has its own part of these batches: the main process's counts.
        batches = [self.next_view(half=False).inputs[2:] for _ in range(hparams.initial_batches)]
        initialise_from_data(generator.network, *(torch.cat(parts) for parts in zip(*batches, strict=True)))
        same_start(self.accelerator, [generator.network])
        self._step = Replay(self._pass, list(generator.network.parameters()), self.accelerator.device)

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Step the network; the weight of the divergence rises with the number of the iteration."""
        view, device = self.next_view(half), self.accelerator.device
        weight = torch.tensor(divergence_weight(number - 1, self.hparams.iterations), device=device)
        recon, div = self._step(weight, view.target, *view.inputs)
        losses = {"reconstruction": recon.clone(), "divergence": div.clone()}
        self.step(self.network.parameters(), *self.optimisers.values())
        return losses

    def _pass(self, weight: Tensor, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the loss."""
        _, _, own_crops, figure = inputs
        with self.accelerator.autocast():
            with torch.no_grad():
                target_maps = self.perceptual(target)
            result = self.generator.network(own_crops, figure)
            maps = self.perceptual(result.image)
        recon = reconstruction_loss(result.image, target, maps, target_maps, self.hparams.feature_scale)
        div = divergence(result.posterior, result.prior)
        self.backward(self.hparams.reconstruction_weight * recon + weight * div, self.network)
        return recon.detach(), div.detach()
