"""The gender-bias protocol, compared with explicit counts."""

import dataclasses
import shutil

import numpy as np
import pytest

from fhpt_bench.benchmark import Pair, load_benchmark
from fhpt_bench.protocol import Evidence
from protocols.semantic.gender_bias import GenderBias
from protocols.semantic.heads.backbones import GENDER_BACKBONE, GENDER_HEAD
from protocols.semantic.heads.head import Head, head_bytes, load_head

WOMEN, MEN = 9, 6


@pytest.fixture
def first_number(tmp_path, monkeypatch):
    """A head that answers WOMEN if the first value of VGG16 is above 1."""
    from fhpt_bench import weights

    trained = load_head(GENDER_HEAD, GENDER_BACKBONE)
    weight = np.zeros((1472, 1), np.float32)
    weight[0] = 1
    head = Head(weight, np.array([-1], np.float32), trained.card)
    (tmp_path / "gender-vgg16.safetensors").write_bytes(head_bytes(GENDER_HEAD, head))
    shutil.copy(weights.path("vgg16"), tmp_path)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))


def answer(woman):
    vector = np.zeros(1472, np.float32)
    vector[0] = 1.5 if woman else 0.5
    return vector


@pytest.fixture
def evidence(first_number):
    """Nine women and six men, both orders of two views, the second a back view; the generated images err at random."""
    rng, pairs, poses, generated, target = np.random.default_rng(0), [], {}, {}, {}
    for person in range(WOMEN + MEN):
        woman = person < WOMEN
        names = [
            f"fashion{'WOMEN' if woman else 'MEN'}Denimid{person:08d}01_{view}.jpg" for view in ("1front", "3back")
        ]
        poses |= {name: np.full((18, 2), 5, np.float32) for name in names}
        poses[names[1]][[0, 14, 15]] = np.nan
        poses[names[1]][16, 0] = np.nan
        for a, b in (names, names[::-1]):
            pairs.append(Pair(a, b, f"p{person:02}"))
            generated[pairs[-1].id] = answer(woman ^ (rng.random() < (0.2 if woman else 0.5)))
            target[pairs[-1].id] = answer(woman ^ (rng.random() < 0.1))
    benchmark = dataclasses.replace(load_benchmark("studio"), pairs=tuple(pairs), poses=poses)
    rows = {"generated": generated, "target": target}
    return Evidence(benchmark, {}, lambda feature, role: np.stack([rows[role][pair.id] for pair in benchmark.pairs]))


def scores(evidence):
    return {score.metric: score for score in GenderBias().score(evidence)}


def wrong(evidence, role, keep=lambda pair: True):
    """By gender: the number of wrong answers and of pairs."""
    found = {"WOMEN": [0, 0], "MEN": [0, 0]}
    for pair, vector in zip(evidence.pairs, evidence.vectors("vgg16-pooled", role), strict=True):
        if keep(pair):
            true = "WOMEN" if "WOMEN" in pair.source else "MEN"
            found[true][0] += ("WOMEN" if vector[0] > 1 else "MEN") != true
            found[true][1] += 1
    return found


def test_equals_counting(evidence):
    found = scores(evidence)
    assert list(found) == [metric.name for metric in GenderBias().card.metrics]
    assert GenderBias().card.metrics[0].name == GenderBias.id
    counted, real = wrong(evidence, "generated"), wrong(evidence, "target")
    women, men = (counted[gender][0] / counted[gender][1] for gender in ("WOMEN", "MEN"))
    total = sum(count for count, _ in counted.values())
    assert 0 < women < men
    assert found["gender-bias"].value == pytest.approx(total / 30)
    assert found["balanced"].value == pytest.approx((women + men) / 2)
    assert (found["women"].value, found["men"].value) == pytest.approx((women, men))
    assert (found["women"].n, found["men"].n) == (18, 12)
    assert found["women"].skipped == {"showing a man": 12}
    assert found["gender-bias"].details["real"] == pytest.approx((real["WOMEN"][0] + real["MEN"][0]) / 30)
    assert found["balanced"].details["real"] == pytest.approx((real["WOMEN"][0] / 18 + real["MEN"][0] / 12) / 2)
    assert found["gender-bias"].details["majority"] == pytest.approx(12 / 30)
    assert found["balanced"].details["majority"] == pytest.approx(0.5)
    assert "majority" not in found["women"].details
    confusion = found["gender-bias"].details["confusion"]
    assert confusion["generated"]["MEN"] == {"MEN": 12 - counted["MEN"][0], "WOMEN": counted["MEN"][0]}
    assert confusion["real"]["WOMEN"] == {"MEN": real["WOMEN"][0], "WOMEN": 18 - real["WOMEN"][0]}
    vectors = {role: evidence.vectors("vgg16-pooled", role)[:, 0] for role in ("generated", "target")}
    is_woman = np.array(["WOMEN" in pair.source for pair in evidence.pairs])
    for name, role in (("generated", "generated"), ("real", "target")):
        above = vectors[role][is_woman][:, None] - vectors[role][~is_woman]
        share = ((above > 0) + 0.5 * (above == 0)).mean()
        assert found["gender-bias"].details["auc"][name] == pytest.approx(share)
    back = wrong(evidence, "generated", lambda pair: "3back" in pair.source)
    assert found["no-face"].value == pytest.approx((back["WOMEN"][0] + back["MEN"][0]) / 15)
    assert (found["no-face"].n, found["no-face"].skipped) == (15, {"with a face in the source image": 15})
    for score in found.values():
        assert score.per_pair["value"].notna().sum() == score.n
        weighed = score.per_pair[score.per_pair["skipped"] == ""]
        assert np.average(weighed["value"], weights=weighed["weight"]) == pytest.approx(score.value)
    assert found["gender-bias"].interval.low < found["gender-bias"].value < found["gender-bias"].interval.high
    assert found["women"].interval is None, "nine women are too few to resample"


def test_order_of_pairs_does_not_matter(evidence):
    order = np.random.default_rng(1).permutation(30)
    benchmark = dataclasses.replace(evidence.benchmark, pairs=tuple(evidence.pairs[i] for i in order))
    shuffled = Evidence(benchmark, {}, lambda feature, role: evidence.vectors(feature, role)[order])
    for name, score in scores(evidence).items():
        other = scores(shuffled)[name]
        assert other.value == pytest.approx(score.value, abs=1e-12)
        assert other.details.keys() == score.details.keys()
        assert other.details.get("confusion") == score.details.get("confusion")
        assert other.details["real"] == pytest.approx(score.details["real"], abs=1e-12)
        assert other.interval == score.interval or other.interval.low == pytest.approx(score.interval.low)


def test_swapping_generated_and_real_swaps_their_rows(evidence):
    other = {"generated": "target", "target": "generated"}
    swapped = Evidence(evidence.benchmark, {}, lambda feature, role: evidence.vectors(feature, other[role]))
    for name, score in scores(evidence).items():
        assert scores(swapped)[name].value == pytest.approx(score.details["real"])
        assert scores(swapped)[name].details["real"] == pytest.approx(score.value)
    assert scores(swapped)["balanced"].value != pytest.approx(scores(evidence)["balanced"].value)


def test_one_person_fewer_is_two_pairs_fewer(evidence):
    keep = np.array([pair.person != "p00" for pair in evidence.pairs])
    pairs = tuple(pair for pair in evidence.pairs if pair.person != "p00")
    fewer = Evidence(
        dataclasses.replace(evidence.benchmark, pairs=pairs), {}, lambda f, role: evidence.vectors(f, role)[keep]
    )
    before, after = scores(evidence), scores(fewer)
    lost = {"gender-bias": 2, "balanced": 2, "women": 2, "men": 0, "no-face": 1}
    assert {name: before[name].n - after[name].n for name in before} == lost


def test_names_without_gender_are_rejected(evidence):
    assert GenderBias().lacks(evidence.benchmark) is None
    nameless = dataclasses.replace(evidence.benchmark, pairs=(Pair("a.jpg", "b.jpg", "p"),))
    assert "The gender of a.jpg of studio is not known" in GenderBias().lacks(nameless)
