"""The paper's Figure 9: what the image of each system retrieves."""

from __future__ import annotations

from collections.abc import Sequence

from fhpt_bench import weights
from fhpt_bench.benchmark import Pair
from fhpt_bench.errors import UserError
from fhpt_bench.records.validation.installed import expected_fingerprint
from fhpt_bench.reporting.contact_sheet import image_grid
from leaderboards.paper.contents import REAL, PaperFigure, System
from leaderboards.paper.figures import heading_of, measured_scores, notes_of
from leaderboards.paper.pictures import Image8, Pictures
from leaderboards.retrieval_gallery import DEPTH, Gallery, Retrieved
from protocols.semantic.gallery import framed
from protocols.semantic.retrieval import Retrieval


def retrieval_gallery(
    figure: PaperFigure, pictures: Pictures, pairs: Sequence[Pair], how: str, progress: bool = False
) -> Image8:
    """Draw Figure 9: source, query and the ten best images, a row for each system and one for the real target.

    Args:
        figure: which figure.
        pictures: the images.
        pairs: the pairs; the rows of one pair follow each other.
        how: how the pairs were chosen.
        progress: show a progress bar.

    Returns:
        (h, w, 3) uint8; each retrieved image has a tick on green or a cross on orange below it.

    Raises:
        UserError: if no record has a score of retrieval, or that was measured with another network or head.
        WeightsMissing: if the weights of the network are not here.
    """
    protocol = _protocol(figure, pictures)
    gallery = Gallery(protocol, pictures.benchmark, progress)
    systems = pictures.shown([system for system in figure.systems if system != REAL])
    rows, captions = [], []
    for pair in pairs:
        source, target = pictures.real([pair.source, pair.target])
        queries = {**{system: pictures.generated(system, pair) for system in systems}, REAL: target}
        found = gallery.rank([pair] * len(queries), list(queries.values()))
        for (system, query), one in zip(queries.items(), found, strict=True):
            images = pictures.real(one.names)
            rows.append([framed(source, None), framed(query, None), *map(framed, images, one.right)])
            captions.append(_caption(system, one, pair))
    titles = ["source", "query", *map(str, range(1, DEPTH + 1))]
    heading = heading_of(figure, pictures, len(pairs), how)
    shown = _gallery(protocol, len(gallery.unique), len(pictures.benchmark.pairs))
    notes = [
        f"Retrieval ({protocol.variant}). Gallery: {shown}. A tick marks an image of the same item.",
        *notes_of(figure, pictures),
    ]
    return image_grid(rows, titles, heading, captions, notes)


def _gallery(protocol: Retrieval, unique: int, pairs: int) -> str:
    if protocol.variant.startswith("paper"):
        return f"the source image of each of the {pairs} pairs, with repeats and the pair's own"
    return f"the {unique} source images, without the pair's own source and target"


def _protocol(figure: PaperFigure, pictures: Pictures) -> Retrieval:
    """The variant that most records of the figure's systems have, if its network and head are those of the records."""
    found = measured_scores(figure.measure, figure.systems, pictures)
    if not found:
        variants = ", ".join(key.rpartition(":")[0] for key in figure.measure)
        raise UserError(f"No record of its systems has one of {variants}: run them with --protocols.")
    system, score = next(iter(found.items()))
    protocol = Retrieval(score.variant)
    used = set(protocol.weights).union(*(protocol.feature_class(kind).spec.weights for kind in protocol.features))
    here = {name: digest for name in used if (digest := weights.digest(name)) is not None}
    if absent := sorted(used - here.keys()):
        raise UserError(f"The weights {', '.join(absent)} are not here: see `fhpt-bench weights list`.")
    expected = expected_fingerprint(pictures.choice.measured[system.model][0], score, here)
    if expected is None or expected.digits != score.fingerprint:
        raise UserError(
            f"The records have {score.protocol}:{score.variant} by another network or head than the one here: set "
            "FHPT_WEIGHTS_DIR to the folder of theirs, or run the systems again."
        )
    return protocol


def _caption(system: System, found: Retrieved, pair: Pair) -> str:
    who = "Real image" if system == REAL else system.label
    return f"{who}: {sum(found.right)} of the {found.total} images of its item among the first {DEPTH}  {pair.id}"
