"""Recipes of `fhpt-bench train` for heads that distinguish items, or women and men."""

from __future__ import annotations

import abc
import itertools
import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench import weights
from fhpt_bench.data.names import ImageName, parse_name
from fhpt_bench.evaluation.provenance import package_versions
from fhpt_bench.files import sha256_json, write_bytes, write_text
from fhpt_bench.processes import launched
from fhpt_bench.training.features import Change, mirrored, training_features
from fhpt_bench.training.loop import Schedule, fit
from fhpt_bench.training.recipe import Recipe, RecipeCard, Task
from fhpt_bench.training.split import deal_people
from protocols.semantic.gender_bias import gender_error
from protocols.semantic.heads.backbones import BACKBONES, GENDER_BACKBONE, GENDER_HEAD, Backbone
from protocols.semantic.heads.head import Head, head_bytes
from protocols.semantic.heads.learners import ItemLearner, Layer, balanced_ridge
from protocols.semantic.retrieval import search_gallery

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

_HELD_OUT = 5  # number of folds, one of which is held out
_EPOCHS = 10
_TOP = 10
_FOLDS = 8
_STRENGTHS = (1e-3, 3e-4, 1e-4, 3e-5)
_ORDERS = list(itertools.permutations(range(3)))[1:]


def recoloured(position: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Permute the channels of an image, with different orders for neighbouring images: same garment, other colours."""
    return image[..., _ORDERS[position % len(_ORDERS)]]


class HeadRecipe(Recipe):
    """Trains a head on a frozen network. Subclasses define the task."""

    backbone: ClassVar[Backbone]
    changes: ClassVar[Sequence[Change]]

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if there are no training images, several processes, or file names without labels."""
        if reason := super().lacks(benchmark):
            return reason
        if launched()[0] > 1:
            return f"The recipe {self.card.name} works in one process: start it without torchrun or accelerate launch."
        names = [parse_name(name) for name in benchmark.train_images]
        if None in names:
            return (
                f"The recipe {self.card.name} takes its labels from file names in DeepFashion's form, but "
                f"{benchmark.train_images[names.index(None)]} of {benchmark.id} has neither item nor gender: rename "
                "the training images."
            )
        return self.too_few([name for name in names if name])

    @abc.abstractmethod
    def too_few(self, names: Sequence[ImageName]) -> str | None:
        """Why there are too few training images, or None."""

    @abc.abstractmethod
    def learn(
        self, ways: NDArray[np.float64], names: Sequence[ImageName], task: Task
    ) -> tuple[Layer, dict[str, Any], dict[str, Any]]:
        """Train a layer.

        Args:
            ways: (W, N, D) square roots of the pooled features: the unchanged images and W - 1 augmentations.
            names: N parsed file names.
            task: its seed, and its folder for the log.

        Returns:
            The layer, its hyperparameters, and its results on held-out people.
        """

    def estimate(self, task: Task) -> Mapping[str, str]:
        """Training a head takes seconds; most of the time is feature extraction."""
        backbone, images = self.backbone, len(task.images.digests) * (1 + len(self.changes))
        return {
            "trains": self.card.trains, "parameters": f"one linear layer on {backbone.seen.stop:,} numbers",
            "time": f"feature extraction of {images:,} images with {backbone.title}, minus the cached ones",
        }  # fmt: skip

    def train(self, task: Task) -> Mapping[str, str]:
        """Extract features of the training images (or read the cache), train, and write the head and its card."""
        backbone, name = self.backbone, self.card.name
        seen = np.stack(training_features(task, backbone.feature, self.changes))[..., backbone.seen]
        names = [parsed for image in task.images.digests if (parsed := parse_name(image))]
        (weight, bias), settings, held_out = self.learn(np.sqrt(seen.astype(np.float64)), names, task)
        card = {
            "recipe": name, "seed": task.seed, "settings": settings,
            "benchmark": {
                "id": task.benchmark.id, "version": task.benchmark.version,
                "train_sha256": sha256_json(list(task.images.digests.items())),
            },
            "images": len(names), "people": len({parsed.person for parsed in names}),
            "backbone": {
                "feature": backbone.feature, "weights": backbone.weights, "sha256": weights.fetch(backbone.weights)
            },
            "held_out": held_out,
            "versions": {"python": platform.python_version(), **package_versions(("fhpt-bench", "numpy", "torch"))},
        }  # fmt: skip
        file = task.folder.path / f"{name}.safetensors"
        head = Head(weight.astype(np.float32), bias.astype(np.float32), card)
        write_bytes(file, head_bytes(name, head))
        write_text(task.folder.path / "card.json", json.dumps(card, indent=1) + "\n")
        shown = {key: f"{value:.3f}" if isinstance(value, float) else str(value) for key, value in held_out.items()}
        return {**shown, "head": str(file), "to use it": f"{weights.FOLDER_VARIABLE}={task.folder.path}"}


class _RetrievalRecipe(HeadRecipe):
    """Trains a head that distinguishes items."""

    changes = (mirrored,)

    def too_few(self, names: Sequence[ImageName]) -> str | None:
        """A reason if fewer than ten items have three images or more."""
        items = sum(count > 2 for count in Counter(name.item for name in names).values())
        if items >= 2 * _HELD_OUT:
            return None
        return (
            f"The recipe {self.card.name} needs {2 * _HELD_OUT} items with three training images or more, not {items}: "
            "use a larger training split."
        )

    def learn(
        self, ways: NDArray[np.float64], names: Sequence[ImageName], task: Task
    ) -> tuple[Layer, dict[str, Any], dict[str, Any]]:
        """Compute discriminants, then train for some epochs on four fifths of the items."""
        items = np.array([name.item for name in names])
        # Split by item: in DeepFashion several people may wear one item, and it must not be on both sides of the split.
        held = deal_people(items.tolist(), ["all"] * len(items), _HELD_OUT, task.seed) == 0

        def judge(layer: Layer) -> dict[str, float]:
            return {"held_out_recall@10": found_again(ways[0, held] @ layer[0] + layer[1], items[held])[0]}

        label = np.unique(items[~held], return_inverse=True)[1]
        learner = ItemLearner(ways[:, ~held], label, _EPOCHS, judge, task.device)
        log = fit(learner, Schedule(_EPOCHS), task)
        layer = learner.layer()
        recall, queries = found_again(ways[0, held] @ layer[0] + layer[1], items[held])
        plain = self.backbone.plain
        imagenet = found_again(ways[0, held][:, plain] ** 2, items[held])[0]
        outcome = {
            "recall@10": recall, "recall@10 of ImageNet features": imagenet, "queries": queries,
            "images": int(held.sum()), "items": len(set(items[held])),
        }  # fmt: skip
        return layer, {"epochs": len(log) - 1, "changes": "mirrored"}, outcome


def found_again(features: NDArray[np.float64], items: NDArray[np.str_]) -> tuple[float, int]:
    """Recall@10 for every ordered pair of images of one item: the second image is the query, the gallery has neither.

    Args:
        features: (N, K) features of the images.
        items: (N,) item of each image.

    Returns:
        The mean over queries, and the number of queries.
    """
    source, target = np.nonzero((items[:, None] == items) & ~np.eye(len(items), dtype=bool))
    position = np.arange(len(items))
    left_out = (source[:, None] == position) | (target[:, None] == position)
    recall = search_gallery(features[target], features, items[target], items, _TOP, None, left_out).recall(_TOP)
    counted = recall[np.isfinite(recall)]
    return float(counted.mean()), len(counted)


def _retrieval_card(backbone: Backbone) -> RecipeCard:
    return RecipeCard(
        backbone.retrieval_head,
        f"retrieval of the same item with {backbone.title}",
        "a linear head that distinguishes items; the convolutions stay frozen",
        "training images with the item in their names",
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network",
    )


class RetrievalVGG16(_RetrievalRecipe):
    """Trains the item head on VGG16."""

    backbone = BACKBONES["vgg16"]
    card = _retrieval_card(backbone)


class RetrievalEfficientNet(_RetrievalRecipe):
    """Trains the item head on EfficientNet-lite0."""

    backbone = BACKBONES["efficientnet-lite0"]
    card = _retrieval_card(backbone)


class RetrievalResNet50(_RetrievalRecipe):
    """Trains the item head on ResNet50."""

    backbone = BACKBONES["resnet50"]
    card = _retrieval_card(backbone)


class GenderVGG16(HeadRecipe):
    """Trains a head that distinguishes women and men, with the same weight for both."""

    backbone = GENDER_BACKBONE
    changes = (recoloured,)
    card = RecipeCard(
        GENDER_HEAD,
        f"gender with {GENDER_BACKBONE.title}",
        "a linear head that distinguishes women and men; the convolutions stay frozen",
        "training images with WOMEN or MEN in their names",
        "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network",
    )

    def too_few(self, names: Sequence[ImageName]) -> str | None:
        """A reason if there are fewer than two women or two men."""
        people = {gender: len({n.person for n in names if n.gender == gender}) for gender in ("WOMEN", "MEN")}
        if min(people.values()) >= 2:
            return None
        return (
            f"The recipe {self.card.name} needs at least two women and two men, but the training images show "
            f"{people['WOMEN']} and {people['MEN']}: use another training split."
        )

    def learn(
        self, ways: NDArray[np.float64], names: Sequence[ImageName], task: Task
    ) -> tuple[Layer, dict[str, Any], dict[str, Any]]:
        """Choose penalty and threshold by cross-validation over people, then train on all people."""
        true = [name.gender for name in names]
        woman, people = np.array(true) == "WOMEN", [name.person for name in names]
        smallest = min(len({p for p, g in zip(people, true, strict=True) if g == one}) for one in set(true))
        folds = min(_FOLDS, smallest)
        fold = deal_people(people, true, folds, task.seed)

        def ridge(kept: NDArray[np.bool_], strength: float) -> Layer:
            x = ways[:, kept].reshape(-1, ways.shape[2])
            return balanced_ridge(x, np.tile(woman[kept], len(ways)), strength)

        rows, thresholds = [], []
        for strength in _STRENGTHS:
            output = np.empty(len(woman))
            for one in range(folds):
                weight, bias = ridge(fold != one, strength)
                output[fold == one] = (ways[0, fold == one] @ weight + bias)[:, 0]
            thresholds.append(equal_error_threshold(output, woman))
            error = gender_error(np.where(output > thresholds[-1], "WOMEN", "MEN").tolist(), true)
            loss = np.mean([((output - sign)[its] ** 2).mean() for its, sign in ((woman, 1), (~woman, -1))])
            rows.append(
                {"strength": strength, "held_out_loss": float(loss), "held_out_balanced_error": error.balanced,
                 "held_out_women": error.by_gender["WOMEN"], "held_out_men": error.by_gender["MEN"],
                 "threshold": thresholds[-1]}
            )  # fmt: skip
        task.folder.save_log(rows)
        best = min(
            range(len(rows)), key=lambda i: rows[i]["held_out_balanced_error"]
        )  # the strongest penalty wins a tie
        weight, bias = ridge(np.ones(len(woman), bool), _STRENGTHS[best])
        outcome = {
            "balanced error": rows[best]["held_out_balanced_error"], "women": rows[best]["held_out_women"],
            "men": rows[best]["held_out_men"], "images of women": int(woman.sum()), "of men": int((~woman).sum()),
            "people": len(set(people)), "method": f"cross-validation over people, {folds} folds",
        }  # fmt: skip
        return (weight, bias - thresholds[best]), {"strength": _STRENGTHS[best], "changes": "recoloured"}, outcome


def equal_error_threshold(output: NDArray[np.float64], first: NDArray[np.bool_]) -> float:
    """The threshold between two outputs at which the error rates of the two classes differ least.

    Args:
        output: (N,) outputs, larger for the first class.
        first: (N,) which outputs belong to the first class.

    Examples:
        >>> equal_error_threshold(np.array([0.0, 1.0, 2.0, 4.0]), np.array([False, True, False, True]))
        1.5
    """
    order = np.argsort(output, kind="stable")
    ranked = output[order]
    missed = np.cumsum(first[order])[:-1] / first.sum()  # first class, at or below the threshold
    taken = 1 - np.cumsum(~first[order])[:-1] / (~first).sum()  # second class, above the threshold
    cut = int(np.abs(missed - taken).argmin())
    return float((ranked[cut] + ranked[cut + 1]) / 2)
