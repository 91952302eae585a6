"""Dress and pose a person: body, clothes, shoes and hair as parts for the renderer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from . import covered, cutting, hairdos, painting
from .body import BodyModel, RestBody
from .expressions import FaceUnits
from .garments import Garment, load_garment
from .geometry import Array, compact, skin, split_quads, vertex_normals
from .labels import LABEL
from .people import Person
from .posing import HandGuard
from .skin_map import SkinMap
from .wardrobe import OUTFITS

BODY_LABEL = -1  # skin: its parsing class depends on the bone
SMILE = {"mouthSmile": 1.0, "cheekSquint": 0.5}
HEM_DEPTH = 0.006  # metres by which covered skin that is still rendered (near a hem) is moved inwards
TOP_GAP = 0.002  # metres between upper and lower garment
BIB_GAP = 0.005  # metres between dungarees and the shirt under them
SOCK_HEIGHT = 0.035  # metres above the ankle joint from which a shoe mesh is a sock

TUCK = 0.015  # metres of a shoe or sock that are rendered inside a trouser leg


@dataclass
class Part:
    name: str
    rest: Array
    weights: Array
    triangles: Array
    uv: Array  # (F, 3, 2)
    label: int
    material: dict
    print_uv: Array | None = None
    vertices: Array = field(default_factory=lambda: np.zeros((0, 3)))
    source: Array = field(default_factory=lambda: np.zeros(0, int))  # vertex numbers in the full mesh
    # body vertices (V, n) and their weights (V, n): with them the part follows facial movements
    face: tuple[Array, Array] | None = None


@dataclass
class Dressed:
    """A dressed person at rest."""

    person: Person
    body: RestBody
    parts: list[Part]
    guard: HandGuard


@dataclass
class Posed:
    dressed: Dressed
    parts: list[Part]
    body: Array  # (V, 3) at rest, with the expression
    bones: Array  # (J, 4, 4)
    placement: Array  # (4, 4): rotation about the vertical axis and translation to the floor


class Dresser:
    def __init__(self, assets: Path, model: BodyModel) -> None:
        self._assets = assets
        self._model = model
        self._garments: dict[str, Garment] = {}
        self._skin_map = SkinMap(assets / "textures", model)
        self.face_units = FaceUnits(model)

    def garment(self, kind: str, name: str) -> Garment:
        key = f"{kind}/{name}"
        if key not in self._garments:
            self._garments[key] = load_garment(self._assets / "makehuman" / key)
        return self._garments[key]

    def dress(self, person: Person) -> Dressed:
        body = self._model.rest(person.phenotype, person.face)
        body.vertices += self.face_units.offsets({unit: person.smile * share for unit, share in SMILE.items()})
        outfit = self._outfit(person, body)
        hem = min(part.rest[:, 2].min() for part in outfit if part.label == LABEL["lower"])
        parts = [
            *outfit,
            *self._shoes(person, body, hem),
            *self._hair(person, body),
            *self._skin(person, body),
            *self._eyes(person, body),
        ]
        guard = _hand_guard(self._model, body, parts)
        return Dressed(person, body, [_used_only(part) for part in parts], guard)

    def _outfit(self, person: Person, body: RestBody) -> list[Part]:
        clothes = person.clothes
        garment = self.garment("clothes", clothes.outfit)
        outfit = OUTFITS[clothes.outfit]
        over_top = outfit.over_top
        fabrics = {"upper": clothes.upper, "lower": clothes.lower, "inner": clothes.inner, "tie": clothes.tie}
        weights = garment.weights(self._model.weights)
        parts = []
        for piece in cutting.cut(garment, body, self._model, over_top, outfit.inner, outfit.tie):
            vertices = piece.vertices
            if piece.part == ("lower" if over_top else "upper"):
                gap = BIB_GAP if over_top else TOP_GAP
                vertices = vertices + gap * vertex_normals(vertices, piece.triangles)
            fabric = fabrics[piece.part]
            print_image = clothes.print if piece.part == "upper" else None
            parts.append(
                Part(
                    name=piece.part,
                    rest=vertices,
                    weights=weights[piece.numbers],
                    triangles=piece.triangles,
                    uv=piece.coordinates / fabric.size,
                    label=LABEL["lower" if piece.part == "lower" else "upper"],
                    material={"kind": "cloth", "image": fabric.tile, "print": print_image},
                    print_uv=cutting.chest_chart(vertices, piece.triangles, body, self._model),
                )
            )
        return parts

    def _shoes(self, person: Person, body: RestBody, hem: float) -> list[Part]:
        """Shoes and socks. Some shoe meshes include a sock: triangles well above the ankle get the sock's colour.

        Triangles that trousers cover are left out, since they would show through.
        """
        clothes = person.clothes
        garment = self.garment("clothes", clothes.shoes)
        vertices = garment.fit(body.vertices)
        ankle = body.heads[self._model.bone_number["foot.L"]][2]
        height = vertices[garment.triangles][..., 2].mean(1)
        bare = height < hem + TUCK
        sock = height > ankle + SOCK_HEIGHT
        return [
            Part(
                name=name,
                rest=vertices,
                weights=garment.weights(self._model.weights),
                triangles=garment.triangles[chosen],
                uv=garment.uv[chosen],
                label=LABEL["shoes"],
                material={"kind": kind, "colour": colour},
            )
            for name, kind, colour, chosen in (
                ("shoes", "leather", clothes.leather, bare & ~sock),
                ("socks", "sock", clothes.socks, bare & sock),
            )
            if chosen.any()
        ]

    def _hair(self, person: Person, body: RestBody) -> list[Part]:
        if person.hair == hairdos.BALD:
            return []
        garment = self.garment("hair", person.hair)
        vertices = garment.fit(body.vertices)
        if hairdos.HAIRDOS[person.hair].fringe:
            eyes = np.array([body.vertices[self._model.eye_vertices(side)].mean(0) for side in "lr"])
            head = body.vertices[np.unique(self._model.quads)]
            vertices = hairdos.clear_face(vertices, eyes, head[head[:, 2] > eyes[:, 2].mean() + 0.02])
        # streaks run downwards: texture coordinates are the angle around the head and the height
        middle = body.heads[self._model.bone_number["head"]]
        corners = vertices[garment.triangles] - np.array([0, middle[1] - 0.01, 0])
        angle = np.arctan2(corners[..., 0], corners[..., 1]) / (2 * np.pi)
        angle -= np.round(angle - angle[:, :1])
        return [
            Part(
                name="hair",
                rest=vertices,
                weights=garment.weights(self._model.weights),
                triangles=garment.triangles,
                uv=np.stack([angle, corners[..., 2]], -1),
                label=LABEL["hair"],
                material={"kind": "hair", "colour": person.complexion.hair},
            )
        ]

    def _skin(self, person: Person, body: RestBody) -> list[Part]:
        model = self._model
        worn = [self.garment("clothes", name) for name in (person.clothes.outfit, person.clothes.shoes)]
        hidden = covered.hidden_vertices(worn, body, model)
        vertices = body.vertices.copy()
        vertices[hidden] -= HEM_DEPTH * vertex_normals(body.vertices, model.triangles)[hidden]
        kept = ~covered.dropped_quads(hidden, model)
        rng = np.random.default_rng([person.seed, 3])
        return [
            Part(
                name="body",
                rest=vertices,
                weights=model.weights,
                triangles=split_quads(model.quads[kept]),
                uv=model.uv[split_quads(model.uv_quads[kept])],
                label=BODY_LABEL,
                material={
                    "kind": "skin",
                    "image": painting.paint(self._skin_map, person.complexion, rng),
                    "gloss": person.complexion.gloss,
                },
                face=(np.arange(len(vertices))[:, None], np.ones((len(vertices), 1))),
            )
        ]

    def _eyes(self, person: Person, body: RestBody) -> list[Part]:
        model = self._model
        image = painting.paint_eye(self._assets / "textures", person.complexion.eye)
        parts = []
        for side in "lr":
            numbers = model.eye_vertices(side)
            middle = body.vertices[numbers].mean(0)
            radius = np.abs(body.vertices[numbers, 0] - middle[0]).max()
            uv = 0.5 + (body.vertices[:, [0, 2]] - middle[[0, 2]]) / (2 * radius) * 0.8
            triangles = split_quads(model.groups[f"helper-{side}-eye"][:, :, 0])
            material = {"kind": "eye", "image": image}
            parts.append(
                Part(f"eye_{side}", body.vertices, model.weights, triangles, uv[triangles], LABEL["face"], material)
            )
        if person.gender == "WOMEN":
            garment = self.garment("eyelashes", "eyelashes01")
            vertices, weights = garment.fit(body.vertices), garment.weights(model.weights)
            lashes = Part("lashes", vertices, weights, garment.triangles, garment.uv, LABEL["face"], {"kind": "lashes"})
            lashes.face = (garment.anchors, garment.shares)
            parts.append(lashes)
        return parts


def pose(
    dressed: Dressed, model: BodyModel, rotations: Mapping[str, Array], yaw: Array, expression: Array | None = None
) -> Posed:
    """Pose the person, rotate it by `yaw` and place its lowest vertex on the floor.

    `expression` has one offset per vertex of the body.
    """
    bones = model.bone_matrices(dressed.body.heads, rotations)
    parts = [Part(**vars(part)) for part in dressed.parts]
    offsets = np.zeros_like(dressed.body.vertices) if expression is None else expression
    for part in parts:
        rest = part.rest
        if part.face is not None:
            anchors, shares = part.face
            rest = rest + (offsets[anchors] * shares[..., None]).sum(1)
        part.vertices = skin(rest, part.weights, bones) @ yaw.T
    tops = [part for part in parts if part.name == "upper"]
    for hair in (part for part in parts if part.name == "hair"):
        normals = np.concatenate([vertex_normals(top.vertices, top.triangles) for top in tops])
        hair.vertices = hairdos.lift(hair.vertices, np.concatenate([top.vertices for top in tops]), normals)
    floor = min(part.vertices[:, 2].min() for part in parts)
    for part in parts:
        part.vertices[:, 2] -= floor
    placement = np.eye(4)
    placement[:3, :3] = yaw
    placement[2, 3] = -floor
    return Posed(dressed, parts, dressed.body.vertices + offsets, bones, placement)


def _used_only(part: Part) -> Part:
    used, triangles = compact(part.triangles)
    part.rest, part.weights, part.triangles, part.source = part.rest[used], part.weights[used], triangles, used
    if part.face is not None:
        part.face = (part.face[0][used], part.face[1][used])
    return part


def _hand_guard(model: BodyModel, body: RestBody, parts: list[Part]) -> HandGuard:
    cloth = [part for part in parts if part.material["kind"] == "cloth"]
    starts = np.cumsum([len(body.vertices), *(len(part.rest) for part in cloth)])
    return HandGuard(
        model,
        np.concatenate([body.vertices, *(part.rest for part in cloth)]),
        np.concatenate([model.weights, *(part.weights for part in cloth)]),
        np.concatenate(
            [model.triangles, *(part.triangles + start for part, start in zip(cloth, starts, strict=False))]
        ),
    )
