"""The paper's Figures 5 to 8: systems and ablations side by side, keypoint error curves, faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from fhpt_bench.benchmark import Benchmark, Pair
from fhpt_bench.evaluation.figures import as_score
from fhpt_bench.protocol import Score
from fhpt_bench.records.schema import ScoreEntry
from fhpt_bench.reporting.contact_sheet import draw_pose, image_grid, scaled
from fhpt_bench.reporting.formatting import badges, describe_pairs, number_format
from leaderboards.columns import find_columns
from leaderboards.paper.contents import CURVES, REAL, Measure, PaperFigure, System
from leaderboards.paper.pictures import Image8, Pictures
from leaderboards.paper.tables import fill
from protocols.structural.curve_plot import plot_curves
from protocols.structural.keypoint_error_curve import DECIMALS

_TILE = 176  # width of a tile; faces are squares of it
_NOSE, _RIGHT_EYE, _LEFT_EYE = 0, 14, 15  # of the 18 joints
_OUTER_RIGHT, _TIP, _OUTER_LEFT = 36, 30, 45  # of the 68 points of a face
_FEWEST = 55  # points of a frontal face
_AROUND = 1.8  # side of a face's square, relative to the extent of its landmarks
_EYES = 4.5  # the same, relative to the distance of the eyes in a pose
_SMALLEST = 24  # pixels


def side_by_side(figure: PaperFigure, pictures: Pictures, pairs: Sequence[Pair], how: str) -> Image8:
    """Draw Figure 5 or 6: source, target pose and target of each pair, and the image of each system.

    Args:
        figure: which figure.
        pictures: the images.
        pairs: the pairs, one row each.
        how: how the pairs were chosen.

    Returns:
        (h, w, 3) uint8.
    """
    systems = pictures.shown(figure.systems)
    rows = []
    for pair in pairs:
        source, target = pictures.real([pair.source, pair.target])
        pose = draw_pose(pictures.benchmark.poses[pair.target], pictures.benchmark.image_size)
        tiles = [source, pose, target, *(pictures.generated(system, pair) for system in systems)]
        rows.append([scaled(tile, _TILE) for tile in tiles])
    titles = ["source", "target pose", "target", *(system.label for system in systems)]
    heading, notes = heading_of(figure, pictures, len(pairs), how), notes_of(figure, pictures)
    return image_grid(rows, titles, heading, [pair.id for pair in pairs], notes)


def face_crops(figure: PaperFigure, pictures: Pictures, pairs: Sequence[Pair], how: str) -> Image8:
    """Draw Figure 8: the faces of source and target, and of each system's image, enlarged.

    Args:
        figure: which figure.
        pictures: the images.
        pairs: pairs with a frontal face in source and target (`frontal`), one row each.
        how: how the pairs were chosen.

    Returns:
        (h, w, 3) uint8.
    """
    systems = pictures.shown(figure.systems)
    rows = []
    for pair in pairs:
        source, target = pictures.real([pair.source, pair.target])
        place = face_box(pictures.benchmark, pair.target)
        tiles = [(source, face_box(pictures.benchmark, pair.source)), (target, place)]
        tiles += [(pictures.generated(system, pair), place) for system in systems]
        rows.append([_enlarged(image, box) for image, box in tiles if box is not None])
    titles = ["source", "target", *(system.label for system in systems)]
    heading, notes = heading_of(figure, pictures, len(pairs), how), notes_of(figure, pictures)
    return image_grid(rows, titles, heading, [pair.id for pair in pairs], notes)


def frontal(benchmark: Benchmark, pair: Pair) -> bool:
    """Whether source and target of a pair both show a frontal face."""
    return face_box(benchmark, pair.source) is not None and face_box(benchmark, pair.target) is not None


def face_box(benchmark: Benchmark, image: str) -> tuple[float, float, float] | None:
    """Find the square of a frontal face, by the benchmark's landmarks, or by its poses if it has none.

    Args:
        benchmark: gives landmarks and poses.
        image: name of the image.

    Returns:
        x and y of the centre and the side, in pixels; None if the image shows no frontal face.
    """
    if benchmark.truth.face:
        points = benchmark.truth.face.get(image)
        if points is None:
            return None
        seen = points[np.isfinite(points).all(1)]
        if len(seen) < _FEWEST or not points[_OUTER_RIGHT, 0] < points[_TIP, 0] < points[_OUTER_LEFT, 0]:
            return None
        low, high = seen.min(0), seen.max(0)
        x, y = (low + high) / 2
        side = _AROUND * float((high - low).max())
    else:
        nose, right, left = benchmark.poses[image][[_NOSE, _RIGHT_EYE, _LEFT_EYE]]
        if not (np.isfinite([nose, right, left]).all() and right[0] < nose[0] < left[0]):
            return None
        x, y = nose
        side = _EYES * float(np.linalg.norm(left - right))
    return float(x), float(y), max(_SMALLEST, side)


def _enlarged(image: Image8, box: tuple[float, float, float]) -> Image8:
    """A square of an image, (_TILE, _TILE, 3); beyond its border, the border is repeated."""
    x, y, side = box
    around = int(side) + 1
    padded = np.pad(image, ((around, around), (around, around), (0, 0)), mode="edge")
    corner = (x - side / 2 + around, y - side / 2 + around)
    return np.asarray(
        Image.fromarray(padded).resize(
            (_TILE, _TILE), Image.Resampling.BICUBIC, (*corner, corner[0] + side, corner[1] + side)
        )
    )


def error_curves(figure: PaperFigure, pictures: Pictures) -> bytes | None:
    """Draw Figure 7: the keypoint error curves of several systems.

    Args:
        figure: which figure.
        pictures: gives the records.

    Returns:
        A PNG file; None if no system has a curve.
    """
    curves: dict[str, dict[str, Score]] = {}
    for key in CURVES:
        found = measured_scores((key,), figure.systems, pictures)
        # The last system of the paper's list is the full one; the first curve is the thickest.
        for system in reversed(found):
            curves.setdefault(system.label, {})[key.rpartition(":")[2]] = as_score(found[system])
    measured = [system for system in figure.systems if system.label in curves]
    absent = [system.label for system in figure.systems if system not in measured]
    notes = [*conditions_of(measured, pictures), f"Without curves in a record: {', '.join(absent)}." if absent else ""]
    title = f"Figure {figure.number}: {figure.title}. {describe_pairs(pictures.choice.benchmark)}"
    return plot_curves(curves, "\n".join(filter(None, [title, " ".join(notes)])), DECIMALS)


def heading_of(figure: PaperFigure, pictures: Pictures, count: int, how: str) -> str:
    """The title of a figure of images.

    Args:
        figure: which figure.
        pictures: gives the benchmark.
        count: number of pairs that it shows.
        how: how they were chosen.
    """
    noun = "pair" if count == 1 else "pairs"
    part = describe_pairs(pictures.choice.benchmark)
    return f"Figure {figure.number}: {figure.title}, {count} {noun} ({how}). {part}"


def notes_of(figure: PaperFigure, pictures: Pictures) -> list[str]:
    """The lines below a figure of images: what was measured of its systems, what they are given, which have no images.

    Args:
        figure: which figure.
        pictures: gives the records.
    """
    notes = []
    found = measured_scores(figure.measure, figure.systems, pictures)
    if found:
        first = next(iter(found.values()))
        spec = number_format([score.value for score in found.values() if score.value is not None], 4)
        better = "higher" if first.higher_is_better else "lower"
        parts = [_with_interval(system, score, spec) for system, score in found.items()]
        notes.append(f"{first.label} ({first.variant}), {better} is better, 95 % interval: {'; '.join(parts)}.")
    notes += conditions_of([system for system in figure.systems if system in pictures.systems], pictures)
    # Real images are drawn from the benchmark; they need no record.
    if absent := [s.label for s in figure.systems if s not in pictures.systems and s != REAL]:
        notes.append(f"Without a record that has images: {', '.join(absent)}.")
    return notes


def conditions_of(systems: Sequence[System], pictures: Pictures) -> list[str]:
    """What a reader must know of some systems, such as that one is given more than image and poses; one line or none.

    Args:
        systems: systems with a record.
        pictures: gives the records.
    """
    found = [(system, badges(pictures.choice.measured[system.model][0].model)) for system in systems]
    parts = [f"{system.label}: {', '.join(marks)}" for system, marks in found if marks]
    return [f"{'; '.join(parts)}."] if parts else []


def measured_scores(keys: Sequence[str], systems: Sequence[System], pictures: Pictures) -> dict[System, ScoreEntry]:
    """Comparable scores of some systems.

    Args:
        keys: scores to choose from, see `Measure.keys`.
        systems: the systems.
        pictures: gives the records.

    Returns:
        The systems that have a value of the chosen score and fingerprint, in the given order.
    """
    choice = pictures.choice
    measured = {s: choice.measured[s.model] for s in systems if s.model in choice.measured}
    columns = find_columns([record for record, _ in measured.values()])
    filled = fill(Measure(tuple(keys)), columns, list(measured.values()), choice)
    if filled.ranking is None:
        return {}
    cells = dict(zip(measured, filled.ranking.cells, strict=True))
    return {system: cell.score for system, cell in cells.items() if cell is not None and cell.score.value is not None}


def _with_interval(system: System, score: ScoreEntry, spec: str) -> str:
    interval = f" [{score.interval[0]:{spec}}, {score.interval[1]:{spec}}]" if score.interval else ""
    return f"{system.label} {score.value:{spec}}{interval}, n = {score.n}"
