"""MakeHuman clothes and hair: meshes bound to the body's vertices (.mhclo), and their fabric coordinates."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .geometry import Array, components, face_normals

# MakeHuman's axes (x, y up, z to the front) -> number of the axis in `geometry`'s frame
OUR_AXIS = {"x": 0, "y": 2, "z": 1}


@dataclass
class Garment:
    """A mesh in which every vertex is bound to three vertices of the body."""

    anchors: Array  # (V, 3) numbers of body vertices
    shares: Array  # (V, 3) their weights
    offsets: Array  # (V, 3) in the unit and axes of the file
    scales: dict[str, tuple[int, int, float]]  # axis: two body vertices and their distance in the file's unit
    hidden: Array  # body vertices that this garment covers
    triangles: Array
    uv_triangles: Array
    uv: Array  # (F, 3, 2)

    def fit(self, body: Array) -> Array:
        """Vertices of the garment on a body, in metres."""
        scale = np.ones(3)
        for axis, (first, second, distance) in self.scales.items():
            if distance:
                scale["xyz".index(axis)] = abs(np.subtract(*body[[first, second], OUR_AXIS[axis]])) / distance
        x, y, z = (self.offsets * scale).T
        return (body[self.anchors] * self.shares[..., None]).sum(1) + np.stack([x, -z, y], 1)

    def weights(self, body_weights: Array) -> Array:
        """Skinning weights, mixed from those of the skin below, so that skin does not show through the cloth."""
        mixed = np.clip((body_weights[self.anchors] * self.shares[..., None]).sum(1), 0, None)
        return mixed / mixed.sum(1, keepdims=True)


@dataclass
class _Lines:
    """Content of an .mhclo file."""

    mesh: str = ""
    anchors: list = field(default_factory=list)
    shares: list = field(default_factory=list)
    offsets: list = field(default_factory=list)
    scales: dict = field(default_factory=dict)
    hidden: set = field(default_factory=set)


def load_garment(folder: Path) -> Garment:
    binding_file = sorted(folder.glob("*.mhclo"))[0]
    lines = _read_binding(binding_file)
    triangles, uv_triangles, uv = _read_triangles(binding_file.with_name(lines.mesh))
    return Garment(
        anchors=np.array(lines.anchors),
        shares=np.array(lines.shares),
        offsets=np.array(lines.offsets),
        scales=lines.scales,
        hidden=np.array(sorted(lines.hidden), int),
        triangles=triangles,
        uv_triangles=uv_triangles,
        uv=uv[uv_triangles],
    )


def _read_binding(path: Path) -> _Lines:
    result = _Lines()
    section = ""
    for line in path.read_text(encoding="utf8", errors="ignore").splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "obj_file":
            result.mesh = words[1]
        elif words[0] in ("x_scale", "y_scale", "z_scale"):
            result.scales[words[0][0]] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] in ("verts", "delete_verts"):
            section = words[0]
        elif section == "delete_verts" and words[0].isdigit():
            result.hidden |= _read_ranges(words)
        elif section == "verts" and words[0].isdigit():
            _read_vertex(words, result)
    return result


def _read_ranges(words: list[str]) -> set[int]:
    """Parse a list of numbers and ranges: `3 - 7 9` means 3 to 7, and 9."""
    numbers: set[int] = set()
    position = 0
    while position < len(words):
        first = last = int(words[position])
        if words[position + 1 : position + 2] == ["-"]:
            last = int(words[position + 2])
            position += 2
        numbers.update(range(first, last + 1))
        position += 1
    return numbers


def _read_vertex(words: list[str], result: _Lines) -> None:
    if len(words) == 1:
        result.anchors.append([int(words[0])] * 3)
        result.shares.append([1.0, 0.0, 0.0])
        result.offsets.append([0.0, 0.0, 0.0])
        return
    result.anchors.append([int(word) for word in words[:3]])
    result.shares.append([float(word) for word in words[3:6]])
    result.offsets.append([float(word) for word in words[6:9]] if len(words) >= 9 else [0.0, 0.0, 0.0])


def _read_triangles(path: Path) -> tuple[Array, Array, Array]:
    uv: list[list[float]] = []
    triangles: list[list[list[int]]] = []
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] == ["vt"]:
            uv.append([float(words[1]), float(words[2])])
        elif words[:1] == ["f"]:
            corners = []
            for word in words[1:]:
                numbers = [*word.split("/"), "1"][:2]
                corners.append([int(number) - 1 if number else 0 for number in numbers])
            triangles += [[corners[0], corners[k], corners[k + 1]] for k in range(1, len(corners) - 1)]
    faces = np.array(triangles)
    return faces[:, :, 0], faces[:, :, 1], np.array(uv or [[0.0, 0.0]])


def fabric_coordinates(garment: Garment, vertices: Array) -> Array:
    """Texture coordinates in metres: each sewing-pattern piece is rotated upright (along the sleeve) and scaled.

    A piece keeps its mean height, so that stripes nearly match at the side seams.
    """
    pieces = components(garment.uv_triangles)
    result = np.zeros_like(garment.uv)
    for piece in np.unique(pieces):
        chosen = pieces == piece
        points = vertices[garment.triangles[chosen]].reshape(-1, 3)
        flat = garment.uv[chosen].reshape(-1, 2)
        slope = np.linalg.lstsq(np.c_[flat, np.ones(len(flat))], points[:, 2], rcond=None)[0][:2]
        up = slope / (np.linalg.norm(slope) + 1e-12)
        upright = np.array([[up[1], -up[0]], [up[0], up[1]]])
        scaled = (flat @ upright.T) * _metres_per_unit(points, flat)
        scaled -= scaled.mean(0)
        scaled[:, 1] += points[:, 2].mean()
        result[chosen] = scaled.reshape(-1, 3, 2)
    return result


def _metres_per_unit(points: Array, flat: Array) -> float:
    numbers = np.arange(len(points)).reshape(-1, 3)
    in_space = np.linalg.norm(face_normals(points, numbers), axis=1).sum()
    on_paper = np.abs(face_normals(np.c_[flat, np.zeros(len(flat))], numbers)[:, 2]).sum()
    return float(np.sqrt(in_space / max(on_paper, 1e-12)))
