"""Draws the chosen figures and writes them into a folder."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image

from fhpt_bench.benchmark import Pair
from fhpt_bench.data.images import encode_figure_png, is_own_png
from fhpt_bench.errors import UserError
from fhpt_bench.files import write_bytes
from fhpt_bench.model import TrainedGenerator, models
from fhpt_bench.reporting.listing import echo
from leaderboards.paper.choice import Choice
from leaderboards.paper.contents import FIGURES, PaperFigure
from leaderboards.paper.figures import error_curves, face_crops, frontal, side_by_side
from leaderboards.paper.gallery import retrieval_gallery
from leaderboards.paper.pictures import Image8, Pictures, choose_pairs, named_pairs, open_pictures

_QUERIES = 3  # random pairs of Figure 9, which has several rows each


@dataclass(frozen=True)
class Request:
    """What to draw.

    Args:
        benchmark: name of the benchmark.
        data_root: folder of its data, if it does not ship with the package.
        numbers: numbers of the figures.
        ids: ids of the pairs to show; none for random ones.
        count: number of random pairs.
        seed: of the random pairs.
        checkpoint: checkpoint of the model of Figure 10; None for its default.
        images: name of a model -> the folder that was evaluated.
    """

    benchmark: str
    data_root: Path | None
    numbers: tuple[int, ...]
    ids: tuple[str, ...]
    count: int
    seed: int
    checkpoint: Path | None
    images: Mapping[str, Path]


def draw_figures(choice: Choice, request: Request, out: Path, commands: click.Command) -> bool:
    """Draw figures as `figure-NUMBER.png`, and print what was drawn and what could not be.

    Args:
        choice: the records.
        request: what to draw.
        out: the folder; files in it that this package drew are replaced.
        commands: the command line, whose command `visualize` draws Figure 10.

    Returns:
        Whether all of them were drawn.

    Raises:
        UserError: if a file is in the way, or a pair or image is missing.
    """
    chosen = [figure for figure in FIGURES if figure.number in request.numbers]
    for figure in chosen:
        _check_free(_file(out, figure))
    systems = [system for figure in chosen for system in figure.systems]
    pictures = open_pictures(choice, systems, request.benchmark, request.data_root, request.images)
    named = named_pairs(pictures, request.ids)
    complete = True
    for figure in chosen:
        file = _file(out, figure)
        try:
            if figure.number == 10:
                _guidance(figure, pictures, named, request, file, commands)
                continue
            write_bytes(file, encode_figure_png(_draw(figure, pictures, named, request)))
        except UserError as error:  # the other figures go on
            echo(f"figure {figure.number:<4}not drawn: {error}")
            complete = False
            continue
        echo(f"figure {figure.number:<4}{file}")
    return complete


def _draw(figure: PaperFigure, pictures: Pictures, named: Sequence[Pair], request: Request) -> Image8:
    if figure.number == 7:
        curves = error_curves(figure, pictures)
        if curves is None:
            raise UserError("No record of its systems has keypoint error curves: run them with --protocols kec.")
        return np.asarray(Image.open(io.BytesIO(curves)).convert("RGB"))
    systems = pictures.shown(figure.systems)
    if not systems:
        names = ", ".join(system.model for system in figure.systems)
        raise UserError(f"None of {names} has a record with images: for evaluated folders, give --images NAME=DIR.")
    count = min(request.count, _QUERIES) if figure.number == 9 else request.count
    able = [pair for pair in pictures.benchmark.pairs if figure.number != 8 or frontal(pictures.benchmark, pair)]
    if unable := [pair.id for pair in named if pair not in able]:
        raise UserError(f"The pair {unable[0]} has no frontal face in source and target: choose another pair.")
    pairs = named or choose_pairs(pictures, systems, count, request.seed, able)
    if not pairs:
        what = "frontal faces in source and target" if figure.number == 8 else "an image of every system"
        raise UserError(f"No pair has {what}: choose other pairs.")
    how = "chosen" if named else f"random, one a person, seed {request.seed}"
    if figure.number == 8:
        return face_crops(figure, pictures, pairs, how)
    if figure.number == 9:
        return retrieval_gallery(figure, pictures, pairs, how, progress=True)
    return side_by_side(figure, pictures, pairs, how)


def _guidance(
    figure: PaperFigure,
    pictures: Pictures,
    named: Sequence[Pair],
    request: Request,
    file: Path,
    commands: click.Command,
) -> None:
    """Figure 10 is drawn by the command of the network's own package, which generates the images again."""
    (system,) = figure.systems
    if system.model in pictures.choice.measured:
        model = models.load(system.model)
        here = dict(model(request.checkpoint).trained) if issubclass(model, TrainedGenerator) else {}
        if here != dict(pictures.choice.measured[system.model][0].model.trained):
            raise UserError(
                f"The record of {system.model} was made with other weights than those here: give --checkpoint the file "
                "that was run, or set FHPT_WEIGHTS_DIR to its folder."
            )
    with_images = pictures.shown(figure.systems)
    pairs = named or choose_pairs(pictures, with_images, request.count, request.seed, pictures.benchmark.pairs)
    words = ["visualize", "guidance", "--model", system.model, "--benchmark", request.benchmark, "--out", str(file)]
    if request.data_root is not None:
        words += ["--data-root", str(request.data_root)]
    if request.checkpoint is not None:
        words += ["--checkpoint", str(request.checkpoint)]
    words += [word for pair in pairs for word in ("--pair", pair.id)]
    file.parent.mkdir(parents=True, exist_ok=True)
    commands.main(args=words, standalone_mode=False)


def _file(out: Path, figure: PaperFigure) -> Path:
    return out / f"figure-{figure.number}.png"


def _check_free(file: Path) -> None:
    if file.is_symlink() or (file.exists() and not is_own_png(file)):
        raise UserError(f"{file} exists, and fhpt-bench did not draw it: give --out another folder.")
