"""Retrieval: does a generated image retrieve real images of the same garment?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, Exhibits, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.inputs import Features, check_features
from protocols.semantic.heads.backbones import BACKBONES, Backbone
from protocols.semantic.heads.head import load_head, unusable

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark, Pair

# Cosines are compared to this many decimals: the order of a summation changes later digits.
_DECIMALS = 9
# FAISS computes in float32: entries this close to the last wanted one are computed again in float64.
_MARGIN = 1e-5
_SPARE = 16
_NUMBERS_AT_ONCE = 1 << 24
# A GPU index of FAISS returns no more entries than this.
_GPU_DEPTH = 2048
_TOP = (10, 5, 3)


@dataclass(frozen=True)
class Found:
    """Result of N queries in a gallery, best first.

    Args:
        relevant: (N, depth) whether the entry at this rank shows the query's item; False after the last entry.
        total: (N,) number of relevant entries in the gallery.
        ranked: (N, depth) positions of the entries in the gallery; -1 after the last entry.
    """

    relevant: NDArray[np.bool_]
    total: NDArray[np.int64]
    ranked: NDArray[np.intp]

    def recall(self, k: int) -> NDArray[np.float64]:
        """(N,) share of all relevant entries that are in the top k; NaN if there is no relevant entry."""
        return self._share(self._top(k).sum(1))

    def hit(self, k: int) -> NDArray[np.float64]:
        """(N,) 1 if any relevant entry is in the top k, else 0; NaN if there is no relevant entry."""
        return np.where(self.total > 0, self._top(k).any(1).astype(np.float64), np.nan)

    def ceiling(self, k: int) -> NDArray[np.float64]:
        """(N,) recall of a perfect retriever: at most k relevant entries fit into the top k."""
        return self._share(np.minimum(self.total, k))

    def average_precision(self) -> NDArray[np.float64]:
        """(N,) mean of the precision at the rank of each relevant entry; NaN if there is no relevant entry.

        Source: Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.4.

        Raises:
            ValueError: if the search did not reach the last relevant entry.
        """
        if (self.relevant.sum(1) < self.total).any():
            raise ValueError("average precision needs the full ranking")
        precision = self.relevant.cumsum(1) / np.arange(1, self.relevant.shape[1] + 1)
        return self._share((precision * self.relevant).sum(1))

    def _top(self, k: int) -> NDArray[np.bool_]:
        if not 1 <= k <= self.relevant.shape[1]:
            raise ValueError(f"k must be in 1..{self.relevant.shape[1]}, not {k}")
        return self.relevant[:, :k]

    def _share(self, count: NDArray[Any]) -> NDArray[np.float64]:
        return np.where(self.total > 0, count / np.maximum(self.total, 1), np.nan)


def retrieval_recall(
    queries: Features,
    gallery: Features,
    query_items: Sequence[str] | NDArray[np.str_],
    gallery_items: Sequence[str] | NDArray[np.str_],
    k: int = 10,
    gallery_ids: Sequence[str] | NDArray[np.str_] | None = None,
    left_out: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Recall of the top k by cosine similarity: |top k and relevant| / |relevant|, where relevant is the same item.

    Source: Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network, garment retrieval.

    Args:
        queries: (N, D) float features of generated images; a numpy array, or a torch tensor on any device.
        gallery: (M, D) float features of real images, the same; duplicates are kept.
        query_items: N item ids.
        gallery_items: M item ids.
        k: number of entries returned per query.
        gallery_ids: M names that order equally similar entries; default: their positions.
        left_out: (N, M) whether to exclude an entry for a query; excluded entries are not relevant either.

    Returns:
        (N,) float64 in [0, 1], higher is better, NaN if no entry of the gallery is relevant.

    Raises:
        ValueError: if lengths do not match, features are not finite, or k is not positive.

    Examples:
        >>> gallery = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> retrieval_recall(np.array([[2.0, 0.0]]), gallery, ["dress"], ["dress", "shirt", "dress"], k=1)
        array([0.5])
    """
    return search_gallery(queries, gallery, query_items, gallery_items, k, gallery_ids, left_out).recall(k)


def search_gallery(
    queries: Features,
    gallery: Features,
    query_items: Sequence[str] | NDArray[np.str_],
    gallery_items: Sequence[str] | NDArray[np.str_],
    depth: int | None = None,
    gallery_ids: Sequence[str] | NDArray[np.str_] | None = None,
    left_out: NDArray[np.bool_] | None = None,
    device: str = "cpu",
) -> Found:
    """Rank a gallery for each query by cosine similarity in FAISS; see `retrieval_recall`.

    Args:
        depth: number of ranks kept; default: all. The other arguments are those of `retrieval_recall`.
        device: "cuda" to search on torch's current GPU, if FAISS was built for GPUs; the result is the same.

    Raises:
        ValueError: if lengths do not match, features are not finite, or the depth is not positive.

    Examples:
        >>> found = search_gallery(np.eye(2), np.eye(2)[[1, 0, 1]], ["a", "b"], ["b", "a", "a"])
        >>> found.relevant.tolist(), found.total.tolist()
        ([[True, False, True], [True, False, False]], [2, 1])
    """
    queries, gallery = check_features(queries, gallery, fewest=1)
    n, m = len(queries), len(gallery)
    depth = m if depth is None else depth
    left_out = np.zeros((n, m), bool) if left_out is None else left_out
    if depth < 1:
        raise ValueError(f"depth must be positive, not {depth}")
    if len(query_items) != n or len(gallery_items) != m or left_out.shape != (n, m):
        raise ValueError(f"items or left_out do not match {n} queries and {m} entries")
    if gallery_ids is not None and len(gallery_ids) != m:
        raise ValueError(f"gallery_ids has {len(gallery_ids)} names for {m} entries")
    order = np.arange(m) if gallery_ids is None else np.argsort(np.asarray(gallery_ids), kind="stable")
    items = np.unique([*query_items, *gallery_items], return_inverse=True)[1]
    same = (items[:n, None] == items[n:]) & ~left_out
    reach = depth + int(left_out.sum(1).max())
    ranked = order[_rank(_unit_length(queries), _unit_length(gallery)[order], reach, device)]
    rows = np.arange(n)[:, None]
    # Excluded entries move behind the others, whose order is unchanged.
    ranked = ranked[rows, np.argsort(left_out[rows, ranked], axis=1, kind="stable")][:, :depth]
    relevant = np.zeros((n, depth), bool)
    relevant[:, : ranked.shape[1]] = same[rows, ranked]
    places = np.full((n, depth), -1)
    places[:, : ranked.shape[1]] = np.where(left_out[rows, ranked], -1, ranked)
    return Found(relevant, same.sum(1), places)


def _unit_length(features: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Rows scaled to length 1; a row of zeros is unchanged, so its similarity is 0."""
    wide = features.astype(np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    unit: NDArray[np.float64] = wide / np.where(length > 0, length, 1)
    return unit


def _rank(queries: NDArray[np.float64], gallery: NDArray[np.float64], depth: int, device: str) -> NDArray[np.intp]:
    """(N, depth or M) positions of the nearest entries of unit length, best first; ties are ordered by position."""
    import faiss

    m, dimensions = gallery.shape
    depth = min(depth, m)
    index = faiss.IndexFlatIP(dimensions)
    index.add(gallery.astype(np.float32))
    on_gpu = None
    if device != "cpu" and faiss.get_num_gpus() > 0:
        import torch

        number = torch.device(device).index
        gpu = torch.cuda.current_device() if number is None else number
        on_gpu = faiss.index_cpu_to_gpu(faiss.StandardGpuResources(), gpu, index)
    reach, ranked = min(m, depth + _SPARE), []
    start = 0
    while start < len(queries):
        some = queries[start : start + max(1, _NUMBERS_AT_ONCE // (reach * dimensions))]
        nearest = index if on_gpu is None or reach > _GPU_DEPTH else on_gpu
        rough, found = nearest.search(some.astype(np.float32), reach)
        if reach < m and (rough[:, depth - 1] - rough[:, -1] <= _MARGIN).any():
            reach = min(m, 2 * reach)  # more entries may tie with the last wanted one than the search returned
            continue
        cosine = (gallery[found] @ some[:, :, None])[..., 0].round(_DECIMALS)
        best = np.lexsort((found, -cosine))[:, :depth]
        ranked.append(np.take_along_axis(found, best, 1))
        start += len(some)
    return np.concatenate(ranked)


_LEFT_OUT = "gallery = the unique source images without the pair's own source and target"
_WAYS = {
    "unique": f"{_LEFT_OUT}; share of its images of the item that are in the top k",
    "paper": (
        "gallery = the source image of every pair, repeats kept; share of its images of the item that are in the "
        "top k; a real target retrieves its own copies with any network"
    ),
    "hit": f"{_LEFT_OUT}; whether any image of the item is in the top k",
    "map": f"{_LEFT_OUT}; average precision over the full ranking",
}
_VARIANTS: Mapping[str, tuple[Backbone, bool]] = {
    **{name: (backbone, True) for name, backbone in BACKBONES.items()},
    **{f"{name}-imagenet": (backbone, False) for name, backbone in BACKBONES.items()},
}


def _title_of(backbone: Backbone, trained: bool) -> str:
    if not trained:
        return backbone.plain_title
    return f"a linear head on {backbone.title}, trained on the benchmark's training split"


class Retrieval(Protocol):
    """Garment retrieval: generated images query the source images; images of the same item are relevant."""

    sees_pose = False
    depends_on_set = True
    id = "retrieval"
    title = "Retrieval of the same item"
    group = "semantic"
    citation = "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network"
    variants: ClassVar[Mapping[str, str]] = {
        f"{way}-{name}": f"cosine similarity in {_title_of(*chosen)}; {definition}; ties by name; mean over pairs"
        for name, chosen in _VARIANTS.items()
        for way, definition in _WAYS.items()
    }
    used_by: ClassVar[Mapping[str, str]] = {
        f"paper-{name}": "DRN, which trained all layers of the network" for name in ("vgg16", "resnet50")
    }
    numerics = "FAISS float32, ordered in numpy float64"
    moved_by = (
        "repeats in the gallery, and whether it contains the query's own source and target",
        "the size of the gallery and the number of images per item, which decide chance level and ceiling",
        "the backbone and what it was trained on",
        "recall (the share of all relevant entries) or hit rate (any relevant entry)",
    )
    at_other_sizes = (
        "VGG16 reads images at their own size, and means over its maps are compared; EfficientNet-lite0 and "
        "ResNet50 resize every image to 224x224; a head belongs to the benchmark that it was trained on, and so "
        "to its size."
    )

    def __init__(self, variant: str | None = None) -> None:
        super().__init__(variant)
        self._way, _, name = self.variant.partition("-")
        self._backbone, self._trained = _VARIANTS[name]
        word = {"hit": "Hit", "map": "mAP"}.get(self._way, "Recall")
        named = {"retrieval": word} if self._way == "map" else {_metric(k): f"{word}@{k}" for k in _TOP}
        self.metrics = tuple(
            MetricCard(name, label, higher_is_better=True, range=(0.0, 1.0)) for name, label in named.items()
        )

    @property
    def features(self) -> tuple[str, ...]:
        """The feature that compares images."""
        return (self._backbone.feature,)

    @property
    def weights(self) -> tuple[str, ...]:
        """The trained head."""
        return (self._backbone.retrieval_head,) if self._trained else ()

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if no item is known, or the head was trained on another benchmark or on another network."""
        if benchmark.pairs and not any((shown := benchmark.facts(name)) and shown.item for name in benchmark.images):
            return (
                f"The items of the images of {benchmark.id} are not known: add them to the benchmark's table of "
                "people, or name the images as DeepFashion does."
            )
        reason = unusable(self._backbone.retrieval_head, self._backbone, benchmark) if self._trained else None
        return reason or super().lacks(benchmark)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Each metric, together with the values of real targets and of a perfect retriever over the same pairs."""
        generated, real = (self._search(evidence, role) for role in ("generated", "target"))
        if self._way == "map":
            return (_score("retrieval", evidence, generated.average_precision(), real.average_precision(), None),)
        if self._way == "hit":
            return tuple(_score(_metric(k), evidence, generated.hit(k), real.hit(k), None) for k in _TOP)
        return tuple(
            _score(_metric(k), evidence, generated.recall(k), real.recall(k), generated.ceiling(k)) for k in _TOP
        )

    def _compared(self, features: NDArray[np.float32]) -> NDArray[np.floating[Any]]:
        if not self._trained:
            return features[:, self._backbone.plain]
        return load_head(self._backbone.retrieval_head, self._backbone)(features[:, self._backbone.seen])

    def rank(
        self,
        benchmark: Benchmark,
        pairs: Sequence[Pair],
        queries: NDArray[np.float32],
        sources: NDArray[np.float32],
        device: str = "cpu",
    ) -> tuple[NDArray[np.str_], Found]:
        """Rank the benchmark's source images for the queries of some pairs.

        Args:
            benchmark: the source images of its n pairs are the gallery.
            pairs: N of its pairs.
            queries: (N, D) feature of the image that queries for each of these pairs.
            sources: (n, D) feature of the source image of each of the benchmark's pairs.
            device: as in `search_gallery`.

        Returns:
            The names of the gallery's images, and the result.
        """
        names, first, left_out = np.array([pair.source for pair in benchmark.pairs]), np.arange(len(sources)), None
        if self._way != "paper":
            names, first = np.unique(names, return_index=True)
            own = np.array([(pair.source, pair.target) for pair in pairs])
            left_out = (own[:, :1] == names) | (own[:, 1:] == names)
        items = [_item(benchmark, pair.source) for pair in pairs]
        theirs = [_item(benchmark, name) for name in names]
        depth = None if self._way == "map" else max(_TOP)
        found = search_gallery(
            self._compared(queries), self._compared(sources)[first], items, theirs, depth, names, left_out, device
        )
        return names, found

    def _search(self, evidence: Evidence, role: str) -> Found:
        queries, sources = (evidence.vectors(self._backbone.feature, r) for r in (role, "source"))
        return self.rank(evidence.benchmark, evidence.pairs, queries, sources, evidence.device)[1]

    def draw(self, evidence: Evidence, exhibits: Exhibits) -> dict[str, bytes]:
        """Draw what a few generated images retrieve from the gallery without repeats."""
        from protocols.semantic.gallery import Query, draw_gallery, spread

        if self._way != "unique":
            return {}
        found, depth = self._search(evidence, "generated"), max(_TOP)
        rows = spread(evidence.people, found.total > 0)
        if not rows:
            return {}
        names, pairs = np.unique([pair.source for pair in evidence.pairs]), [evidence.pairs[row] for row in rows]
        targets = exhibits.real([pair.target for pair in pairs])
        queries = []
        for row, pair, generated, target in zip(rows, pairs, exhibits.generated(pairs), targets, strict=True):
            places = [place for place in found.ranked[row].tolist() if place >= 0]
            images, right = exhibits.real(names[places].tolist()), found.relevant[row].tolist()
            caption = f"{sum(right)} of the {found.total[row]} images of its item found  {pair.id}"
            queries.append(Query(generated, target, list(zip(images, right, strict=False)), caption))
        heading = f"Retrieval ({self.variant}): {next(iter(exhibits.scores))}, the top {depth} of {len(names)} images"
        return {"gallery": draw_gallery(queries, depth, heading)}


def _metric(k: int) -> str:
    return "retrieval" if k == max(_TOP) else f"retrieval@{k}"


def _item(benchmark: Benchmark, name: str) -> str:
    """The item of an image; an image whose item is not known counts as a separate item."""
    shown = benchmark.facts(name)
    return shown.item if shown and shown.item else name


def _score(
    metric: str,
    evidence: Evidence,
    value: NDArray[np.float64],
    real: NDArray[np.float64],
    ceiling: NDArray[np.float64] | None,
) -> Score:
    counts = np.isfinite(value)
    reasons = ["" if counted else "without another image of the item in the gallery" for counted in counts]
    score = mean_score(metric, evidence, PairValues.of(value, reasons))
    if not counts.any():
        return score
    best = 1.0 if ceiling is None else float(ceiling[counts].mean())
    return dataclasses.replace(score, details={"real": float(real[counts].mean()), "ceiling": best})
