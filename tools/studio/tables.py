"""Write the rendered images in PATN's file layout of DeepFashion In-shop, with truth tables and a manifest."""

import csv
import hashlib
import json
import shutil
from collections import defaultdict
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import TypedDict

import numpy as np

from .labels import CLASSES

MANIFEST = "manifest.json"
FORMAT = 1
GENERATOR = "tools/studio"
PEOPLE_COLUMNS = [
    "name",
    "split",
    "person",
    "item",
    "gender",
    "view",
    "outfit",
    "upper_fabric",
    "lower_fabric",
    "shoes",
    "hair",
    "pose",
    "expression",
    "seed",
]
POINT_TABLES = ("body", "face", "hand_left", "hand_right", "face_box", "frontal")


class Photograph(TypedDict):
    """One shot: its notes, and the paths of its image and truth."""

    notes: dict
    image: Path
    truth: Path


def assemble(photographs: Sequence[Photograph], splits: Sequence[str], out: Path, seed: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for split in splits:
        chosen = [photograph for photograph in photographs if photograph["notes"]["split"] == split]
        if not chosen:
            continue
        chosen.sort(key=lambda photograph: photograph["notes"]["name"])
        names = [photograph["notes"]["name"] for photograph in chosen]
        _copy_images(chosen, out / split)
        (out / f"{split}.lst").write_text("".join(f"{name}\n" for name in names))
        people = [photograph["notes"]["person"] for photograph in chosen]
        _write_rows(out / f"fasion-resize-pairs-{split}.csv", ("from", "to"), pairs(names, people))
        truths = [_load(photograph["truth"]) for photograph in chosen]
        bodies = [truth["body"] for truth in truths]
        (out / f"fasion-resize-annotation-{split}.csv").write_text(annotation(names, bodies))
        columns = {key: np.stack([truth[key] for truth in truths]) for key in POINT_TABLES}
        np.savez_compressed(out / f"truth-{split}.npz", names=np.array(names), **columns)
        labels = np.stack([truth["labels"] for truth in truths])
        np.savez_compressed(
            out / f"parsing-{split}.npz", labels=labels, names=np.array(names), classes=np.array(CLASSES)
        )
    rows = [[photograph["notes"][column] for column in PEOPLE_COLUMNS] for photograph in photographs]
    _write_rows(out / "people.csv", PEOPLE_COLUMNS, sorted(rows))
    (out / MANIFEST).write_text(json.dumps(manifest(out, seed), indent=1) + "\n")


def pairs(names: Sequence[str], people: Sequence[str]) -> list[tuple[str, str]]:
    """All ordered pairs of two different images of one person."""
    albums: dict[str, list[str]] = defaultdict(list)
    for name, person in zip(names, people, strict=True):
        albums[person].append(name)
    return [pair for album in albums.values() for pair in permutations(album, 2)]


def annotation(names: Sequence[str], bodies: Sequence[np.ndarray]) -> str:
    """PATN's annotation table: row coordinates first, then columns; -1 in both for a joint that is not visible."""
    lines = ["name:keypoints_y:keypoints_x"]
    for name, body in zip(names, bodies, strict=True):
        seen = body[:, 2] > 0
        x, y = (np.where(seen, np.round(body[:, axis].astype(float), 1), -1).tolist() for axis in (0, 1))
        lines.append(f"{name}: {_listed(y)}: {_listed(x)}")
    return "\n".join(lines) + "\n"


def manifest(out: Path, seed: int) -> dict:
    files = {}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            content = path.read_bytes()
            files[path.relative_to(out).as_posix()] = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
    return {"format": FORMAT, "seed": seed, "generator": GENERATOR, "files": dict(sorted(files.items()))}


def _copy_images(photographs: Sequence[Photograph], folder: Path) -> None:
    """Copy the images; other images in the folder are removed."""
    folder.mkdir(exist_ok=True)
    names = {photograph["notes"]["name"] for photograph in photographs}
    for stale in folder.glob("*.jpg"):
        if stale.name not in names:
            stale.unlink()
    for photograph in photographs:
        shutil.copyfile(photograph["image"], folder / photograph["notes"]["name"])


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _listed(values: list[float]) -> str:
    return json.dumps([int(value) if value == -1 else value for value in values])


def _write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
