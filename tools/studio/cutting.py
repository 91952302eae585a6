"""Cut an outfit's mesh into upper and lower garment, and compute texture coordinates for a print on the chest."""

from dataclasses import dataclass

import numpy as np

from .body import BodyModel, RestBody
from .garments import Garment, fabric_coordinates
from .geometry import Array, compact, components, face_normals

SMALL_PIECE = 100  # triangles; a smaller piece is a button
INNER_PIECE, TIE_PIECE = -1, -2
TIE_HALF_WIDTH = 0.0205  # metres; in the mesh the tie is the middle part of the shirt
PRINT_SIDE = 0.24  # metres
PRINT_RAISE = 0.02  # metres from the middle of the chest up to the middle of the print


@dataclass
class Piece:
    part: str  # upper, lower, inner (a shirt under a jacket) or tie
    numbers: Array  # vertex numbers in the garment
    vertices: Array
    triangles: Array
    coordinates: Array  # (F, 3, 2) metres of fabric


def cut(
    garment: Garment,
    body: RestBody,
    model: BodyModel,
    over_top: bool,
    inner: tuple[int, ...] = (),
    tie: tuple[int, ...] = (),
) -> list[Piece]:
    """Cut the fitted garment into pieces. A connected piece with its middle below the hip joints is a lower garment."""
    vertices = garment.fit(body.vertices)
    hip = body.heads[model.bone_number["upperleg01.L"]][2] + 0.02
    knee = body.heads[model.bone_number["lowerleg01.L"]][2]
    coordinates = fabric_coordinates(garment, vertices)
    pieces = components(garment.triangles)
    welded = pieces.max() == 0
    islands = components(garment.uv_triangles)
    if welded:  # shirt and trousers are one mesh: split it by sewing-pattern islands
        pieces = islands
    pieces = np.where(np.isin(islands, inner), INNER_PIECE, pieces)
    middle = np.abs(vertices[garment.triangles][..., 0].mean(1)) < TIE_HALF_WIDTH
    pieces = np.where(np.isin(islands, tie) & middle, TIE_PIECE, pieces)
    result = []
    for piece in np.unique(pieces):
        chosen = pieces == piece
        numbers, triangles = compact(garment.triangles[chosen])
        height = vertices[numbers, 2]
        reaches_down = not welded and height.min() < knee  # dungarees: their middle is above the hip
        lower = height.mean() < hip or reaches_down
        if chosen.sum() < SMALL_PIECE and not welded:
            lower = over_top  # the buttons of dungarees
        part = {INNER_PIECE: "inner", TIE_PIECE: "tie"}.get(int(piece), "lower" if lower else "upper")
        result.append(Piece(part, numbers, vertices[numbers], triangles, coordinates[chosen]))
    return result


def chest_chart(vertices: Array, triangles: Array, body: RestBody, model: BodyModel) -> Array:
    """Texture coordinates of a print, projected from the front; triangles that face backwards get none of it."""
    chest = (body.heads[model.bone_number["spine01"]] + body.heads[model.bone_number["spine02"]]) / 2
    across = vertices[:, 0] / PRINT_SIDE + 0.5
    up = (vertices[:, 2] - chest[2] - PRINT_RAISE) / PRINT_SIDE + 0.5
    chart = np.stack([across, up], 1)[triangles]
    chart[face_normals(vertices, triangles)[:, 1] > 0] = -5
    return chart
