import dataclasses

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.data.names import parse_name
from fhpt_bench.protocol import Evidence
from protocols.semantic.retrieval import Retrieval

ITEMS, WAYS = 18, ("unique", "paper", "hit", "map")


def features(rng, centre, noise):
    """1472 values, of which only those of relu5_3 are similar to other images of the item."""
    return np.concatenate([rng.random(960) * 50, centre + rng.normal(0, noise, 512)]).astype(np.float32)


def make_evidence(pairs, real, generated):
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(pairs))

    def vectors(feature, role):
        assert feature == "vgg16-pooled"
        if role == "generated":
            return np.stack([generated[pair.id] for pair in pairs])
        return np.stack([real[getattr(pair, role)] for pair in pairs])

    return Evidence(benchmark, {}, vectors)


@pytest.fixture
def evidence():
    """18 items in 2 to 4 views, every ordered pair of views; views differ as much as items do."""
    rng = np.random.default_rng(0)
    real, generated, pairs = {}, {}, []
    for item in range(ITEMS):
        centre = rng.normal(size=512)
        views = ("1front", "2side", "3back", "7additional")[: 2 + item % 3]
        names = [f"fashionWOMENDenimid{item:08d}01_{view}.jpg" for view in views]
        real |= {name: features(rng, centre, 3) for name in names}
        pairs += [Pair(a, b, f"p{item:02}") for a in names for b in names if a != b]
        generated |= {pair.id: features(rng, centre, 6) for pair in pairs if pair.person == f"p{item:02}"}
    return make_evidence(sorted(pairs, key=lambda pair: (pair.target, pair.source)), real, generated)


def scores(evidence, way):
    return {score.metric: score for score in Retrieval(f"{way}-vgg16-imagenet").score(evidence)}


def rankings(evidence, way, role):
    """For each pair, whether each entry shows its item, best first, by sorting in Python."""
    queries, sources = (evidence.vectors("vgg16-pooled", r)[:, 960:].astype(float) for r in (role, "source"))
    found = []
    for pair, query in zip(evidence.pairs, queries, strict=True):
        gallery = [(other.source, row) for other, row in zip(evidence.pairs, sources, strict=True)]
        if way != "paper":
            gallery = [(name, row) for name, row in dict(gallery).items() if name not in (pair.source, pair.target)]
        cosines = [
            (-round(query @ row / np.linalg.norm(query) / np.linalg.norm(row), 9), name) for name, row in gallery
        ]
        found.append([parse_name(name).item == parse_name(pair.source).item for _, name in sorted(cosines)])
    return found


def value(ranking, way, k):
    if way == "map":
        ranks = [rank for rank, right in enumerate(ranking, start=1) if right]
        return np.mean([place / rank for place, rank in enumerate(ranks, start=1)])
    return any(ranking[:k]) if way == "hit" else sum(ranking[:k]) / sum(ranking)


@pytest.mark.parametrize("way", WAYS)
def test_scores_equal_their_definitions(evidence, way):
    found = scores(evidence, way)
    assert list(found) == (["retrieval"] if way == "map" else ["retrieval", "retrieval@5", "retrieval@3"])
    generated, real = (rankings(evidence, way, role) for role in ("generated", "target"))
    counted = [i for i, ranking in enumerate(generated) if any(ranking)]
    assert (len(counted) < len(evidence.pairs)) == (way != "paper")
    for name, score in found.items():
        k = int(name.partition("@")[2] or 10)
        assert score.value == pytest.approx(np.mean([value(generated[i], way, k) for i in counted]))
        assert score.details["real"] == pytest.approx(np.mean([value(real[i], way, k) for i in counted]))
        best = [min(k, sum(generated[i])) / sum(generated[i]) for i in counted]
        assert score.details["ceiling"] == pytest.approx(np.mean(best) if way in ("unique", "paper") else 1)
        assert 0.05 < score.value < score.details["real"] <= score.details["ceiling"] + 1e-12
        assert score.n == len(counted)
        missing = len(evidence.pairs) - len(counted)
        assert score.skipped == ({"without another image of the item in the gallery": missing} if missing else {})
        assert score.per_pair["value"].notna().sum() == score.n
    if way == "paper":
        assert found["retrieval@3"].details["ceiling"] < 1
    names = [metric.name for metric in Retrieval(f"{way}-vgg16-imagenet").card.metrics]
    assert names == list(found)


@pytest.mark.parametrize("way", WAYS)
def test_order_of_pairs_does_not_matter(evidence, way):
    order = np.random.default_rng(1).permutation(len(evidence.pairs))
    benchmark = dataclasses.replace(evidence.benchmark, pairs=tuple(evidence.pairs[i] for i in order))
    shuffled = Evidence(benchmark, {}, lambda feature, role: evidence.vectors(feature, role)[order])
    for name, score in scores(evidence, way).items():
        other = scores(shuffled, way)[name]
        assert other.value == pytest.approx(score.value, abs=1e-12)
        assert (other.interval.low, other.interval.high) == pytest.approx((score.interval.low, score.interval.high))


def test_real_images_get_the_value_of_real_images(evidence):
    real = Evidence(evidence.benchmark, {}, lambda f, role: evidence.vectors(f, role.replace("generated", "target")))
    for way in WAYS:
        for score in scores(real, way).values():
            assert score.value == pytest.approx(score.details["real"], abs=1e-12)


def test_the_own_source_and_target_are_not_found(evidence):
    """A copy of the source retrieves itself in the gallery of `paper`, but not in the others."""
    copied = Evidence(evidence.benchmark, {}, lambda f, role: evidence.vectors(f, role.replace("generated", "source")))
    paper, unique = (scores(copied, way)["retrieval@3"] for way in ("paper", "unique"))
    assert paper.value > 0.9 * paper.details["ceiling"]
    assert unique.value < 0.8 * unique.details["ceiling"]
    two_views = [pair for pair in evidence.pairs if parse_name(pair.source).item == "00000000"]
    assert scores(copied, "hit")["retrieval"].per_pair.loc[two_views[0].id, "skipped"]


def test_images_without_an_item_are_left_out(evidence):
    pairs = [Pair(f"a{i}.jpg", f"b{i}.jpg", f"p{i}") for i in range(4)]
    rng = np.random.default_rng(0)
    real = {name: rng.random(1472).astype(np.float32) for pair in pairs for name in (pair.source, pair.target)}
    found = scores(make_evidence(pairs, real, {pair.id: real[pair.source] for pair in pairs}), "unique")
    for score in found.values():
        assert (score.value, score.n, dict(score.details)) == (None, 0, {})
        assert score.skipped == {"without another image of the item in the gallery": 4}


def test_a_run_on_small_images(tmp_path, small_benchmark):
    protocols = [f"retrieval:{way}-vgg16-imagenet" for way in WAYS]
    record = fb.run("copy-source", str(small_benchmark), protocols, out=tmp_path / "run")
    assert {score.status for score in record.scores} == {"ok"}
    assert record["retrieval:paper-vgg16-imagenet"].value > 0.5
    assert record["retrieval"].details["ceiling"] == 1
    forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
    assert forwards == {"vgg16-pooled": 24}  # each real image once, for all variants; the copies are among them
