"""Contact sheets, with or without the ground truth: `python -m tools.studio.sheets --data DIR --out FILE`."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from .landmarks import COCO
from .names import VIEW_DIGIT

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
SIZE = (176, 256)
SEED = 20200526
JPEG_QUALITY = 80
Row = dict[str, str]
Decorate = Callable[[Image.Image, Row], Image.Image]


@click.command(context_settings={"show_default": True})
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--split", "splits", multiple=True, default=("train", "test"), type=click.Choice(["train", "test"]))
@click.option("--show", type=click.Choice(["albums", "people", "outfits", "poses", "random"]), default="albums")
@click.option("--overlay", type=click.Choice(["none", "points", "labels"]), default="none")
@click.option("--count", type=click.IntRange(min=1), default=60, help="People (albums) or images (random).")
@click.option("--across", type=click.IntRange(min=1), default=10, help="Images per row.")
@click.option("--scale", type=click.FloatRange(min=0, min_open=True), default=1.0)
def main(
    data: Path, out: Path, splits: tuple[str, ...], show: str, overlay: str, count: int, across: int, scale: float
) -> None:
    """Write a contact sheet: all five views of some people, one front view per person, one image per outfit or per
    pose, or random images.
    """
    with (data / "people.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] in splits]
    captioned = {"outfits": "outfit", "poses": "pose"}.get(show)
    chosen = choose(rows, show, count)
    decorate = _decorator(overlay, data, splits, scale)
    width, height = (round(side * scale) for side in SIZE)
    sheet = Image.new("RGB", (width * min(across, len(chosen)), height * -(-len(chosen) // across)), "white")
    for number, row in enumerate(chosen):
        with Image.open(data / row["split"] / row["name"]) as photograph:
            image = photograph.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        image = decorate(image, row)
        if captioned:
            caption = row[captioned].replace("_", " ")
            ImageDraw.Draw(image).text(
                (4, height - 4), caption, "black", ImageFont.load_default(size=max(9, 11 * scale)), anchor="ls"
            )
        sheet.paste(image, (number % across * width, number // across * height))
    sheet.save(out, **({"quality": JPEG_QUALITY} if out.suffix == ".jpg" else {}))
    Console(stderr=True).print(f"{len(chosen)} images on the contact sheet {out}, {sheet.width} x {sheet.height}")


def choose(rows: Sequence[Row], show: str, count: int) -> list[Row]:
    """The images of a contact sheet, in order."""
    views = list(VIEW_DIGIT)
    ordered = sorted(rows, key=lambda row: (row["split"], row["person"], views.index(row["view"])))
    if show == "random":
        picked = np.random.default_rng(SEED).permutation(len(ordered))[:count]
        return [ordered[number] for number in picked]
    if show == "albums":
        people = list(dict.fromkeys(row["person"] for row in ordered))[:count]
        return [row for row in ordered if row["person"] in people]
    if show == "people":
        return [row for row in ordered if row["view"] == "front"]
    whole_first = sorted(ordered, key=lambda row: row["view"] != "full")
    if show == "outfits":
        first = {(row["outfit"], row["gender"]): row for row in reversed(whole_first)}
    else:
        first = {(row["pose"].removesuffix("_mirrored"),): row for row in reversed(whole_first)}
    return [first[key] for key in sorted(first)]


def _decorator(overlay: str, data: Path, splits: Sequence[str], scale: float) -> Decorate:
    if overlay == "none":
        return lambda image, row: image
    kind, keys = ("truth", ("body", "face", "hand_left", "hand_right")) if overlay == "points" else ("parsing", None)
    tables: dict[str, dict[str, np.ndarray]] = {}
    for split in splits:
        with np.load(data / f"{kind}-{split}.npz", allow_pickle=False) as stored:
            columns = {key: stored[key] for key in keys or ("labels",)}
            for number, name in enumerate(stored["names"].tolist()):
                tables[name] = {key: column[number] for key, column in columns.items()}
    if overlay == "points":
        return lambda image, row: _draw_points(image, tables[row["name"]], scale)
    return lambda image, row: _draw_labels(image, tables[row["name"]]["labels"])


def _draw_points(image: Image.Image, points: dict[str, np.ndarray], scale: float) -> Image.Image:
    """Draw the points. A limb is drawn if both its ends are visible; hidden joints are drawn as circles."""
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
