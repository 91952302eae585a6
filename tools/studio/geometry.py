"""Small mesh and rotation helpers.

All modules use one coordinate frame: metres, z up; the person faces -y, and the person's left is +x.
"""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = np.ndarray


def unit(vector: Array) -> Array:
    vector = np.asarray(vector, float)
    return vector / (np.linalg.norm(vector) + 1e-12)


def cross_matrix(vector: Array) -> Array:
    x, y, z = vector
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def rotation_euler(degrees: Array) -> Array:
    """Rotation about the fixed axes x, then y, then z."""
    result = np.eye(3)
    for axis, angle in zip(np.eye(3), degrees, strict=True):
        result = rotation_about(axis, angle) @ result
    return result


def rotation_about(axis: Array, degrees: float) -> Array:
    matrix = cross_matrix(unit(axis))
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * matrix + (1 - np.cos(angle)) * matrix @ matrix


def rotation_between(start: Array, end: Array) -> Array:
    """The smallest rotation from one direction to another."""
    start, end = unit(start), unit(end)
    matrix = cross_matrix(np.cross(start, end))
    return np.eye(3) + matrix + matrix @ matrix / (1 + start @ end + 1e-9)


def rotation_yaw(degrees: float) -> Array:
    return rotation_about(np.array([0.0, 0.0, 1.0]), degrees)


def split_quads(quads: Array) -> Array:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def face_normals(vertices: Array, triangles: Array) -> Array:
    """Normals whose length is twice the triangle's area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: Array, triangles: Array) -> Array:
    per_face = face_normals(vertices, triangles)
    result = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(result, triangles[:, corner], per_face)
    return result / (np.linalg.norm(result, axis=1, keepdims=True) + 1e-12)


def components(triangles: Array) -> Array:
    """Number of the connected component of every triangle."""
    count = triangles.max() + 1
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1][triangles[:, 0]]


def compact(triangles: Array) -> tuple[Array, Array]:
    """The used vertices, and the triangles renumbered to them."""
    used, renumbered = np.unique(triangles, return_inverse=True)
    return used, renumbered.reshape(-1, 3)


def skin(vertices: Array, weights: Array, bones: Array) -> Array:
    """Linear blend skinning: weights (V, J), bones (J, 4, 4)."""
    blended = (weights @ bones[:, :3].reshape(-1, 12)).reshape(-1, 3, 4)
    return np.einsum("vab,vb->va", blended, np.c_[vertices, np.ones(len(vertices))])


def transform(points: Array, matrix: Array) -> Array:
    return points @ matrix[:3, :3].T + matrix[:3, 3]


def to_linear(colour: Array) -> Array:
    colour = np.asarray(colour, float)
    return np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)


def to_srgb(colour: Array) -> Array:
    colour = np.clip(colour, 0, 1)
    return np.where(colour <= 0.0031308, colour * 12.92, 1.055 * colour ** (1 / 2.4) - 0.055)
