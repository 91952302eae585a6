"""What identifies people and clothes must not be in both splits; and the size of the data."""

import json
from pathlib import Path

from .photographs import SPLITS, Figure, rows

KEYS = {
    "people": ("person",),
    "items": ("item",),
    "seeds": ("seed",),
    "fabrics": ("upper_fabric", "lower_fabric"),
}
IMAGE_ROOM, OTHER_ROOM = 24, 4  # MiB


def figures(data: Path) -> list[Figure]:
    result = []
    tables = [rows(data, split) for split in SPLITS]
    for what, columns in KEYS.items():
        train, test = ({row[column] for row in table for column in columns} for table in tables)
        shared = len(train & test)
        result.append(Figure(f"{what} in both splits", f"{shared} (of {len(train)} and {len(test)})", "0", not shared))
    files = json.loads((data / "manifest.json").read_text())["files"]
    images = sum(file["bytes"] for name, file in files.items() if name.endswith(".jpg")) / 2**20
    others = sum(file["bytes"] for name, file in files.items() if not name.endswith(".jpg")) / 2**20
    return [
        *result,
        Figure("images", f"{images:.1f} MiB", f"<= {IMAGE_ROOM} MiB", images <= IMAGE_ROOM),
        Figure("all other files", f"{others:.1f} MiB", f"<= {OTHER_ROOM} MiB", others <= OTHER_ROOM),
    ]
