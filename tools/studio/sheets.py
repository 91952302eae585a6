"""python -m tools.studio.sheets --data DIR --out FILE: contact sheets, plain or with the ground truth drawn in."""

from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console

from .landmarks import COCO

VIEW_ORDER = ("front", "side", "back", "full", "additional")
LIMBS = (
    *((1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12), (12, 13)),
    *((1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
RIGHT, LEFT, MIDDLE, HIDDEN = "#ff5050", "#40a0ff", "#ffd040", "#b0b0b0"
LABEL_COLOURS = np.array(
    [
        (255, 255, 255),
        (90, 60, 30),
        (230, 90, 60),
        (60, 90, 200),
        (30, 30, 30),
        (250, 200, 160),
        (120, 200, 90),
        (240, 210, 40),
        (190, 90, 190),
    ]
)
Decorate = Callable[[Image.Image, int, float], Image.Image]


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--split", type=click.Choice(["train", "test"]), default="test")
@click.option("--overlay", type=click.Choice(["none", "points", "labels"]), default="none")
@click.option("--people", default="0:100", help="first:last, counted from 0")
@click.option("--across", default=2, help="People in a row.")
@click.option("--scale", default=1.0)
def main(data: Path, out: Path, split: str, overlay: str, people: str, across: int, scale: float) -> None:
    """Lay the images of a split out, a person after the other, five views each."""
    truth = np.load(data / f"truth-{split}.npz")
    names = [str(name) for name in truth["names"]]
    albums: dict[str, list[str]] = {}
    for name in names:
        albums.setdefault(name.rsplit("_", 1)[0], []).append(name)
    first, last = (int(number) for number in people.split(":"))
    chosen = list(albums.values())[first:last]
    decorate = _decorator(overlay, data, split)
    width, height = round(176 * scale), round(256 * scale)
    rows = -(-len(chosen) // across)
    sheet = Image.new("RGB", (width * len(VIEW_ORDER) * across, height * rows), "white")
    for number, album in enumerate(chosen):
        album.sort(
            key=lambda name: next(place for place, view in enumerate(VIEW_ORDER) if name.endswith(f"{view}.jpg"))
        )
        for place, name in enumerate(album):
            image = Image.open(data / split / name).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
            image = decorate(image, names.index(name), scale)
            sheet.paste(image, ((number % across * len(VIEW_ORDER) + place) * width, number // across * height))
    sheet.save(out, **({"quality": 80} if out.suffix == ".jpg" else {}))
    Console(stderr=True).print(f"{len(chosen)} people on {out}, {sheet.width} x {sheet.height}")


def _decorator(overlay: str, data: Path, split: str) -> Decorate:
    if overlay == "points":
        with np.load(data / f"truth-{split}.npz") as truth:
            tables = {name: truth[name] for name in ("body", "face", "hand_left", "hand_right")}
        return lambda image, number, scale: _draw_points(
            image, {name: table[number] for name, table in tables.items()}, scale
        )
    if overlay == "labels":
        with np.load(data / f"parsing-{split}.npz") as parsing:
            labels = parsing["labels"]
        return lambda image, number, scale: _draw_labels(image, labels[number])
    return lambda image, number, scale: image


def _draw_points(image: Image.Image, points: dict[str, np.ndarray], scale: float) -> Image.Image:
    """Limbs are drawn where both ends are seen; hidden joints are hollow."""
    brush = ImageDraw.Draw(image)
    body = points["body"]
    for start, end in LIMBS:
        if body[start, 2] and body[end, 2]:
            brush.line([tuple(body[start, :2] * scale), tuple(body[end, :2] * scale)], fill="#60ff60", width=1)
    for name, (x, y, seen) in zip(COCO, body * [scale, scale, 1], strict=True):
        colour = RIGHT if name.startswith("right") else LEFT if name.startswith("left") else MIDDLE
        brush.ellipse([x - 3, y - 3, x + 3, y + 3], fill=colour if seen else None, outline=colour if seen else HIDDEN)
    for table, colour in (("face", "#00ff80"), ("hand_left", LEFT), ("hand_right", RIGHT)):
        for x, y, seen in points[table] * [scale, scale, 1]:
            if seen:
                brush.point([(x, y), (x + 1, y)], fill=colour)
    return image


def _draw_labels(image: Image.Image, labels: np.ndarray) -> Image.Image:
    coloured = Image.fromarray(LABEL_COLOURS[labels].astype(np.uint8)).resize(image.size, Image.Resampling.NEAREST)
    return Image.blend(image, coloured, 0.6)


if __name__ == "__main__":
    main()
