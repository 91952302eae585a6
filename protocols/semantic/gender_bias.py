"""Gender bias: is the gender still recognised in the generated image, and for which gender do errors occur?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.protocol import Evidence, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.semantic.heads.backbones import GENDER_BACKBONE, GENDER_HEAD
from protocols.semantic.heads.head import load_head, unusable
from protocols.semantic.verification import verification_auc

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

# Nose and eyes among the 18 COCO joints: if none of them is visible, there is no face.
_FACE_JOINTS = [0, 14, 15]


@dataclass(frozen=True)
class GenderError:
    """Error rates of a gender classifier. All rates are in [0, 1], lower is better.

    Args:
        n: number of classified images.
        error: share of wrong answers.
        by_gender: true gender -> share of wrong answers among its images.
        balanced: mean of these shares, which gives both genders the same weight.
        majority: error of a classifier that always answers the most frequent true gender: a larger error is worse than
            this trivial answer.
        confusion: true gender -> answered gender -> number of images.
    """

    n: int
    error: float
    by_gender: Mapping[str, float]
    balanced: float
    majority: float
    confusion: Mapping[str, Mapping[str, int]]


def gender_error(answered: Sequence[str], true: Sequence[str]) -> GenderError:
    """Error rates of a gender classifier: Yang et al., Detail Replenishing Network, gender recognition.

    Balanced error: Brodersen et al., The Balanced Accuracy and Its Posterior Distribution, ICPR 2010.

    Args:
        answered: N labels that the classifier gives for the generated images.
        true: N labels from the file names.

    Returns:
        The rates over all images and by gender, and the counts behind them.

    Raises:
        ValueError: if the lengths differ or there are no labels.

    Examples:
        >>> found = gender_error(["WOMEN", "WOMEN", "WOMEN", "MEN"], ["WOMEN", "WOMEN", "MEN", "MEN"])
        >>> found.error, found.balanced, found.majority
        (0.25, 0.25, 0.5)
        >>> found.by_gender, found.confusion["MEN"]
        ({'MEN': 0.5, 'WOMEN': 0.0}, {'MEN': 1, 'WOMEN': 1})
    """
    if len(answered) != len(true):
        raise ValueError(f"{len(answered)} answers do not fit {len(true)} true genders")
    if not len(true):
        raise ValueError("there are no labels")
    given, expected = np.asarray(answered, str), np.asarray(true, str)
    labels = sorted({*given.tolist(), *expected.tolist()})
    confusion = {
        gender: {label: int(((expected == gender) & (given == label)).sum()) for label in labels}
        for gender in sorted(set(expected.tolist()))
    }
    size = {gender: sum(row.values()) for gender, row in confusion.items()}
    by_gender = {gender: 1 - row[gender] / size[gender] for gender, row in confusion.items()}
    return GenderError(
        n=len(true),
        error=float((given != expected).mean()),
        by_gender=by_gender,
        balanced=sum(by_gender.values()) / len(by_gender),
        majority=1 - max(size.values()) / len(true),
        confusion=confusion,
    )


class GenderBias(Protocol):
    """How often the generated person is classified as the other gender, and for which images."""

    sees_pose = False
    id = "gender-bias"
    title = "Gender bias"
    group = "semantic"
    citation = "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network"
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": (
            f"answer of a linear head on {GENDER_BACKBONE.title}, trained on the benchmark's training split, compared "
            "with the gender in the file name: share of wrong answers over pairs; balanced: mean of the shares for "
            "women and for men; women, men: over the pairs of each; no-face: over the pairs whose source image has no "
            "visible nose or eyes in the benchmark's keypoints"
        )
    }
    moved_by = (
        "the head: it is trained on one benchmark, and another seed, penalty or threshold gives another head",
        "how images are generated: the head was trained on real images only, and artefacts may bias it towards one "
        "gender; compare with the error on the real targets",
        "the share of each gender in the pair list, for all errors except the balanced one; compare with the error of "
        "the majority answer",
    )
    at_other_sizes = (
        "VGG16 reads images at their own size, and the head uses means over its maps; the head belongs to the "
        "benchmark that it was trained on, and so to its size."
    )
    metrics = tuple(
        MetricCard(name, label, higher_is_better=False, range=(0.0, 1.0))
        for name, label in {
            "gender-bias": "Gender error",
            "balanced": "Gender error, balanced",
            "women": "Gender error, women",
            "men": "Gender error, men",
            "no-face": "Gender error, no source face",
        }.items()
    )
    numerics = "numpy float64"

    @property
    def features(self) -> tuple[str, ...]:
        """The feature that the head uses."""
        return (GENDER_BACKBONE.feature,)

    @property
    def weights(self) -> tuple[str, ...]:
        """The trained head."""
        return (GENDER_HEAD,)

    def lacks(self, benchmark: Benchmark) -> str | None:
        """A reason if file names have no gender, or the head was trained on another benchmark or network."""
        for pair in benchmark.pairs:
            if not (shown := benchmark.facts(pair.source)) or not shown.gender:
                return (
                    f"The gender of {pair.source} of {benchmark.id} is not known: add it to the benchmark's table of "
                    "people, or name the images as DeepFashion does."
                )
        return unusable(GENDER_HEAD, GENDER_BACKBONE, benchmark, 1) or super().lacks(benchmark)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Each error, together with the error on the real targets and the error of always answering the majority."""
        true = np.array([_gender(evidence.benchmark, pair.source) for pair in evidence.pairs])
        head = load_head(GENDER_HEAD, GENDER_BACKBONE, 1)
        roles = {"generated": "generated", "real": "target"}
        output = {
            name: head(evidence.vectors(GENDER_BACKBONE.feature, role)[:, GENDER_BACKBONE.seen])[:, 0]
            for name, role in roles.items()
        }
        answers = {name: np.where(found > 0, "WOMEN", "MEN") for name, found in output.items()}
        wrong, real_wrong = (answer != true for answer in answers.values())
        poses = evidence.benchmark.poses
        faceless = np.array([np.isnan(poses[pair.source][_FACE_JOINTS]).any(1).all() for pair in evidence.pairs])
        everyone, women, men = np.ones(len(true), bool), true == "WOMEN", true == "MEN"

        def mean(metric: str, counts: NDArray[np.bool_], left_out: str, weight: NDArray[np.float64]) -> Score:
            reasons = tuple(np.where(counts, "", left_out).tolist())
            score = mean_score(metric, evidence, PairValues(np.where(counts, wrong, np.nan), weight, reasons))
            if not counts.any():
                return score
            details = {"real": float(real_wrong[counts] @ weight[counts] / weight[counts].sum())}
            shares = [(counts & of) @ weight for of in (women, men)]
            if min(shares) > 0:  # with one gender only, the majority answer has no error to compare with
                details["majority"] = float(min(shares) / sum(shares))
            return dataclasses.replace(score, details=details)

        equal = np.ones(len(true))
        # Pairs of women and pairs of men have the same total weight.
        balance = 1 / np.array([(true == gender).sum() for gender in true])
        overall = mean("gender-bias", everyone, "", equal)
        errors = {name: gender_error(answer.tolist(), true.tolist()) for name, answer in answers.items()}
        details = {**overall.details, "confusion": {name: found.confusion for name, found in errors.items()}}
        if women.any() and men.any():
            # An effect that shifts all outputs (such as blur) changes answers, but not the AUC.
            details["auc"] = {name: verification_auc(-found[women], -found[men]) for name, found in output.items()}
        return (
            dataclasses.replace(overall, details=details),
            mean("balanced", everyone, "", balance),
            mean("women", women, "showing a man", equal),
            mean("men", men, "showing a woman", equal),
            mean("no-face", faceless, "with a face in the source image", equal),
        )


def _gender(benchmark: Benchmark, name: str) -> str:
    shown = benchmark.facts(name)
    if shown is None:  # excluded by `lacks`
        raise ValueError(f"the gender of {name} is not known")
    return shown.gender
