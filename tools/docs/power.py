"""Write docs/power.md from the records that ship and the published rows: `python -m tools.docs.power`."""

from __future__ import annotations

import math
from collections import defaultdict
from decimal import Decimal
from itertools import combinations, pairwise
from pathlib import Path

from fhpt_bench.files import write_text
from fhpt_bench.power import Power
from fhpt_bench.records.comparison import read_values
from fhpt_bench.records.schema import read_record
from fhpt_bench.records.score_difference import score_power
from leaderboards.literature import load_published
from leaderboards.measured import REFERENCE

PAGE = Path(__file__).parents[2] / "docs" / "power.md"
MODELS = ("copy-source", "warp", "drn")
KEYS = {"ssim": "ssim:canonical:ssim", "lpips": "lpips:alex-0.1:lpips", "pckh": "pckh:patn:pckh"}
ITEMS, PAIRS = 811, 8570  # of DeepFashion's test list: docs/deepfashion.md

_HEAD = """# How many pairs a claim needs

`fhpt-bench power A B` answers three questions about two records: how small a difference their pairs can show, how
many people and pairs would show the measured difference, and how likely the printed order is wrong. Made by `python
-m tools.docs.power`; do not edit.

## What is computed

- **Standard error** of the difference on the pairs that both models have. All pairs of one person count as one
  observation, because they resemble each other (`fhpt_bench.power.cluster_error`).
- **shows**: the smallest true difference that the test of `compare` finds with a probability of 80 %: the 95 %
  interval over people excludes 0. About 2.8 standard errors; the exact factor follows from the noncentral t
  distribution.
- **needs**: the number of people, with as many pairs each, at which the measured difference is the smallest one.
  More pairs of the same people help less.
- **wrong order**: the chance that the true difference has the other sign, if every difference was equally likely
  before measuring. With several models and scores, the chance that some order is wrong is larger.
- **Scores of the whole set** (Fréchet and kernel distances, inception score): the test of `compare` is that two
  jackknife intervals do not overlap. Their errors count as independent, although both models share the pairs, so
  that the standard error is rather too large. It is assumed to fall with the square root of the number of people;
  the bias of a Fréchet distance, which falls, too, is not part of it.

In 200 simulated studies of 40 people with 1 to 39 pairs each, and of 100 people with 1 to 5, a difference of the
stated size was found in 75 to 85 % (`tests/fhpt_bench/test_power.py`).

## On studio

800 pairs of 40 people, records that ship. Deviation: standard error times the square root of the number of people.

| A | B | score | A - B | shows | deviation by person | n |
|---|---|---|--:|--:|--:|--:|
"""
_DEEPFASHION = f"""
## Printed tables

What could the differences of printed tables show? Papers print no values by pair. **Assumption**: the deviation by
person on DeepFashion is between the smallest and the largest of the table above, and there are {ITEMS} independent
garments in {PAIRS:,} pairs ([counts](deepfashion.md)). Rendered people are not photographs:
the numbers below are orders of magnitude, no tests. Similar models have smaller deviations: of
`drn` and `drn-no-face`, whose images differ in the face only, the 800 pairs of studio show a difference of
{{alike}} in SSIM.

| score | {PAIRS:,} pairs show a difference of |
|---|--:|
"""
_GAPS = """
In each printed table, the systems are sorted by the score, and neighbours are compared, without real images. Rows of
one source and score were measured alike as far as the source says; rows without a known definition are included.

| score | tables | neighbours with different values | closer than the smaller bound | than the larger bound |
|---|--:|--:|--:|--:|
"""


def measured(model_a: str, model_b: str, key: str, reference: Path = REFERENCE) -> Power:
    """The power of two reference records in a score with values by pair.

    Args:
        model_a: the name of a model.
        model_b: another one.
        key: the score.
        reference: the folder of the reference records.
    """
    records = [read_record(reference / "studio" / model) for model in (model_a, model_b)]
    scores = [next(score for score in record.scores if score.key == key) for record in records]
    found = score_power(scores[0], scores[1], *(read_values(record).get(key) for record in records))
    if found is None:
        raise ValueError(f"no power of {key}")
    return found


def printed_gaps(protocol: str) -> tuple[int, list[Decimal]]:
    """The number of printed tables of a protocol, and the differences of neighbours in them that are not 0."""
    tables = defaultdict(list)
    for row in load_published():
        for score in row.scores:
            if score.protocol == protocol and row.benchmark == "deepfashion" and row.system != "Real images":
                tables[row.source.url, row.source.name, score.key].append(score.value)
    tables = {name: values for name, values in tables.items() if len(values) > 1}
    gaps = [high - low for values in tables.values() for low, high in pairwise(sorted(values)) if high > low]
    return len(tables), gaps


def page() -> str:
    """The text of the page."""
    lines, bounds = [_HEAD], {}
    for name, key in KEYS.items():
        deviations = []
        for a, b in combinations(MODELS, 2):
            found = measured(a, b, key)
            deviations.append(found.error * math.sqrt(found.people))
            cells = f"{found.difference:.3f} | {found.smallest:.3f} | {deviations[-1]:.3f} | {found.n}"
            lines.append(f"| {a} | {b} | {key} | {cells} |\n")
            factor = found.smallest / found.error
        bounds[name] = [factor * deviation / math.sqrt(ITEMS) for deviation in (min(deviations), max(deviations))]
    lines.append(_DEEPFASHION.format(alike=f"{measured('drn', 'drn-no-face', KEYS['ssim']).smallest:.4f}"))
    lines += [f"| {KEYS[name]} | {low:.4f} to {high:.4f} |\n" for name, (low, high) in bounds.items()]
    lines.append(_GAPS)
    for name, (low, high) in bounds.items():
        n, gaps = printed_gaps(name)
        below = [sum(float(gap) < bound for gap in gaps) for bound in (low, high)]
        lines.append(f"| {name} | {n} | {len(gaps)} | {below[0]} | {below[1]} |\n")
    return "".join(lines)


if __name__ == "__main__":
    write_text(PAGE, page())
