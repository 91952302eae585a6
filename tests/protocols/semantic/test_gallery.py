"""The retrieval gallery: the chosen queries, what they retrieved, and the marks for right and wrong."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.data.names import parse_name
from fhpt_bench.protocol import Evidence, Exhibits
from fhpt_bench.reporting.contact_sheet import scaled
from protocols.semantic import gallery
from protocols.semantic.gallery import Query, draw_gallery, spread
from protocols.semantic.retrieval import Retrieval

VIEWS = ("1front", "2side", "3back", "7additional")


@pytest.fixture
def queries(monkeypatch):
    """The rows of each gallery that is drawn during a test."""
    kept, draw = [], gallery.draw_gallery

    def keep(lines, *rest):
        kept.append(lines)
        return draw(lines, *rest)

    monkeypatch.setattr(gallery, "draw_gallery", keep)
    return kept


def case(items, views, seed=0):
    """Evidence of every ordered pair of views of each item, and images whose pixels are their number."""
    rng = np.random.default_rng(seed)
    names = [[f"fashionWOMENDenimid{i:08d}01_{view}.jpg" for view in VIEWS[:views]] for i in range(items)]
    pairs = [Pair(a, b, f"p{i:02}") for i, of in enumerate(names) for a in of for b in of if a != b]
    pairs.sort(key=lambda pair: (pair.target, pair.source))
    centres = rng.normal(size=(items, 1472))
    real = {name: centres[i] + rng.normal(0, 3, 1472) for i, of in enumerate(names) for name in of}
    generated = {pair.id: centres[int(pair.person[1:])] + rng.normal(0, 3, 1472) for pair in pairs}
    number = {name: i for i, name in enumerate([*real, *generated])}

    def images(keys):
        return np.stack([np.full((24, 16, 3), number[key], np.uint8) for key in keys])

    def vectors(feature, role):
        rows = [generated[p.id] if role == "generated" else real[getattr(p, role)] for p in pairs]
        return np.stack(rows).astype(np.float32)

    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(pairs))
    exhibits = Exhibits({"mine": {}}, lambda of: images([pair.id for pair in of]), images)
    return Evidence(benchmark, {}, vectors), exhibits, {i: name for name, i in number.items()}


def test_the_gallery_shows_what_was_found(queries):
    evidence, exhibits, name = case(items=9, views=3)
    drawn = Retrieval("unique-vgg16-imagenet").draw(evidence, exhibits)
    assert list(drawn) == ["gallery"]
    (lines,) = queries
    assert len(lines) == 6
    pairs = {pair.id: pair for pair in evidence.pairs}
    compared, sources = (evidence.vectors("", role)[:, 960:].astype(float) for role in ("generated", "source"))
    shown = [pairs[name[line.generated[0, 0, 0]]] for line in lines]
    assert len({pair.person for pair in shown}) == 6
    assert len({parse_name(pair.target).view for pair in shown}) > 1
    for line, pair in zip(lines, shown, strict=True):
        assert name[line.target[0, 0, 0]] == pair.target
        query = compared[evidence.pairs.index(pair)]
        cosines = {p.source: query @ row / np.linalg.norm(row) for p, row in zip(evidence.pairs, sources, strict=True)}
        ranked = sorted((s for s in cosines if s not in (pair.source, pair.target)), key=lambda s: -cosines[s])[:10]
        assert [name[image[0, 0, 0]] for image, _ in line.found] == ranked
        right = [parse_name(s).item == parse_name(pair.source).item for s in ranked]
        assert [mark for _, mark in line.found] == right
        assert line.caption == f"{sum(right)} of the 1 images of its item found  {pair.id}"
    assert any(mark for line in lines for _, mark in line.found)
    assert drawn == Retrieval("unique-vgg16-imagenet").draw(evidence, exhibits)


def test_small_galleries_and_none(queries):
    evidence, exhibits, _ = case(items=2, views=3)
    retrieval = Retrieval("unique-vgg16-imagenet")
    with Image.open(io.BytesIO(retrieval.draw(evidence, exhibits)["gallery"])) as image:
        assert image.width < 2000
    assert [len(line.found) for line in queries[0]] == [4, 4]  # 6 images without the own source and target
    evidence, exhibits, _ = case(items=5, views=2)
    assert retrieval.draw(evidence, exhibits) == {}  # no item has a third image
    evidence, exhibits, _ = case(items=2, views=3)
    for way in ("paper", "hit", "map"):
        assert Retrieval(f"{way}-vgg16-imagenet").draw(evidence, exhibits) == {}


def test_queries_are_spread():
    people = np.repeat([f"p{i}" for i in range(10)], 5)
    chosen = spread(people, np.ones(50, bool))
    assert [people[i] for i in chosen] == ["p0", "p2", "p4", "p5", "p7", "p9"]
    assert [i % 5 for i in chosen] == [0, 0, 1, 2, 3, 4]
    counts = people == "p3"
    assert spread(people, counts) == [15]
    assert spread(people, ~counts & (people == "p3")) == []


def test_right_and_wrong_differ_without_colour():
    grey = np.full((60, 40, 3), 128, np.uint8)
    png = draw_gallery([Query(grey, grey, [(grey, True), (grey, False)], "")], 3, "a heading")
    sheet = np.asarray(Image.open(io.BytesIO(png)))
    tile = 128 + 2 * 4
    height = scaled(grey, 128).shape[0] + 4 + 18
    query, right, wrong, none = (sheet[72 : 72 + height, 8 + i * (tile + 8) :][:, :tile] for i in (0, 2, 3, 4))
    for marked in (right, wrong):
        np.testing.assert_array_equal(marked[4:-18, 4:-4], query[4:-18, 4:-4])
    assert (none == 255).all()
    assert (query[-18:] == 255).all()
    signs = [(marked[-18:] == 255).all(2) for marked in (right, wrong)]
    assert signs[0].any()
    assert signs[1].any()
    assert (signs[0] != signs[1]).any()  # a tick and a cross
    assert right[0, 0, 1] > right[0, 0, 0]  # green
    assert wrong[0, 0, 0] > wrong[0, 0, 1]  # orange


def test_a_run_draws_a_gallery(tmp_path, small_benchmark):
    fb.run("copy-source", str(small_benchmark), "retrieval:unique-vgg16-imagenet,retrieval:paper-vgg16-imagenet",
           out=tmp_path / "run")  # fmt: skip
    drawn = sorted(path.name for path in (tmp_path / "run" / "figures").iterdir())
    assert drawn == [
        "contact_sheet.png",
        "retrieval_paper-vgg16-imagenet_retrieval_best-worst.png",
        "retrieval_unique-vgg16-imagenet_gallery.png",
        "retrieval_unique-vgg16-imagenet_retrieval_best-worst.png",
    ]
