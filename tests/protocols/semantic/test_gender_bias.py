import numpy as np
import pytest

from protocols.semantic import gender_error


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    true = np.where(rng.random(200) < 0.88, "WOMEN", "MEN")
    return np.where(rng.random(200) < 0.2, np.where(true == "MEN", "WOMEN", "MEN"), true), true


def test_equals_counting(labels):
    found = gender_error(*labels)
    pairs = list(zip(*(label.tolist() for label in labels), strict=True))
    assert found.n == 200
    assert found.error == pytest.approx(sum(a != t for a, t in pairs) / 200)
    for gender in ("MEN", "WOMEN"):
        answers = [a for a, t in pairs if t == gender]
        assert found.by_gender[gender] == pytest.approx(sum(a != gender for a in answers) / len(answers))
        assert found.confusion[gender] == {label: answers.count(label) for label in ("MEN", "WOMEN")}
    assert found.balanced == pytest.approx((found.by_gender["MEN"] + found.by_gender["WOMEN"]) / 2)
    assert found.majority == pytest.approx(sum(t == "MEN" for _, t in pairs) / 200)


def test_order_and_swapped_names_do_not_matter(labels):
    answered, true = labels
    found = gender_error(answered, true)
    assert gender_error(answered[::-1], true[::-1]) == found
    renamed = gender_error(*(np.where(label == "MEN", "WOMEN", "MEN") for label in labels))
    assert (renamed.error, renamed.balanced, renamed.majority) == pytest.approx(
        (found.error, found.balanced, found.majority)
    )
    assert renamed.by_gender["MEN"] == found.by_gender["WOMEN"]


def test_swapping_answers_and_truth_matters():
    answered, true = ["MEN", "MEN", "MEN", "MEN"], ["MEN", "WOMEN", "WOMEN", "MEN"]
    assert gender_error(answered, true).balanced == 0.5
    assert gender_error(true, answered).majority == 0


def test_always_answering_the_majority_has_a_balanced_error_of_one_half():
    true = ["WOMEN"] * 88 + ["MEN"] * 12
    found = gender_error(["WOMEN"] * 100, true)
    assert found.error == found.majority == pytest.approx(0.12)
    assert found.balanced == 0.5
    assert found.by_gender == {"MEN": 1.0, "WOMEN": 0.0}


def test_one_gender_alone():
    found = gender_error(["MEN", "WOMEN"], ["MEN", "MEN"])
    assert (found.error, found.balanced, found.majority) == (0.5, 0.5, 0)
    assert found.confusion == {"MEN": {"MEN": 1, "WOMEN": 1}}


def test_duplicates_count(labels):
    answered, true = labels
    twice = gender_error(np.tile(answered, 2), np.tile(true, 2))
    once = gender_error(answered, true)
    assert (twice.error, twice.n) == (once.error, 2 * once.n)


def test_wrong_labels_are_rejected():
    with pytest.raises(ValueError, match="1 answers do not fit 2"):
        gender_error(["MEN"], ["MEN", "MEN"])
    with pytest.raises(ValueError, match="no labels"):
        gender_error([], [])
