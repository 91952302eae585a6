import numpy as np
import pytest

from protocols.semantic import retrieval_recall
from protocols.semantic.retrieval import search_gallery


def brute_force(queries, gallery, query_items, gallery_items, ids, left_out):
    """Each query's full ranking as a list of (relevant?, id), by sorting in Python."""
    answers = []
    for q, item, banned in zip(queries, query_items, left_out, strict=True):
        entries = []
        for g, other, name, out in zip(gallery, gallery_items, ids, banned, strict=True):
            if not out:
                cosine = float(q @ g) / np.sqrt(float(q @ q) * float(g @ g)) if q.any() and g.any() else 0.0
                entries.append((-round(cosine, 9), name, other == item))
        answers.append([(relevant, name) for _, name, relevant in sorted(entries)])
    return answers


def task(seed, n, m, dimensions, kinds):
    """Integers, so that ties are frequent; some entries are copies or multiples of others; ids are shuffled."""
    rng = np.random.default_rng(seed)
    queries = rng.integers(-2, 3, (n, dimensions)).astype(float)
    gallery = rng.integers(-2, 3, (m, dimensions)).astype(float)
    copied = rng.integers(0, m, m // 3)
    gallery[rng.permutation(m)[: len(copied)]] = gallery[copied] * rng.choice([1, 3], (len(copied), 1))
    ids = [f"image{i:04}" for i in rng.permutation(m)]
    items = [[f"item{i}" for i in rng.integers(0, kinds, size)] for size in (n, m)]
    return queries, gallery, *items, ids, rng.random((n, m)) < 0.05


TASKS = [
    task(0, 1, 1, 1, 1),
    task(1, 7, 40, 2, 5),
    task(2, 30, 200, 3, 20),
    task(3, 25, 90, 64, 3),
    task(4, 3, 2, 5, 9),
]


@pytest.mark.parametrize("given", TASKS, ids=lambda given: "x".join(map(str, (len(given[0]), *given[1].shape))))
@pytest.mark.parametrize("depth", [1, 3, 10, None])
def test_equals_brute_force_with_ties(given, depth):
    queries, gallery, query_items, gallery_items, ids, left_out = given
    found = search_gallery(queries, gallery, query_items, gallery_items, depth, ids, left_out)
    answers = brute_force(*given)
    kept = depth or len(gallery)
    for i, ranking in enumerate(answers):
        answer = [relevant for relevant, _ in ranking]
        places = [place for place in found.ranked[i].tolist() if place >= 0]
        assert [ids[place] for place in places] == [name for _, name in ranking][:kept]
        assert found.ranked[i].tolist() == places + [-1] * (kept - len(places))
        total = sum(answer)
        padded = (answer + [False] * kept)[:kept]
        assert found.relevant[i].tolist() == padded
        assert found.total[i] == total
        for k in {1, min(3, kept), kept}:
            if not total:
                assert np.isnan([found.recall(k)[i], found.hit(k)[i], found.ceiling(k)[i]]).all()
                continue
            assert found.recall(k)[i] == pytest.approx(sum(padded[:k]) / total)
            assert found.hit(k)[i] == any(padded[:k])
            assert found.ceiling(k)[i] == pytest.approx(min(k, total) / total)
        if depth is None and total:
            ranks = [rank for rank, relevant in enumerate(answer, start=1) if relevant]
            precision = np.mean([place / rank for place, rank in enumerate(ranks, start=1)])
            assert found.average_precision()[i] == pytest.approx(precision)


def test_small_pieces_give_the_same(monkeypatch):
    queries, gallery, *items, ids, left_out = TASKS[2]
    whole = search_gallery(queries, gallery, *items, 10, ids, left_out).relevant
    monkeypatch.setattr("protocols.semantic.retrieval._NUMBERS_AT_ONCE", 1)
    np.testing.assert_array_equal(search_gallery(queries, gallery, *items, 10, ids, left_out).relevant, whole)
    for i in range(len(queries)):
        row = slice(i, i + 1)
        alone = search_gallery(queries[row], gallery, items[0][row], items[1], 10, ids, left_out[row])
        np.testing.assert_array_equal(alone.relevant[0], whole[i])


@pytest.mark.parametrize("given", TASKS[1:4])
def test_scale_and_order_do_not_matter(given):
    queries, gallery, query_items, gallery_items, ids, left_out = given
    expected = retrieval_recall(queries, gallery, query_items, gallery_items, 2, ids, left_out)
    order = np.random.default_rng(5).permutation(len(gallery))
    shuffled = retrieval_recall(
        queries * 7, gallery[order] / 3, query_items, np.array(gallery_items)[order], 2, np.array(ids)[order],
        left_out[:, order],
    )  # fmt: skip
    np.testing.assert_array_equal(shuffled, expected)
    backwards = retrieval_recall(queries[::-1], gallery, query_items[::-1], gallery_items, 2, ids, left_out[::-1])
    np.testing.assert_array_equal(backwards[::-1], expected)


def test_duplicates_in_the_gallery_count():
    rng = np.random.default_rng(0)
    gallery = rng.normal(size=(50, 8))
    items = [f"item{i // 5}" for i in range(50)]
    once = search_gallery(gallery, gallery, items, items, 10)
    assert once.recall(1).tolist() == [0.2] * 50
    assert once.ceiling(3).tolist() == pytest.approx([0.6] * 50)
    twice = search_gallery(gallery, np.tile(gallery, (4, 1)), items, items * 4, 10)
    assert twice.relevant[:, :4].all()  # a query retrieves all its own copies first
    assert twice.total.tolist() == [20] * 50


def test_ties_at_the_last_rank_are_ordered_by_id():
    gallery = np.ones((500, 4))
    ids = [f"{i:03}" for i in np.random.default_rng(0).permutation(500)]
    wanted = sorted(ids)[:3]
    items = ["this" if name in wanted else "other" for name in ids]
    assert retrieval_recall(np.ones((2, 4)), gallery, ["this"] * 2, items, 3, ids).tolist() == [1, 1]


def test_nearly_equal_entries_are_ordered():
    """The differences are below float32 resolution: FAISS alone cannot order the entries."""
    angles = np.linspace(0.5, 0.5 + 1e-6, 60)
    gallery = np.stack([np.cos(angles), np.sin(angles)], 1)
    items = [str(i) for i in range(60)]
    query = np.array([[1.0, 0.0]])
    assert search_gallery(query, gallery, ["0"], items, 1).relevant.item()
    assert retrieval_recall(-query, gallery, ["59"], items, 1).tolist() == [1]


def test_a_gpu_index_is_used_on_a_gpu_and_up_to_its_maximum_depth(monkeypatch):
    import faiss
    import torch

    asked, used = [], []

    class Gpu:
        def __init__(self, index):
            self.index = index

        def search(self, some, k):
            asked.append(k)
            return self.index.search(some, k)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)

    def move(resources, device, index):
        used.append(device)
        return Gpu(index)

    monkeypatch.setattr(faiss, "index_cpu_to_gpu", move, raising=False)
    rng = np.random.default_rng(0)
    queries, gallery, items = rng.normal(size=(2, 3)), rng.normal(size=(2100, 3)), ["a"] * 2100
    found = search_gallery(queries, gallery, items[:2], items, 5)
    assert (asked, used) == ([], []), "a run on the CPU uses no GPU"
    for device, number in (("cuda", 3), ("cuda:1", 1)):
        again = search_gallery(queries, gallery, items[:2], items, 5, device=device)
        np.testing.assert_array_equal(again.ranked, found.ranked)
        assert asked
        assert used.pop() == number
    asked.clear()
    assert search_gallery(queries, gallery, items[:2], items, device="cuda").relevant.all()
    assert asked == []


def test_wrong_arguments_are_rejected():
    features, items = np.ones((3, 2)), ["a", "b", "c"]
    for arguments, complaint in [
        ((features, features, items[:2], items, 1), "do not match 3 queries and 3 entries"),
        ((features, features, items, items[:2], 1), "do not match"),
        ((features, features, items, items, 0), "depth must be positive, not 0"),
        ((features, features, items, items, 1, items[:2]), "gallery_ids has 2 names for 3"),
        ((features, features, items, items, 1, None, np.zeros((3, 2), bool)), "left_out do not match"),
        ((features, np.ones((3, 4)), items, items, 1), "different lengths, 2 and 4"),
        ((features * np.nan, features, items, items, 1), "not finite"),
        ((features[:0], features, [], items, 1), "needs 1 or more"),
    ]:
        with pytest.raises(ValueError, match=complaint):
            search_gallery(*arguments)
    found = search_gallery(features, features, items, items, 2)
    with pytest.raises(ValueError, match=r"k must be in 1\.\.2, not 3"):
        found.recall(3)
    with pytest.raises(ValueError, match="full ranking"):
        search_gallery(features, features, ["c"] * 3, items, 1).average_precision()
