"""The tool that measures how far scores move between CPUs, and the digits that tables print after its measurement."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fhpt_bench.protocol import MetricCard, protocols
from fhpt_bench.records.schema import Record, read_record
from fhpt_bench.reporting.formatting import score_format
from tools.docs.cpus.moves import (
    ALL,
    Move,
    Repainted,
    compare_images,
    decimals_that_hold,
    find_moves,
    images_table,
    largest_spread,
    moves_table,
)
from tools.docs.cpus.settings import FIRST, SETTINGS, compile_limit, environment, own_cache, probes_table, read_probe
from tools.docs.pages import marks

PAGE = Path(__file__).parents[2] / "docs" / "precision.md"
PEOPLE = ["a", "a", "b", "b"]
SAID = """torch AVX2
threads 1
NumPy SSE42, AVX, FMA3, AVX2
OpenBLAS Haswell
onednn_verbose,v1,info,cpu,isa:Intel AVX2
onednn_verbose,v1,primitive,exec,cpu,reorder,jit:blk,undef,src
onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_training,src
MKL_VERBOSE oneMKL 2024.0 for Intel(R) 64 architecture Intel(R) AVX2 enabled processors, Lnx 2.79GHz lp64
"""


def records(tmp_path: Path, make_record: Callable[..., Path], given: Any, **scores: list[Any]) -> dict[str, Record]:
    """Setting -> a record with an SSIM of these values by pair, and a distance of the whole set."""
    return {
        name: read_record(make_record(
            tmp_path / name,
            [given("ssim:canonical:ssim", values), given("fd-effnet-lite0:canonical:fd-effnet-lite0", distance)],
            PEOPLE,
        ))
        for name, (values, distance) in scores.items()
    }  # fmt: skip


def test_moves_of_pairs_and_of_sets(tmp_path: Path, make_record: Callable[..., Path], given: Any) -> None:
    runs = records(
        tmp_path, make_record, given,
        full=[[0.5, 0.6, 0.7, 0.8], 20.0], avx2=[[0.5, 0.6, 0.7, 0.802], 20.03], sse4=[[0.501, 0.6, 0.7, 0.8], 19.99],
    )  # fmt: skip
    ssim, distance = find_moves(runs)
    assert ssim.key == "ssim:canonical:ssim"
    assert (ssim.moved, ssim.n, ssim.printed) == (2, 4, 4)
    assert ssim.pair == pytest.approx(0.002)
    assert ssim.away == {"avx2": pytest.approx(0.0005), "sse4": pytest.approx(0.00025)}
    assert ssim.apart == pytest.approx(0.0005), "both are above the first run"
    assert (distance.moved, distance.pair) == (None, None)
    assert distance.apart == pytest.approx(0.03), "without SSE4, where dlib cannot run"
    assert find_moves({**runs, "threads": runs["sse4"]})[1].apart == pytest.approx(0.04), "on both sides of the first"


def test_a_run_may_lack_a_score(tmp_path: Path, make_record: Callable[..., Path], given: Any) -> None:
    kept, left_out = (given(f"{name}:canonical:{name}", [0.5, 0.6, 0.7, 0.8]) for name in ("ssim", "psnr"))
    whole = read_record(make_record(tmp_path / "a", [kept, left_out], PEOPLE))
    part = read_record(make_record(tmp_path / "b", [kept], PEOPLE))
    ssim, psnr = find_moves({FIRST: whole, "sse4": part})
    assert (ssim.away, psnr.away) == ({"sse4": 0.0}, {"sse4": None})


def test_scores_that_cannot_be_compared_are_an_error(
    tmp_path: Path, make_record: Callable[..., Path], given: Any
) -> None:
    whole = read_record(make_record(tmp_path / "a", [given("psnr:canonical:psnr", [20.0] * 4)], PEOPLE))
    for name, other in {
        "other data": given("psnr:canonical:psnr", [20.0] * 4, mark="other"),
        "no value": given("psnr:canonical:psnr", status="skipped"),
    }.items():
        lacking = read_record(make_record(tmp_path / name, [other], PEOPLE))
        with pytest.raises(ValueError, match="not all runs have a value of psnr"):
            find_moves({FIRST: whole, "avx2": lacking})


def test_a_pair_that_one_run_skips_is_counted_as_moved() -> None:
    nan = np.nan
    assert largest_spread(np.array([[1.0, nan, nan], [1.0, 2.0, nan]])) == (0.0, 1)
    assert largest_spread(np.array([[nan], [nan]])) == (0.0, 0)


@pytest.mark.parametrize("apart", [1e-9, 4.9e-5, 5e-5, 5.1e-5, 0.002, 0.5, 3.0])
def test_decimals_that_hold_differ_by_one_unit_at_most(apart: float) -> None:
    decimals = decimals_that_hold(apart)
    assert apart <= 0.5 * 10.0**-decimals * (1 + 1e-9)
    assert apart > 0.5 * 10.0 ** -(decimals + 1)
    unit = 10.0**-decimals
    for value in np.linspace(0, 20, 997):
        assert abs(round(value + apart, decimals) - round(value, decimals)) < 1.5 * unit


def test_images_of_two_runs(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    for folder in (first, other):
        folder.mkdir()
        for i in range(3 if folder is first else 2):  # the other run has fewer pairs
            image = np.full((4, 5, 3), 200, np.uint8)
            if folder is other and i == 1:
                image[0, 0] = 199, 200, 203
            Image.fromarray(image).save(folder / f"{i}.png")
    found = compare_images(first, other)
    assert found == Repainted(images=2, changed=1, values=2 / 120, levels=3)
    assert images_table({"warp": {"avx2": found}}).endswith("| warp | AVX2 | 1 of 2 | 16,666.7 | 3 |")


def test_tables_say_what_does_not_hold() -> None:
    moves = [
        Move("a:b:c", "", 0.1234567, 4, {"avx2": 0.0, "sse4": 0.00012}, 0.00012, 0.01, 3, 100),
        Move("d:e:f", "dB", 20.0, 2, {"avx2": 0.0, "sse4": None}, 0.0, None, None, 100),
    ]
    assert moves_table(moves).splitlines()[2:] == [
        "| `a:b:c` | 0.1235 | 3 of 100 | 1e-2 | 0 | 2e-4 | 3 | 4 |",
        "| `d:e:f` | 20.00 dB |  |  | 0 |  | all | 2 |",
    ]


def test_what_libraries_say_is_read() -> None:
    said = read_probe(SAID)
    assert said == {
        "torch": "AVX2", "threads": "1", "oneDNN": "Intel AVX2", "convolution": "jit:avx2", "MKL": "Intel(R) AVX2",
        "NumPy": "SSE42, AVX, FMA3, AVX2", "OpenBLAS": "Haswell",
    }  # fmt: skip
    assert probes_table({"avx2": said}).endswith(
        "| 1 | AVX2 | Intel AVX2 | jit:avx2 | Intel(R) AVX2 | AVX2 | Haswell |"
    )
    with pytest.raises(ValueError, match="says nothing of MKL"):
        read_probe(SAID.replace("MKL_VERBOSE", ""))


def test_a_process_has_the_limits_of_its_setting_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LD_PRELOAD", "other.so")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx2")
    usual = environment(SETTINGS[FIRST], tmp_path / "cpuid.so", tmp_path)
    assert not {"LD_PRELOAD", "CPUID_LIMIT", "ATEN_CPU_CAPABILITY"} & usual.keys()
    assert usual["FHPT_CACHE_DIR"] == str(tmp_path)
    assert environment(SETTINGS["threads"], tmp_path, tmp_path)["OMP_NUM_THREADS"] == "2"


def test_a_cache_of_its_own_has_the_users_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "user"))
    (tmp_path / "user" / "weights").mkdir(parents=True)
    (tmp_path / "user" / "weights" / "a.safetensors").touch()
    for _ in range(2):
        assert [path.name for path in own_cache(tmp_path / "own").rglob("*")] == ["weights"]
        assert (tmp_path / "own" / "weights" / "a.safetensors").exists()


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_instruction_sets_are_hidden(tmp_path: Path) -> None:
    library = compile_limit(tmp_path)
    program = "import numpy as np; print(*np.show_config(mode='dicts')['SIMD Extensions']['found'])"
    for name, hidden in (("avx2", "AVX512F"), ("sse4", "AVX2")):
        env = {**os.environ, "LD_PRELOAD": str(library), "CPUID_LIMIT": SETTINGS[name].limit}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
        if done.returncode == 70:
            pytest.skip("CPUID cannot be made a fault here")
        found = done.stdout.split()
        assert "SSE42" in found
        assert hidden not in found
        assert ("AVX2" in found) <= (name == "avx2")


def rows_after(mark: str) -> list[list[str]]:
    """The cells of the rows of the first table after a text in docs/precision.md, without its two head lines."""
    after = PAGE.read_text(encoding="utf-8").partition(mark)[2].partition("\n|")[2].partition("\n\n")[0]
    lines = [line for line in after.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def card_of(key: str) -> MetricCard:
    protocol, variant, name = key.strip("`").split(":")
    (card,) = (metric for metric in protocols.load(protocol)(variant).metrics if metric.name == name)
    return card


def measured() -> list[tuple[MetricCard, int, int]]:
    """(card, decimals that hold, decimals that were printed) of each row of the tables in docs/precision.md."""
    rows = [row for model in ("warp", "drn") for row in rows_after(marks(f"cpus {model}")[0])]
    found = [(card_of(row[0]), ALL if row[-2] == "all" else int(row[-2]), int(row[-1])) for row in rows]
    for key, here, there, holds in rows_after("On a second machine"):
        assert decimals_that_hold(abs(float(here) - float(there))) == int(holds)
        card = card_of(key)
        printed = format(float(here), score_format([float(here)], card))
        found.append((card, int(holds), len(printed.partition(".")[2])))
    return found


def test_no_table_prints_more_decimals_than_hold() -> None:
    rows = measured()
    assert len(rows) > 30
    for card, holds, printed in rows:
        assert printed <= holds, f"{card.label}: {printed} decimals are printed, {holds} hold"
        assert printed <= (ALL if card.decimals is None else card.decimals)


def test_no_card_takes_away_a_decimal_that_holds() -> None:
    held: dict[str, int] = {}
    for card, holds, _ in measured():
        held[card.name] = min(held.get(card.name, ALL), holds)
    assert {card.name: card.decimals for card, *_ in measured() if card.decimals not in (None, held[card.name])} == {}
