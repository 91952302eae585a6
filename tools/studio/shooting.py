"""Render every view of every person into a work folder, so that a stopped run can be resumed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from . import casting, catalogue, dressing, expressions
from .body import BodyModel, read_bvh_pose
from .casting import Role
from .dressing import Dressed, Dresser, Posed
from .framing import VIEWS, Camera, draw_yaw, frame
from .geometry import Array
from .people import Person
from .photographer import Photographer
from .poses import Pose, mirrored
from .posing import gaze
from .truth import Surveyor
from .wardrobe import OUTFITS

JPEG_QUALITY = 95
PAPER = (0.62, 0.82)  # linear grey
# modules that have no influence on pixels or points
NOT_RENDERING = ("__main__.py", "check.py", "sheets.py", "tables.py", "names.py", "swaps.py", "swapping.py")


@dataclass(frozen=True)
class Shot:
    role: Role
    view: str
    folder: Path
    enlarge: int = 1  # factor of the image's size, 1 or 2

    @property
    def _stem(self) -> Path:
        return self.folder / f"{self.role.identifier}-{self.view}"

    @property
    def image(self) -> Path:
        return self._stem.with_suffix(".jpg")

    @property
    def truth(self) -> Path:
        return self._stem.with_suffix(".npz")

    @property
    def notes(self) -> Path:
        return self._stem.with_suffix(".json")

    @property
    def settings(self) -> str:
        """Digest of all that the image depends on: the role, the view, the code and the libraries."""
        return hashlib.sha256(f"{self.role}{self.view}{self.enlarge}{renderer_digest()}".encode()).hexdigest()

    def is_done(self) -> bool:
        """Whether the shot was finished with the same `settings`; the notes are written last."""
        return self.notes.exists() and json.loads(self.notes.read_text())["settings"] == self.settings


@dataclass
class Stand:
    """How a person stands in a shot: the drawn pose and gaze, and the seed with which the pose was solved."""

    name: str
    pose: Pose | None  # None: a pose of MakeHuman, whose rotations do not depend on the body
    seed: tuple[int, ...]
    eyes: dict[str, Array]
    rotations: dict[str, Array]


@dataclass
class Scene:
    """All that is drawn for a shot before it is rendered."""

    stand: Stand
    yaw: Array
    expression: str
    offsets: Array  # (V, 3): the expression
    posed: Posed
    camera: Camera


def shots(roles: Iterable[Role], folder: Path, enlarge: int) -> list[Shot]:
    return [Shot(role, view, folder, enlarge) for role in roles for view in VIEWS]


@cache
def renderer_digest() -> str:
    """Digest of the code and the library versions that the images depend on."""
    total = hashlib.sha256(f"{version('bpy')} {version('anny')} {version('pillow')}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in NOT_RENDERING:
            total.update(path.read_bytes())
    return total.hexdigest()


class Session:
    """The loaded models and the Blender scene."""

    def __init__(self, assets: Path) -> None:
        self.model = BodyModel()
        self._dresser = Dresser(assets, self.model)
        self._photographer = Photographer()
        self._surveyor = Surveyor(self.model)
        self._bvh = {
            name: read_bvh_pose(assets / "makehuman" / "poses" / f"{name}.bvh") for name in catalogue.BVH_POSES
        }

    def person(self, role: Role) -> Person:
        return casting.make_person(role, self.model)

    def dress(self, person: Person) -> Dressed:
        return self._dresser.dress(person)

    def shoot(self, shot: Shot, dressed: Dressed) -> None:
        scene = self.arrange(shot, dressed)
        notes = _notes(shot, dressed, scene.stand.name) | {"expression": scene.expression}
        self.expose(shot, scene.posed, scene.camera, notes)

    def arrange(self, shot: Shot, dressed: Dressed) -> Scene:
        """Draw pose, expression, rotation and camera of a shot."""
        rng = np.random.default_rng([shot.role.seed, 5, VIEWS.index(shot.view)])
        stand = self._choose_pose(shot, dressed)
        expression, strengths = expressions.draw(np.random.default_rng([shot.role.seed, 10, VIEWS.index(shot.view)]))
        offsets = self._dresser.face_units.offsets(strengths)
        yaw = draw_yaw(shot.view, rng)
        posed = dressing.pose(dressed, self.model, stand.rotations, yaw, offsets)
        return Scene(stand, yaw, expression, offsets, posed, frame(posed, shot.view, rng))

    def expose(self, shot: Shot, posed: Posed, camera: Camera, notes: dict) -> None:
        """Render a posed person on the paper of the shot's role, and write image, truth and notes."""
        truth = self._surveyor.survey(posed, camera, shot.enlarge)
        image = self._photographer.shoot(posed.parts, camera, _paper(shot.role), shot.enlarge)
        shot.folder.mkdir(parents=True, exist_ok=True)
        _replace(shot.image, lambda path: image.save(path, quality=JPEG_QUALITY))
        _replace(shot.truth, truth.save)
        _replace(shot.notes, lambda path: path.write_text(json.dumps(notes)))

    def _choose_pose(self, shot: Shot, dressed: Dressed) -> Stand:
        """Draw a pose that suits the view; a pose with a hand inside the body is skipped."""
        names = catalogue.poses_for(shot.view, OUTFITS[shot.role.outfit].narrow_steps)
        rng = np.random.default_rng([shot.role.seed, 6, VIEWS.index(shot.view)])
        for number, name in enumerate(str(name) for name in rng.permutation(names)):
            seed = (shot.role.seed, 8, VIEWS.index(shot.view), number)
            pose = None
            if name in self._bvh:
                rotations = self._bvh[name]
                free = dressed.guard.is_free(rotations, dressed.body)
            else:
                pose = catalogue.POSES[name]
                if rng.random() < 0.5:
                    name, pose = f"{name}_mirrored", mirrored(pose)
                rotations, free = dressed.guard.pose(pose, dressed.body, seed)
            if free:
                eyes = gaze(rng)
                return Stand(name, pose, seed, eyes, rotations | eyes)
        raise RuntimeError(f"{shot.role.identifier}: every pose puts a hand inside the body")


def take(assets: Path, planned: list[Shot], on_shot: Callable[[], None]) -> None:
    """Render the missing shots; call `on_shot` after every shot. The models are loaded at the first missing one."""
    session: Session | None = None
    dressed: tuple[Role, Dressed] | None = None
    for shot in planned:
        if not shot.is_done():
            session = session or Session(assets)
            if dressed is None or dressed[0] != shot.role:
                dressed = (shot.role, session.dress(session.person(shot.role)))
            session.shoot(shot, dressed[1])
        on_shot()


def _paper(role: Role) -> np.ndarray:
    rng = np.random.default_rng([role.seed, 9])
    return np.clip(rng.uniform(*PAPER) * (1 + rng.normal(0, 0.012, 3)), 0, 1)


def _notes(shot: Shot, dressed: Dressed, pose_name: str) -> dict:
    role, clothes = shot.role, dressed.person.clothes
    return {
        "settings": shot.settings,
        "name": casting.role_image(role, clothes.print is not None, shot.view),
        "split": role.split,
        "person": role.identifier,
        "item": f"{role.item:08d}",
        "gender": role.gender,
        "view": shot.view,
        "outfit": role.outfit,
        "upper_fabric": clothes.upper.signature,
        "lower_fabric": clothes.lower.signature,
        "shoes": role.shoes,
        "hair": role.hair,
        "pose": pose_name,
        "seed": role.seed,
    }


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write to a temporary file in the same folder, then rename: a killed process leaves no incomplete file."""
    partial = path.with_name(f"partial-{path.name}")
    write(partial)
    os.replace(partial, path)
