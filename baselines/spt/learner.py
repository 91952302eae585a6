"""SPT's training in three stages: the pose detector, H_S, and H_A against two discriminators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from baselines.dsc.parts import pose_inputs
from baselines.spt.discriminators import PatchDiscriminator, face_crops, face_squares
from baselines.spt.hyperparameters import Hyperparameters, fade_in
from baselines.spt.losses import content_loss, pose_loss, semantic_style_loss
from baselines.spt.network import SemanticParsingTransformation, make_network
from baselines.spt.parsing import CLASSES, one_hot, parsing_loss
from baselines.spt.pose_detector import PoseDetector
from baselines.torso import with_torso
from fhpt_bench.training.distributed import same_start
from fhpt_bench.training.generator_learner import GeneratorLearner, Inputs, adam
from fhpt_bench.training.losses import (
    PerceptualNetwork,
    lsgan_discriminator,
    lsgan_generator,
    reconstruction_loss,
)
from fhpt_bench.training.replay import Replay
from fhpt_bench.training.views import People, TrainableGenerator, View

_MAPS = "relu2_1"  # of the content and the style loss


class SPTInputs(NamedTuple):
    """The inputs of a view: what the networks are given of pairs, and what the losses compare with.

    Args:
        source: (B, 3, H, W) in [-1, 1].
        source_parsing: (B, 9, H, W) of 0 and 1.
        target_parsing: the same of the target; H_A's input in training, H_S's label.
        source_maps: (B, 18, H, W).
        target_maps: like source_maps.
        transforms: (B, 10, 2, 3) of `baselines.dsc.parts.PoseInputs`.
        masks: (B, 10, H, W).
        back_transforms: transforms of the way back, from the target's pose to the source's.
        back_masks: masks of the way back.
        squares: (B, 3) of `face_squares` of the target.
    """

    source: Tensor
    source_parsing: Tensor
    target_parsing: Tensor
    source_maps: Tensor
    target_maps: Tensor
    transforms: Tensor
    masks: Tensor
    back_transforms: Tensor
    back_masks: Tensor
    squares: Tensor

    @property
    def poses(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Heat maps, transforms and masks, as both networks take them."""
        return self.source_maps, self.target_maps, self.transforms, self.masks

    @property
    def way_back(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The same from the target's pose to the source's."""
        return self.target_maps, self.source_maps, self.back_transforms, self.back_masks


class SPTGenerator(TrainableGenerator):
    """H_S and H_A.

    Args:
        hparams: hyperparameters of the networks.
    """

    network: SemanticParsingTransformation

    def __init__(self, hparams: Hyperparameters) -> None:
        super().__init__(make_network(hparams))
        self._completes = hparams.completes_torso

    def view(self, people: People, half: bool) -> View:
        """Make the inputs of both networks and of the losses."""
        if people.source_parsing is None or people.target_parsing is None:
            raise ValueError("spt needs parsing maps of the training images")
        pose, target_pose = (with_torso(pose, self._completes) for pose in (people.source_pose, people.target_pose))
        poses, back = (pose_inputs(*ends, people.size) for ends in ((pose, target_pose), (target_pose, pose)))
        inputs = SPTInputs(
            people.source, one_hot(people.source_parsing), one_hot(people.target_parsing), *poses,
            back.transforms, back.masks, face_squares(target_pose),
        )  # fmt: skip
        return View(people.target, inputs)

    def generate(self, view: View) -> Tensor:
        """Paint what H_S predicts, (B, 3, H, W)."""
        given = SPTInputs(*view.inputs)
        image: Tensor = self.network(given.source, given.source_parsing, *given.poses).image
        return image


class SPTLearner(GeneratorLearner):
    """Trains SPT.

    Args:
        hparams: hyperparameters of the networks and the training.
        inputs: batches, held-out pairs, processes, seed.
        adversarial: whether the discriminators are used.
    """

    hparams: Hyperparameters
    generator: SPTGenerator
    perceptual: PerceptualNetwork

    def __init__(self, hparams: Hyperparameters, inputs: Inputs, adversarial: bool = True) -> None:
        h, generator = hparams, SPTGenerator(hparams)
        semantic, painter = generator.network.semantic, generator.network.appearance
        self.detector = PoseDetector(h.detector_width, h.detector_blocks, h.dropout)
        channels = {"image": 3 + len(CLASSES), "face": 3}
        critics = nn.ModuleDict({name: PatchDiscriminator(n, h.discriminator_width) for name, n in channels.items()})
        parts = {"detector": self.detector, "semantic": semantic, "appearance": painter}
        super().__init__(
            generator, critics, {name: adam(part, h) for name, part in parts.items()},
            adam(critics, h) if adversarial else None, h, inputs, PerceptualNetwork("vgg16", taps=(_MAPS,)),
        )  # fmt: skip
        device = self.accelerator.device
        self.detector.to(device)
        same_start(self.accelerator, [self.detector])
        self._detection = Replay(self._detector_pass, list(self.detector.parameters()), device)
        self._parsing = Replay(self._semantic_pass, list(semantic.parameters()), device)
        self._painting = Replay(self._painter_pass, list(painter.parameters()), device)
        self._discrimination = Replay(self._critic_pass, list(critics.parameters()), device)
        self._first_painting = h.detector_iterations + h.semantic_iterations + 1
        self.phases = (1, h.detector_iterations + 1, self._first_painting)
        self.phase_costs = (1.0, 1.0, 4.0)

    @property
    def state(self) -> Mapping[str, Any]:
        """The state of every generator's training, and the pose detector."""
        return {**super().state, "detector": self.detector}

    def iterate(self, number: int, half: bool) -> Mapping[str, float | Tensor]:
        """Step the pose detector, H_S, or in the third stage H_A and then the discriminators on the same batch."""
        view, network = self.next_view(half), self.generator.network
        if number <= self.hparams.detector_iterations:
            self.detector.train()
            (loss,) = self._detection(view.target, *view.inputs)
            losses = {"detector": loss.clone()}
            self.step(self.detector.parameters(), self.optimisers["detector"])
            return losses
        if number < self._first_painting:
            (loss,) = self._parsing(view.target, *view.inputs)
            losses = {"parsing": loss.clone()}
            self.step(network.semantic.parameters(), self.optimisers["semantic"])
            return losses
        self.detector.eval()
        share = torch.tensor(fade_in(number - self._first_painting, self.hparams), device=self.accelerator.device)
        fake, *terms = self._painting(share, view.target, *view.inputs)
        losses = dict(zip(self._terms, (term.clone() for term in terms), strict=True))
        self.step(network.appearance.parameters(), self.optimisers["appearance"])
        if self.critic_optimiser:
            (loss,) = self._discrimination(fake, view.target, *view.inputs)
            losses["discriminators"] = loss.clone()
            self.step(self.critics.parameters(), self.critic_optimiser)
        return losses

    def generated(self, view: View) -> dict[str, Tensor]:
        """Paint what H_S predicts: the image of H_A's inner generator, and the final image."""
        given = SPTInputs(*view.inputs)
        coarse = self.generator.network(given.source, given.source_parsing, *given.poses, 0.0).image
        return {"coarse": coarse, "final": self.generator.generate(view)}

    @property
    def _terms(self) -> list[str]:
        """The terms of H_A's loss, named like their weights."""
        paired = ["reconstruction"] if self.hparams.loss.reconstruction else []
        return ["pose", "content", "style", *paired, *(["adversarial", "face"] if self.critic_optimiser else [])]

    def _detector_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the pose detector's loss on the targets."""
        with self.accelerator.autocast():
            detected = self.detector(target)
        loss = pose_loss(detected, SPTInputs(*inputs).target_maps)
        self.backward(loss, self.detector)
        return (loss.detach(),)

    def _semantic_pass(self, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of H_S's loss."""
        given, semantic = SPTInputs(*inputs), self.generator.network.semantic
        with self.accelerator.autocast():
            logits = semantic(given.source_parsing, *given.poses)
        loss = parsing_loss(logits, given.target_parsing.argmax(1))
        self.backward(loss, semantic)
        return (loss.detach(),)

    def _painter_pass(self, share: Tensor, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of H_A's loss; return the generated images and its terms."""
        given, painter, h = SPTInputs(*inputs), self.generator.network.appearance, self.hparams
        for frozen in (self.critics, self.detector):
            frozen.requires_grad_(False)
        # What content and style compare with: the target, or without pairs the source.
        real, real_parsing = given.source, given.source_parsing
        if h.loss.reconstruction:
            real, real_parsing = target, given.target_parsing
        with self.accelerator.autocast():
            with torch.no_grad():
                (real_maps,) = self.perceptual(real)
            image = painter(given.source, given.source_parsing, given.target_parsing, *given.poses, share)
            (maps,) = self.perceptual(image)
            same = maps
            if not h.loss.reconstruction:
                back = painter(image, given.target_parsing, given.source_parsing, *given.way_back, share)
                (same,) = self.perceptual(back)
            detected = self.detector(image)
        terms = {
            "pose": pose_loss(detected, given.target_maps),
            "content": content_loss(same, real_maps),
            "style": semantic_style_loss(maps, given.target_parsing, real_maps, real_parsing),
        }
        if h.loss.reconstruction:
            terms["reconstruction"] = reconstruction_loss(image, target)
        if self.critic_optimiser:
            scores, face_scores, shown = self._discriminate(image, given)
            terms |= {"adversarial": lsgan_generator(scores), "face": lsgan_generator(face_scores, shown)}
        self.backward(torch.stack([getattr(h.loss, name) * term for name, term in terms.items()]).sum(), painter)
        for frozen in (self.critics, self.detector):
            frozen.requires_grad_(True)
        return image.detach(), *(term.detach() for term in terms.values())

    def _critic_pass(self, fake: Tensor, target: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute the gradients of the discriminators' losses."""
        given = SPTInputs(*inputs)
        (real, real_face, shown), (made, made_face, _) = (self._discriminate(image, given) for image in (target, fake))
        loss = lsgan_discriminator(real, made) + lsgan_discriminator(real_face, made_face, shown, shown)
        self.backward(loss, self.critics)
        return (loss.detach(),)

    def _discriminate(self, image: Tensor, given: SPTInputs) -> tuple[Tensor, Tensor, Tensor]:
        """The scores of images with the target's parsing map and of their faces, and which images have a face."""
        with self.accelerator.autocast():
            faces, shown = face_crops(image, given.squares, self.hparams.face_side)
            scores = self.critics["image"](torch.cat([image, given.target_parsing], 1))
            return scores, self.critics["face"](faces), shown
