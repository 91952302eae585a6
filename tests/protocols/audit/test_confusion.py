"""What scores confuse, what they may be used for, and how far they agree, where the answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.stats import spearmanr

from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from protocols.audit.advice import advice, reliable
from protocols.audit.agreement import agreement
from protocols.audit.confusion import Confusion
from protocols.audit.damages import DAMAGES
from protocols.audit.findings import AuditedScore, Finding, sign
from protocols.audit.groups import GROUPS, MILD, SERIOUS
from protocols.audit.results import Results

PLUGIN = '''
import numpy as np

from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol


class Bright(PairwiseProtocol):
    """Difference of the mean values: sees brightness, hardly sees who is shown."""

    id = "bright"
    title = "difference of the means"
    citation = "none"
    variants = {"canonical": "difference"}
    metrics = (MetricCard("value", "Bright", higher_is_better=False),)

    def compare(self, images):
        means = [batch.astype(float).mean((1, 2, 3)) for batch in (images.generated, images.target)]
        return {"value": PairValues.of(np.abs(means[0] - means[1]))}
'''
SCORE = AuditedScore("x:canonical:x", "X", headline=True, higher_is_better=False)


def finding(damage: str, worse: str, better: str = "nnnnn", tau: float = 1.0) -> Finding:
    flags = [tuple(letter == "y" for letter in letters) for letters in (worse, better)]
    return Finding(SCORE, damage, 0.0, (1.0, 2.0, 3.0, 4.0, 5.0), *flags, (True,) * 5, (None,) * 5, tau, None, 40)


def test_every_damage_has_one_group_and_mild_and_serious_ones_exist() -> None:
    names = [name for names in GROUPS.values() for name in names]
    assert len(names) == len(set(names))
    assert {damage.name for damage in DAMAGES} <= set(names)
    assert {name for name, _ in MILD} | set(SERIOUS) <= set(names)


def test_a_brightness_score_confuses_brightness_with_another_pose(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    out = tmp_path / "out"
    words = ["audit", "-p", f"{tmp_path / 'mine.py'}:Bright", "--limit", "12", "--out", str(out), "--processes", "1"]
    done = CliRunner().invoke(cli, [*words, "--damage", "brightness", "--damage", "blur", "--damage", "limb"])
    assert done.exit_code == 0, (done.output, done.exception)
    found = Results.read(out).confusions
    assert [(item.mild, item.number, item.serious) for item in found] == [("brightness", 1, "limb")]
    assert found[0].mild_value > found[0].serious_value
    assert "*Confuses*: brightness at strength 1 is worse than limb." in (out / "audit.md").read_text()
    assert not (out / "agreement.png").exists()  # one score


def test_changed_results_are_refused(tmp_path: Path) -> None:
    results = Results("3 pairs", (finding("blur", "nyyyy"),), (), ())
    results.write(tmp_path, DAMAGES)
    assert Results.read(tmp_path) == results
    text = (tmp_path / "audit.csv").read_text()
    for changed in (text.replace("score,", "scores,", 1), text.replace(",40\n", ",many\n", 1)):
        assert changed != text
        (tmp_path / "audit.csv").write_text(changed)
        with pytest.raises(UserError, match="the files of the audit were changed"):
            Results.read(tmp_path)


def test_a_score_is_reliable_if_it_notices_early_in_order_and_is_never_better() -> None:
    assert reliable(finding("blur", "nnyyy"))
    assert not reliable(finding("blur", "nnnyy"))  # too late
    assert not reliable(finding("blur", "yyyyn"))  # not at the strongest
    assert not reliable(finding("blur", "yyyyy", tau=0.4))
    assert not reliable(finding("blur", "nnyyy", "ynnnn"))


def test_strengths_that_cannot_be_told_are_no_blindness() -> None:
    faces = replace(finding("blur", "nyynn"), decided=(True, True, True, False, False))  # no face is found from 4 on
    assert (faces.noticed_from, sign(faces), reliable(faces)) == (2, "2°", True)
    few = replace(faces, decided=(False,) * 5, worse=(False,) * 5)
    assert (few.noticed_from, sign(few)) == (None, "?")
    assert advice({"blur": few}, []) == {"Cannot be told": "the score has a value for fewer than ten people"}
    blind = finding("blur", "yyyyn", "ynnnn")
    assert (blind.noticed_from, sign(blind)) == (None, "-!")


def test_the_advice_names_groups() -> None:
    row = {name: finding(name, "yyyyy") for name in GROUPS["image quality"]}
    row |= {name: finding(name, "nnnnn") for name in GROUPS["identity"]}
    row |= {
        "limb": finding("limb", "yyyyy"),
        "hand": finding("hand", "nnnnn"),
        "face-blur": finding("face-blur", "nnnny"),
    }
    row |= {"background": finding("background", "nnyyy", "ynnnn")}
    assert advice(row, []) == {
        "Use it for": "image quality",
        "In part": "parts of the person (reliably: limb; only when strong or not in order: face-blur; not: hand); "
        "background (only when strong or not in order: background)",
        "Does not notice": "identity",
        "Better with damage": "background",
    }


def test_a_group_that_is_confused_with_mild_damage_is_not_recommended() -> None:
    row = {"identity": finding("identity", "yyyyy"), "blur": finding("blur", "yyyyy")}
    assert advice(row, [])["Use it for"] == "image quality, identity"
    said = advice(row, [Confusion(SCORE, "blur", 1, "identity", 2.0, 1.0)])
    assert said["Use it for"] == "image quality"
    assert said["In part"] == "identity (reliably, but confused with mild damage: identity)"
    assert said["Confuses"] == "blur at strength 1 is worse than identity"


def test_agreement_is_spearmans_correlation_and_three_scores_explain_their_combinations() -> None:
    rng = np.random.default_rng(0)
    base = rng.permuted(np.tile(np.arange(30.0), (3, 1)), axis=1)
    columns = {f"p{i}:canonical:x": list(row) for i, row in enumerate(base)}
    columns["copy:canonical:x"] = list(-(base[0] ** 3))  # the same order, turned
    columns["noisy:canonical:x"] = list(base[1] + rng.normal(0, 0.1, 30))
    directions = {key: key != "copy:canonical:x" for key in columns}
    found = agreement({**columns, "gap:canonical:x": [None] * 30, "same:canonical:x": [1.0] * 30}, {**directions})
    assert found is not None
    assert found.keys == tuple(columns)
    signs = [1 if directions[key] else -1 for key in columns]
    for i, a in enumerate(columns.values()):
        for j, b in enumerate(columns.values()):
            expected = spearmanr(np.array(a) * signs[i], np.array(b) * signs[j]).statistic
            assert found.matrix[i, j] == pytest.approx(expected, abs=1e-12)
    assert found.matrix[0, 3] == pytest.approx(1.0)
    assert {key[:2] for key in found.three} >= {"p2"}
    assert found.share > 0.99
    assert agreement({key: column[:9] for key, column in columns.items()}, directions) is None
