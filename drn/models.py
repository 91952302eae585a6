"""The Detail Replenishing Network as a model that `run` can measure, and its parts by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drn.checkpoint import Checkpoint, read_checkpoint
from fhpt_bench.model import ModelCard, PairBatch, TrainedGenerator

if TYPE_CHECKING:
    from torch import Tensor

    from drn.network import Stages

PAPER = "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, arXiv:2005.12494"
FACE = "drn-face"
_SIGMA = 6.0


class DRNWithoutFace(TrainedGenerator):
    """Transfer branch and detail branch, without the face module; I_c + R_t.

    Args:
        checkpoint: of its recipe; None for the one in the weights store.

    Raises:
        WeightsMissing: where nobody has trained one.
        UserError: where the file is none of its recipe's.
    """

    recipe: ClassVar[str] = "drn"
    has_detail: ClassVar[bool] = True
    card = ModelCard(
        "drn-no-face", "Detail Replenishing Network without the face module", PAPER, 2020, trainable=True
    )  # fmt: skip

    def __init__(self, checkpoint: Path | None = None) -> None:
        from drn.network import DetailReplenishingNetwork

        found = read_checkpoint(self.recipe, checkpoint)
        self._network = DetailReplenishingNetwork(found.hparams, detail=self.has_detail)
        found.fill(self._network)
        self._network.eval()
        self._checkpoints: tuple[Checkpoint, ...] = (found,)

    @property
    def trained(self) -> Mapping[str, str]:
        """Recipe -> digest of its tensors."""
        return {checkpoint.name: checkpoint.digest for checkpoint in self._checkpoints}

    def to(self, device: str) -> None:
        self._network.to(device)

    def stages(self, batch: PairBatch) -> Stages:
        """Everything that the network makes on the way.

        Args:
            batch: B pairs.

        Returns:
            Coarse image, guidance map, residual map and image of each pair.
        """
        import torch

        from drn.network import Stages
        from fhpt_bench.data.heat_maps import heat_maps

        size = (batch.source.shape[2], batch.source.shape[3])
        maps = [heat_maps(pose, size, _SIGMA) for pose in (batch.source_pose, batch.target_pose)]
        # On a CPU company saves no time, and would move an image in the last bits.
        portion = 1 if batch.source.device.type == "cpu" else len(batch.source)
        parts = [
            self._network(*(x[i : i + portion] for x in (batch.source, *maps)))
            for i in range(0, len(batch.source), portion)
        ]
        residuals = [part.residual for part in parts if part.residual is not None]
        return Stages(
            torch.cat([part.coarse for part in parts]),
            torch.cat([part.guidance for part in parts]),
            torch.cat(residuals) if residuals else None,
            torch.cat([part.image for part in parts]),
        )

    def generate(self, batch: PairBatch) -> Tensor:
        """I_c + R_t, clipped by the host."""
        return self.stages(batch).image


class DRNCoarse(DRNWithoutFace):
    """The coarse image I_c of the full network ("Ours Coarse" in Table III)."""

    card = ModelCard(
        "drn-coarse", "Detail Replenishing Network, the transfer branch's coarse image", PAPER, 2020, trainable=True
    )  # fmt: skip

    def generate(self, batch: PairBatch) -> Tensor:
        """I_c, clipped by the host."""
        return self.stages(batch).coarse


class DRN(DRNWithoutFace):
    """The full network: where source and target show a frontal face, the face module's is blended in (eq. 2).

    Args:
        checkpoint: of the recipe `drn`; the face module's, `drn-face.safetensors`, is taken from beside it if it is
            there. None for those in the weights store.

    Raises:
        WeightsMissing: where nobody has trained one of the two.
        UserError: where a file is none of its recipe's.
    """

    card = ModelCard(
        "drn", "Detail Replenishing Network", PAPER, 2020, trainable=True, conditioning=("pose", "face-landmarks")
    )  # fmt: skip

    def __init__(self, checkpoint: Path | None = None) -> None:
        from drn.face import FaceModule

        super().__init__(checkpoint)
        beside = checkpoint.with_name(f"{FACE}.safetensors") if checkpoint else None
        found: Checkpoint = read_checkpoint(FACE, beside if beside and beside.is_file() else None)
        self._face = FaceModule(found.hparams.width, found.hparams.style, found.hparams.hidden)
        found.fill(self._face)
        self._face.eval()
        self._checkpoints += (found,)

    def to(self, device: str) -> None:
        super().to(device)
        self._face.to(device)

    def generate(self, batch: PairBatch) -> Tensor:
        """Eq. 2, clipped by the host."""
        return self.with_face(self.stages(batch).image, batch)

    def with_face(self, images: Tensor, batch: PairBatch) -> Tensor:
        """Blend the synthesised faces into images.

        Args:
            images: (B, 3, H, W), I_c + R_t.
            batch: their pairs, with the face landmarks of source and target.

        Returns:
            (B, 3, H, W); as given where either image shows no frontal face.
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
