"""The ablations of Table II. Each has a recipe of the same name. No trained weights of them ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drn.hyperparameters import PBFixedHyperparameters
from drn.models import PAPER, DRNWithoutFace
from fhpt_bench.model import ModelCard

if TYPE_CHECKING:
    from drn.network import PBFixedNetwork


class PBOnly(DRNWithoutFace):
    """The ablation "PB Only": the transfer branch alone, trained with L_2."""

    recipe = "drn-pb-only"
    has_detail = False
    card = ModelCard(recipe, "DRN's transfer branch alone, trained with L_2", PAPER, 2020, trainable=True)


class Texture64(DRNWithoutFace):
    """The ablation "Texture64dim": a style code of length 64."""

    recipe = "drn-tex64"
    card = ModelCard(recipe, "DRN with a style code of length 64, without the face module", PAPER, 2020, trainable=True)


class End2End(DRNWithoutFace):
    """The ablation "End2end": trained with L_2 only, without a step for the coarse image."""

    recipe = "drn-end2end"
    card = ModelCard(recipe, "DRN trained with L_2 alone, without the face module", PAPER, 2020, trainable=True)


class PBFixed(DRNWithoutFace):
    """The ablation "PB Fixed": the transfer branch is a trained PATN, which the checkpoint includes."""

    recipe = "drn-pb-fixed"
    hyperparameters = PBFixedHyperparameters
    card = ModelCard(
        recipe, "a trained PATN with DRN's detail branch, which alone is trained", PAPER, 2020, trainable=True
    )

    def __init__(self, checkpoint: Path | None = None) -> None:
        super().__init__(checkpoint)
        self.pose_maps = self.hparams.patn.pose_maps

    def build(self, hparams: PBFixedHyperparameters) -> PBFixedNetwork:
        """Make the untrained network."""
        from drn.network import PBFixedNetwork

        return PBFixedNetwork(hparams)
