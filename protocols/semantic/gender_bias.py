"""Gender bias: is the person still taken for a woman or a man, and for which of the two does that go wrong?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fhpt_bench.data.names import parse_name
from fhpt_bench.protocol import Evidence, MetricCard, PairValues, Protocol, Score
from fhpt_bench.score import mean_score
from protocols.semantic.heads.backbones import GENDER_BACKBONE, GENDER_HEAD
from protocols.semantic.heads.head import load_head, unusable
from protocols.semantic.verification import verification_auc

if TYPE_CHECKING:
    from fhpt_bench.benchmark import Benchmark

# Nose and eyes among the 18 COCO joints: where none of them is seen, no face is.
_FACE_JOINTS = [0, 14, 15]


@dataclass(frozen=True)
class GenderError:
    """How often a gender is answered wrongly. All rates lie in [0, 1], lower is better.

    Args:
        n: how many images were judged.
        error: share of wrong answers.
        by_gender: true gender -> share of wrong answers among its images.
        balanced: mean of those, so that the rarer gender weighs as much.
        majority: what always answering the most frequent true gender would get; an error above it has learnt nothing.
        confusion: true gender -> answered gender -> how many images.
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
        answered: N labels, what the classifier says of the generated images.
        true: N labels, what the file names say.

    Returns:
        The rates, over all and by gender, and the counts that they come from.

    Raises:
        ValueError: where the lengths differ or nothing is given.

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
        raise ValueError("no image was judged")
    said, is_so = np.asarray(answered, str), np.asarray(true, str)
    labels = sorted({*said.tolist(), *is_so.tolist()})
    confusion = {
        gender: {label: int(((is_so == gender) & (said == label)).sum()) for label in labels}
        for gender in sorted(set(is_so.tolist()))
    }
    size = {gender: sum(row.values()) for gender, row in confusion.items()}
    by_gender = {gender: 1 - row[gender] / size[gender] for gender, row in confusion.items()}
    return GenderError(
        n=len(true),
        error=float((said != is_so).mean()),
        by_gender=by_gender,
        balanced=sum(by_gender.values()) / len(by_gender),
        majority=1 - max(size.values()) / len(true),
        confusion=confusion,
    )


class GenderBias(Protocol):
    """How often the generated person is taken for the other gender, and whose pictures that happens to."""

    id = "gender-bias"
    title = "Gender bias"
    citation = "Yang et al., Towards Fine-grained Human Pose Transfer with Detail Replenishing Network"
    variants: ClassVar[Mapping[str, str]] = {
        "canonical": (
            f"answer of a linear head on {GENDER_BACKBONE.title}, learnt on the benchmark's training split, against "
            "the gender in the file name: wrong answers over pairs; balanced: mean of women's and men's share; "
            "women, men: over the pairs of each; no-face: over the pairs whose source image shows neither nose nor "
            "eyes by the benchmark's keypoints"
        )
    }
    moved_by = (
        "The head: it is learnt on one benchmark, and another seed, penalty or threshold is another head.",
        "How an image is made: the head saw clean images only, and takes artefacts for one gender rather than the "
        "other; read it beside the real targets' error.",
        "The share of each gender in the list, for all but the balanced error: compare with the majority's.",
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
        """What the head looks at."""
        return (GENDER_BACKBONE.feature,)

    @property
    def weights(self) -> tuple[str, ...]:
        """The trained head."""
        return (GENDER_HEAD,)

    def lacks(self, benchmark: Benchmark) -> str | None:
        """File names without a gender, or a head that was learnt on another benchmark or network."""
        for pair in benchmark.pairs:
            if parse_name(pair.source) is None:
                return (
                    f"The file name {pair.source} of {benchmark.id} does not say WOMEN or MEN as DeepFashion's names "
                    "do: rename the images to measure this."
                )
        return unusable(GENDER_HEAD, GENDER_BACKBONE, benchmark, 1) or super().lacks(benchmark)

    def score(self, evidence: Evidence) -> tuple[Score, ...]:
        """Each error with the same on the real targets and what always answering the majority would get."""
        true = np.array([_gender(pair.source) for pair in evidence.pairs])
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
            if min(shares) > 0:  # of one gender alone there is no majority to answer
                details["majority"] = float(min(shares) / sum(shares))
            return dataclasses.replace(score, details=details)

        equal = np.ones(len(true))
        # So that women's pairs weigh as much together as men's.
        balance = 1 / np.array([(true == gender).sum() for gender in true])
        overall = mean("gender-bias", everyone, "", equal)
        told = {name: gender_error(answer.tolist(), true.tolist()) for name, answer in answers.items()}
        details = {**overall.details, "confusion": {name: found.confusion for name, found in told.items()}}
        if women.any() and men.any():
            # Whatever moves all outputs alike (blur, say) turns answers over, but not this.
            details["auc"] = {name: verification_auc(-found[women], -found[men]) for name, found in output.items()}
        return (
            dataclasses.replace(overall, details=details),
            mean("balanced", everyone, "", balance),
            mean("women", women, "of a man", equal),
            mean("men", men, "of a woman", equal),
            mean("no-face", faceless, "whose source shows a face", equal),
        )


def _gender(name: str) -> str:
    parsed = parse_name(name)
    if parsed is None:  # `lacks` has looked
        raise ValueError(f"{name} says no gender")
    return parsed.gender
