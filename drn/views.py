"""Inputs of DRN's networks from training pairs: whole images with heat maps, and face crops with sketches."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from drn.face import FaceModule, crop_faces, draw_sketch, face_boxes, landmarks_in_crop
from drn.network import DetailReplenishingNetwork
from fhpt_bench.training.views import People, TrainableGenerator, View, WholeImageGenerator


class DRNGenerator(WholeImageGenerator):
    """The generator of the whole image: G_P, with or without G_T.

    Args:
        network: the network.
        kind: kind of the pose maps, as for `fhpt_bench.data.heat_maps.heat_maps`.
    """

    network: DetailReplenishingNetwork

    def __init__(self, network: DetailReplenishingNetwork, kind: Literal["gaussian", "delta"] = "gaussian") -> None:
        super().__init__(network, kind)

    def coarse(self, view: View) -> Tensor:
        """Generate the coarse image I_c only, (B, 3, h, w)."""
        coarse: Tensor = self.network.transfer(*view.inputs)[0]
        return coarse

    def generate(self, view: View) -> Tensor:
        """Generate I_c + R_t, (B, 3, h, w), not clipped."""
        image: Tensor = self.network(*view.inputs).image
        return image


class FaceGenerator(TrainableGenerator):
    """The generator of the face crop, from the sketch H_F and the face of the source (Section IV-B).

    Args:
        network: the face module.
    """

    shape_channels = 1
    network: FaceModule

    def view(self, people: People, half: bool) -> View:
        """Make face crops and the sketch; crops always have the same size."""
        boxes = [face_boxes(face)[0] for face in (people.source_face, people.target_face)]
        source, target = (crop_faces(im, box) for im, box in zip((people.source, people.target), boxes, strict=True))
        sketch = draw_sketch(landmarks_in_crop(people.target_face, boxes[1]))
        return View(target, (source, sketch))
