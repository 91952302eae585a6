"""Render a test image again with one thing taken from another person: face and skin, outfit, or gender.

Pose, expression, camera, lamps and background are those of the image. What differs is said in docs/studio.md.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from . import casting, dressing
from .body import BodyModel
from .casting import Role
from .dressing import Dressed, Posed
from .geometry import Array
from .people import Person
from .shooting import Scene, Session, Shot
from .wardrobe import OUTFITS

KINDS = ("identity", "garment", "gender")
UNCHANGED = "unchanged"  # the image itself, rendered again: for the check of the renderer
TRUNK_TOP = "upperarm01"  # the middle of both is the neck joint of the truth tables


@dataclass(frozen=True)
class Swap(Shot):
    """A shot of a person in which one thing is another person's."""

    kind: str = UNCHANGED

    @property
    def _stem(self) -> Path:
        return self.folder / f"{self.role.identifier}-{self.view}-{self.kind}"

    @property
    def settings(self) -> str:
        """Digest of all that the image depends on: that of the shot, the kind, and this module."""
        return hashlib.sha256(f"{super().settings}{self.kind}".encode() + Path(__file__).read_bytes()).hexdigest()


def donors(role: Role, cast: Sequence[Role], kind: str) -> Iterator[Role]:
    """The other people from whom `kind` may be taken, in the order of the cast, starting after the person.

    Faces and skin, and the other gender, are of a person of the same group of skin tones, whose body is shaped alike.
    """
    start = cast.index(role) + 1
    for other in (*cast[start:], *cast[: start - 1]):
        fits = {
            "identity": other.gender == role.gender and other.race == role.race,
            "garment": other.gender == role.gender and other.outfit != role.outfit,
            "gender": other.gender != role.gender and other.race == role.race,
        }
        if fits[kind]:
            yield other


def swapped(person: Person, donor: Person, kind: str) -> Person:
    """The person with one thing of the donor.

    `identity`: face and skin; hair, and the colour of brows and beard, which is the hair's, stay. `garment`: the
    outfit; the shoes stay. `gender`: the donor's head, skin, hair and the one parameter of the body; its other
    parameters and the clothes stay.
    """
    own, other = person.complexion, donor.complexion
    if kind == "identity":
        kept = replace(other, hair=own.hair, brow_colour=own.brow_colour, buzz=own.buzz)
        return replace(person, seed=donor.seed, face=donor.face, complexion=kept)
    if kind == "garment":
        shoes = {name: getattr(person.clothes, name) for name in ("shoes", "leather", "socks")}
        return replace(person, clothes=replace(donor.clothes, **shoes))
    if kind == "gender":
        body = person.phenotype | {"gender": donor.phenotype["gender"]}
        return replace(donor, phenotype=body, smile=person.smile, clothes=person.clothes)
    return person


class SwapSession:
    """The renderer, and the people of the test split."""

    def __init__(self, assets: Path, cast: Sequence[Role]) -> None:
        self._session = Session(assets)
        self._cast = cast
        self._people: dict[Role, Person] = {}
        self._last: tuple[tuple[Role, str], Dressed, Scene] | None = None

    def shoot(self, swap: Swap) -> None:
        dressed, scene = self._arranged(swap)
        donor, posed = None, scene.posed
        if swap.kind != UNCHANGED:
            donor, posed = self._swap(swap, dressed, scene)
        notes = {
            "settings": swap.settings,
            "kind": swap.kind,
            "target": casting.role_image(swap.role, dressed.person.clothes.print is not None, swap.view),
            "person": swap.role.identifier,
            "taken_from": donor.identifier if donor else "",
        }
        self._session.expose(swap, posed, scene.camera, notes)

    def _arranged(self, swap: Swap) -> tuple[Dressed, Scene]:
        """The undamaged person and scene, kept for the other swaps of the same image."""
        key = (swap.role, swap.view)
        if self._last is None or self._last[0] != key:
            dressed = self._session.dress(self._person(swap.role))
            self._last = (key, dressed, self._session.arrange(swap, dressed))
        return self._last[1:]

    def _person(self, role: Role) -> Person:
        """The person of a role, drawn once: its fabrics take seconds."""
        if role not in self._people:
            self._people[role] = self._session.person(role)
        return self._people[role]

    def _swap(self, swap: Swap, dressed: Dressed, scene: Scene) -> tuple[Role, Posed]:
        """The first donor with whom no hand is inside the body or the clothes, and the posed person.

        The bones keep their rotations, except for the arms of another body, which are solved again; and, if no
        donor's clothes leave the hands free, those of the first donor for whom the arms can be solved again.
        """
        session, stand = self._session, scene.stand
        fitting = list(donors(swap.role, self._cast, swap.kind))
        if swap.kind == "garment" and (stand.pose is None or stand.pose.stance.stride):
            fitting = [donor for donor in fitting if not OUTFITS[donor.outfit].narrow_steps]
        for again in (False, True) if swap.kind == "garment" else (swap.kind == "gender",):
            for donor in fitting:
                other = session.dress(swapped(dressed.person, self._person(donor), swap.kind))
                rotations = stand.rotations
                if again and stand.pose is not None:
                    solved, free = other.guard.pose(stand.pose, other.body, stand.seed)
                    rotations = solved | stand.eyes
                else:
                    free = swap.kind != "garment" or other.guard.is_free(rotations, other.body, stand.pose)
                if free:
                    posed = dressing.pose(other, session.model, rotations, scene.yaw, scene.offsets)
                    return donor, _placed_like(posed, scene.posed, session.model)
        raise RuntimeError(f"{swap.role.identifier}, {swap.kind}: a hand is inside the body with every donor")


def _placed_like(posed: Posed, original: Posed, model: BodyModel) -> Posed:
    """Scale a posed person about the floor, and move it, so that its neck joint is where the original's is."""
    own, wanted = _neck(posed, model), _neck(original, model)
    if np.allclose(posed.dressed.body.heads, original.dressed.body.heads, atol=1e-4):
        move = np.eye(4)  # the same body: only the floor under its feet may differ
        move[2, 3] = original.placement[2, 3] - posed.placement[2, 3]
    else:
        move = np.diag([wanted[2] / own[2]] * 3 + [1.0])
        move[:2, 3] = (wanted - move[0, 0] * own)[:2]
    for part in posed.parts:
        part.vertices = part.vertices @ move[:3, :3].T + move[:3, 3]
    posed.placement = move @ posed.placement
    return posed


def _neck(posed: Posed, model: BodyModel) -> Array:
    numbers = [model.bone_number[f"{TRUNK_TOP}.{side}"] for side in "LR"]
    heads = np.c_[posed.dressed.body.heads, np.ones(len(model.bones))]
    return np.mean([posed.placement @ posed.bones[number] @ heads[number] for number in numbers], 0)[:3]
