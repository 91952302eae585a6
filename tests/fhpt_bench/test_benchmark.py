"""Benchmark files: what they may contain."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.protocol import protocols


@pytest.mark.parametrize("name", ["{folder}/evil.py:Evil", "evil.py:Evil", "../evil:Evil", "ssim:", ""])
def test_a_benchmark_file_never_runs_code(tiny: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Evil: pass\n")
    listed = re.sub(r"protocols = \[.*\]", f"protocols = [{name.format(folder=tmp_path)!r}]", tiny.read_text())
    assert listed != tiny.read_text()
    tiny.write_text(listed)
    with pytest.raises(fb.UserError, match=r"is wrong at 'protocols': .*is not the name of a protocol"):
        fb.run("copy-source", str(tiny), out=tmp_path / "run")
    assert not (tmp_path / "ran").exists()


def test_every_registered_protocol_may_be_listed(tiny: Path) -> None:
    names = [f"{name}:{variant}" for name in protocols.entries() for variant in protocols.load(name).variants]
    text = ",".join(f'\n"{name}"' for name in [*protocols.entries(), *names])  # a line each: long lines are refused
    tiny.write_text(re.sub(r"protocols = \[.*\]", lambda _: f"protocols = [{text}]", tiny.read_text()))
    assert len(load_benchmark(str(tiny)).protocols) == len(names) + len(protocols.entries())


def test_people_are_known_only_if_names_identify_them(tiny: Path) -> None:
    assert load_benchmark(str(tiny)).people_known
    text = tiny.read_text()
    tiny.write_text(text + 'cluster = "item"\n')
    assert not load_benchmark(str(tiny)).people_known
    tiny.write_text(text)
    for table in ("pairs.csv", "keypoints.csv"):  # one image whose name states no person
        path = tiny.parent / table
        path.write_text(path.read_text().replace("fashionMENTees_Tanksid0000000001_1front.jpg", "portrait.jpg"))
    assert not load_benchmark(str(tiny)).people_known
