"""The Detail Replenishing Network as a model for `run`, and models of its parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from drn.hyperparameters import Hyperparameters
from fhpt_bench.data.heat_maps import heat_maps
from fhpt_bench.model import ModelCard, PairBatch
from fhpt_bench.training.checkpoint import read_checkpoint
from fhpt_bench.training.checkpoint_model import CheckpointModel

if TYPE_CHECKING:
    from torch import Tensor

    from drn.network import DetailReplenishingNetwork, Stages

PAPER = "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, arXiv:2005.12494"
FACE = "drn-face"


class DRNWithoutFace(CheckpointModel):
    """Transfer branch and detail branch, without the face module: I_c + R_t.

    Args:
        checkpoint: checkpoint of its recipe; default: the one in the weights store.

    Raises:
        WeightsMissing: if there is no checkpoint.
        UserError: if the file is not a checkpoint of its recipe.
    """

    recipe: ClassVar[str] = "drn"
    hyperparameters = Hyperparameters
    has_detail: ClassVar[bool] = True
    pose_maps: Literal["gaussian", "delta"] = "gaussian"
    card = ModelCard(
        "drn-no-face", "Detail Replenishing Network without the face module", PAPER, 2020, trainable=True
    )  # fmt: skip

    def build(self, hparams: Any) -> DetailReplenishingNetwork:
        """Make the untrained network."""
        from drn.network import DetailReplenishingNetwork

        return DetailReplenishingNetwork(hparams, detail=self.has_detail)

    def stages(self, batch: PairBatch) -> Stages:
        """Compute all intermediate results of the network.

        Args:
            batch: B pairs.

        Returns:
            Coarse image, guidance map, residual map and image of each pair.
        """
        import torch

        from drn.network import Stages

        maps = [heat_maps(pose, batch.size, kind=self.pose_maps) for pose in (batch.source_pose, batch.target_pose)]
        parts: list[Stages] = self.outputs(batch.source, *maps)
        residuals = [part.residual for part in parts if part.residual is not None]
        return Stages(
            torch.cat([part.coarse for part in parts]),
            torch.cat([part.guidance for part in parts]),
            torch.cat(residuals) if residuals else None,
            torch.cat([part.image for part in parts]),
        )

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate I_c + R_t; the caller clips it."""
        return self.stages(batch).image


class DRNCoarse(DRNWithoutFace):
    """The coarse image I_c of the full network ("Ours Coarse" in Table III)."""

    card = ModelCard(
        "drn-coarse", "Detail Replenishing Network, the transfer branch's coarse image", PAPER, 2020, trainable=True
    )  # fmt: skip

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate I_c; the caller clips it."""
        return self.stages(batch).coarse


class DRN(DRNWithoutFace):
    """The full network: if source and target show a frontal face, the face module's face is blended in (eq. 2).

    Args:
        checkpoint: checkpoint of the recipe `drn`. The checkpoint of the face module, `drn-face.safetensors`, is read
            from the same folder if it is there. Default: the checkpoints in the weights store.

    Raises:
        WeightsMissing: if one of the two checkpoints is missing.
        UserError: if a file is not a checkpoint of its recipe.
    """

    card = ModelCard(
        "drn", "Detail Replenishing Network", PAPER, 2020, trainable=True, conditioning=("pose", "face-landmarks")
    )  # fmt: skip

    def __init__(self, checkpoint: Path | None = None) -> None:
        from drn.face import FaceModule

        super().__init__(checkpoint)
        face_file = checkpoint.with_name(f"{FACE}.safetensors") if checkpoint else None
        found = read_checkpoint(FACE, Hyperparameters, face_file if face_file and face_file.is_file() else None)
        self._face = found.make(lambda hparams: FaceModule(hparams.width, hparams.style, hparams.hidden))
        self._face.eval()
        self.checkpoints += (found,)
        self.to("cpu")

    def to(self, device: str) -> None:
        from fhpt_bench.networks.convolutions import moved

        super().to(device)
        moved(self._face, device)

    def generate(self, batch: PairBatch) -> Tensor:
        """Generate the image of eq. 2; the caller clips it."""
        return self.with_face(self.stages(batch).image, batch)

    def with_face(self, images: Tensor, batch: PairBatch) -> Tensor:
        """Blend generated faces into images.

        Args:
            images: (B, 3, H, W), I_c + R_t.
            batch: the pairs, with the face landmarks of source and target.

        Returns:
            (B, 3, H, W). An image is unchanged if its source or target shows no frontal face.
        """
        from drn.face import crop_faces, draw_sketch, face_boxes, landmarks_in_crop, paste_faces

        source, target = batch.source_face_landmarks, batch.target_face_landmarks
        if source is None or target is None:
            raise ValueError("drn needs the face landmarks of source and target")
        (from_boxes, shown), (to_boxes, wanted) = face_boxes(source), face_boxes(target)
        both = shown & wanted
        result = images.clone()
        for i in both.nonzero().flatten().tolist():
            one = slice(i, i + 1)
            sketch = draw_sketch(landmarks_in_crop(target[one], to_boxes[one]))
            face = self._face(crop_faces(batch.source[one], from_boxes[one]), sketch)
            result[one] = paste_faces(images[one], face, to_boxes[one], both[one])[0]
        return result
