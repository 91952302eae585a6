"""Target images rendered again: which benchmarks have them, and what the damage does with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.benchmarks import STUDIO_SWAPS
from protocols.audit.campaign import chosen
from protocols.audit.command import TARGETS
from protocols.audit.damages import DAMAGES, lacking, subjects
from protocols.audit.mixtures import SWAPS

NAMES = [damage.name for damage in SWAPS]


def test_every_target_of_a_default_audit_has_every_swap() -> None:
    benchmark = load_benchmark("studio", limit=TARGETS)
    targets = {pair.target for pair in benchmark.pairs}
    assert sorted(targets) == (STUDIO_SWAPS / "targets.lst").read_text().split()
    for damage in SWAPS:
        assert lacking(damage, benchmark) is None
        assert {path.name for path in (STUDIO_SWAPS / damage.name).iterdir()} == targets


@pytest.mark.parametrize("name", NAMES)
def test_a_share_of_the_pairs_has_the_rendered_image(name: str) -> None:
    benchmark = load_benchmark("studio", limit=20)
    (damage,) = [damage for damage in DAMAGES if damage.name == name]
    for pair, subject in zip(benchmark.pairs, subjects(benchmark), strict=True):
        rendered = np.asarray(Image.open(STUDIO_SWAPS / name / pair.target))
        assert (rendered != subject.image).any()
        for share in damage.strengths:
            wanted = rendered if subject.place < share else subject.image
            assert (damage.apply(subject, share) == wanted).all()
    assert damage.strengths[-1] == 1


def test_more_pairs_than_rendered_targets_leave_the_swaps_out_with_their_numbers() -> None:
    benchmark = load_benchmark("studio", limit=60)
    targets = {pair.target for pair in benchmark.pairs}
    reason = f"only 40 of the {len(targets)} target images were rendered again with it: choose a smaller --limit"
    assert [lacking(damage, benchmark) for damage in SWAPS] == [reason] * len(SWAPS)
    assert len(list(subjects(benchmark))) == 60


def test_another_benchmark_with_the_same_file_names_has_no_swaps() -> None:
    benchmark = load_benchmark("studio-512", limit=12)
    able, left_out = chosen([], benchmark)
    assert set(left_out) == set(NAMES)
    assert all(reason.startswith("none of the 12 target images was rendered again") for reason in left_out.values())
    assert len(able) == len(DAMAGES) - len(NAMES)
    assert next(iter(subjects(benchmark))).swaps == {}


def test_pairs_of_unknown_images_have_no_swaps() -> None:
    benchmark = load_benchmark("studio", limit=12)
    other = replace(benchmark, pairs=tuple(replace(pair, target=f"new-{pair.target}") for pair in benchmark.pairs))
    assert lacking(SWAPS[0], other) is not None
