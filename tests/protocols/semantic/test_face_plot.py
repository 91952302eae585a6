"""The histogram of face distances: what it shows, and when there is no figure."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence, Exhibits
from fhpt_bench.records.schema import ScoreEntry
from protocols.semantic import face_plot
from protocols.semantic.face_identity import FaceIdentity

PEOPLE = 12


@pytest.fixture
def plotted(monkeypatch):
    """The arguments of each histogram, and its figure."""
    kept, plot, encode = [], face_plot.plot_distances, face_plot.encode_figure

    def keep(*given):
        kept.append(list(given))
        return plot(*given)

    def keep_figure(figure):
        kept[-1].append(figure)
        return encode(figure)

    monkeypatch.setattr(face_plot, "plot_distances", keep)
    monkeypatch.setattr(face_plot, "encode_figure", keep_figure)
    return kept


def face(embedding):
    faces = np.full((8, 132), np.nan, np.float32)
    if embedding is not None:
        faces[0] = [10, 10, 50, 50, *embedding]
    return faces


def evidence_of(shows):
    """Two views of 12 people as two pairs each; `shows` marks the generated images with a face."""
    rng = np.random.default_rng(0)
    names = [[f"fashionMENDenimid{i:08d}01_{view}.jpg" for view in ("1front", "2side")] for i in range(PEOPLE)]
    pairs = [Pair(*order, f"p{i:02}") for i, (a, b) in enumerate(names) for order in ((a, b), (b, a))]
    centres = rng.normal(0, 0.05, (PEOPLE, 128))
    real = {name: face(centres[i] + rng.normal(0, 0.02, 128)) for i, of in enumerate(names) for name in of}
    generated = [face(centres[i // 2] + rng.normal(0, 0.03, 128) if shows[i] else None) for i in range(2 * PEOPLE)]
    poses = dict.fromkeys(real, np.full((18, 2), 30, np.float32))
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(pairs), poses=poses, people_known=True)

    def vectors(feature, role):
        return np.stack(generated if role == "generated" else [real[getattr(pair, role)] for pair in pairs])

    return Evidence(benchmark, {}, vectors)


def draw(variant, evidence):
    """Draw as a run does: only scores with a value are passed."""
    protocol = FaceIdentity(variant)
    entries = {
        score.metric: ScoreEntry(
            protocol="face-id", variant=variant, metric=score.metric, label="", status="ok", value=score.value, unit="",
            higher_is_better=True, interval=None, n=score.n, skipped={}, fingerprint="", reason=None,
            details=dict(score.details),
        )
        for score in protocol.score(evidence)
        if score.value is not None
    }  # fmt: skip
    return protocol.draw(evidence, Exhibits({"mine": entries}, None, None)), entries


@pytest.mark.parametrize("variant", ["canonical", "source", "strict"])
def test_distances_are_shown_with_those_of_real_faces(plotted, variant):
    shows = np.arange(24) % 4 > 0
    drawn, entries = draw(variant, evidence_of(shows))
    with Image.open(io.BytesIO(drawn["distances"])) as image:
        assert 700 < image.width < 2000
    ((distances, thresholds, title, figure),) = plotted
    side = "source" if variant == "source" else "target"
    assert list(distances) == [f"generated to {side}", "real, same person", "real, different people"]
    assert [len(of) for of in distances.values()] == [18, 12, 12 * 11 // 2 * 4]
    if variant != "strict":
        assert distances[f"generated to {side}"].mean() == pytest.approx(entries["face-id"].value)
    equal = entries["acc@eer"].details["equal_error"]["threshold"]
    assert list(thresholds.values()) == [0.6, 0.7, equal]
    assert "no face found in 25% of the 24 generated images" in title
    (panel,) = figure.axes
    texts = [text.get_text() for text in panel.get_legend().get_texts()]
    accepted = (distances[f"generated to {side}"] < 0.6).mean()
    assert texts[0].startswith(f"generated to {side}, n = 18: {accepted:.0%} < 0.6, ")
    assert len(texts) == 6
    for patch in panel.patches:
        assert patch.get_data().values.sum() == pytest.approx(1)
    places = [line.get_xdata()[0] for line in panel.get_lines()]
    assert places == [0.6, 0.7, equal]


def test_without_a_face_there_is_no_figure(plotted):
    no_faces, all_faces = evidence_of(np.zeros(24, bool)), evidence_of(np.ones(24, bool))
    assert draw("strict", no_faces)[0] == {}  # although there is a score
    assert not plotted
    benchmark = dataclasses.replace(all_faces.benchmark, people_known=False)
    draw("canonical", dataclasses.replace(all_faces, benchmark=benchmark))
    ((distances, thresholds, title, _),) = plotted
    assert list(distances) == ["generated to target"]
    assert list(thresholds.values()) == [0.6, 0.7]
    assert "in 0% of the 24" in title


def test_one_face_is_enough(plotted):
    one = np.zeros(24, bool)
    one[5] = True
    draw("canonical", evidence_of(one))
    assert len(plotted[0][0]["generated to target"]) == 1
