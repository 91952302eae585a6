"""Several machines: two agents of torchrun that meet on this one; folders that they do not share; long waits."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import fhpt_bench as fb

PROTOCOLS = "ssim,psnr,lpips,fd-effnet-lite0"


def start_nodes(words: list[str], *own: dict[str, str], program: tuple[str, ...] = ("-m", "fhpt_bench", "run")):
    """Start an agent with one process for each set of environment variables; returns exit code and errors of each.

    Args:
        words: arguments of the program; a variable OUT is a last one of its node.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(own)), "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", f"test-{port}",
        "--local-addr", "127.0.0.1",
    ]  # fmt: skip
    nodes = [
        subprocess.Popen(
            [*launch, *program, *words, *([one["OUT"]] if "OUT" in one else [])],
            env={**os.environ, "OMP_NUM_THREADS": "1", **one},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for one in own
    ]  # fmt: skip
    ends = [(node.communicate(timeout=400)[1], node) for node in nodes]
    return [(node.returncode, errors) for errors, node in ends]


def test_two_nodes_give_the_scores_of_one_process(tiny: Path, tmp_path: Path) -> None:
    words = ["-m", "warp", "-b", str(tiny), "-p", PROTOCOLS, "--batch-size", "4", "--device", "cpu", "-o"]
    for code, errors in start_nodes([*words, str(tmp_path / "two")], {}, {}):
        assert code == 0, errors
    one = {**os.environ, "OMP_NUM_THREADS": "1", "FHPT_CACHE_DIR": str(tmp_path / "cache of one")}
    command = [sys.executable, "-m", "fhpt_bench", "run", *words, str(tmp_path / "one"), "--processes", "1"]
    subprocess.run(command, check=True, capture_output=True, env=one)
    a, b = (fb.read_record(tmp_path / name) for name in ("one", "two"))
    assert b.provenance.processes == 2
    assert [score.model_dump() for score in a.scores] == [score.model_dump() for score in b.scores]
    assert (tmp_path / "one" / "pairs.csv").read_bytes() == (tmp_path / "two" / "pairs.csv").read_bytes()
    assert not list((tmp_path / "two").glob(".*.part")), "the file by which they found that they share the folder"


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "OUT",
            "give --out with one folder that all machines share.",
        ),
        ("FHPT_CACHE_DIR", "set FHPT_CACHE_DIR to one folder that all machines share."),
    ],
)
def test_nodes_that_do_not_share_a_folder_end_at_once(tiny: Path, tmp_path: Path, variable: str, message: str) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
    places = [{"OUT": str(tmp_path / "run")}, {"OUT": str(tmp_path / "run")}]
    for name, place in zip("ab", places, strict=True):
        place[variable] = str(tmp_path / name)
    begin = time.monotonic()
    words = ["-m", "warp", "-b", str(tiny), "-p", "ssim", "--device", "cpu", "-o"]
    for code, errors in start_nodes(words, *places):
        assert code != 0
        assert f"error: Process 1 does not see the {'run' if variable == 'OUT' else 'cache'} folder" in errors
        assert message in errors
        assert 'Traceback (most recent call last):\n  File "/' not in errors.split("error: ")[0]
    assert time.monotonic() - begin < 300
    assert not list(tmp_path.rglob("*.png")), "nothing was generated"


PROTOCOL = """
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol
class Bright(PairwiseProtocol):
    id, title, citation = "bright", "", ""
    variants = {"canonical": ""}
    metrics = (MetricCard("bright", "B", False),)
    def compare(self, images):
        return {"bright": PairValues.of(images.generated.mean((1, 2, 3), dtype=float))}
"""
MODEL = """
from fhpt_bench.model import Generator, ModelCard
class Copy(Generator):
    card = ModelCard("copy", "")
    def generate(self, batch): return batch.source
"""


@pytest.mark.parametrize(
    ("option", "words", "difference"),
    [
        ("--batch-size", ("4", "8"), r"--batch-size \(4 and 8\)"),
        ("-p", ("{}/a/plugin.py:Bright", "{}/b/plugin.py:Bright"), r"the fingerprint of bright:canonical \("),
        ("-p", ("ssim", "ssim,psnr"), r"the fingerprint of psnr:canonical \(None and "),
        ("-m", ("{}/a/plugin.py:Copy", "{}/b/plugin.py:Copy"), r"the model.code \("),
    ],
)
def test_nodes_that_measure_otherwise_end_at_once(
    tiny: Path, tmp_path: Path, option: str, words: tuple[str, str], difference: str
) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.py").write_text(f"{PROTOCOL}{MODEL}# {name}\n")
    given = {"-m": "warp", "-p": "ssim", "-o": str(tmp_path / "run"), "-b": str(tiny), "--device": "cpu"}
    common = [part for name, value in given.items() if name != option for part in (name, value)]
    own = [{"OUT": word.format(tmp_path)} for word in words]
    for code, errors in start_nodes([*common, option], *own):
        assert code != 0
        assert re.search(f"error: Processes 0 and 1 differ in {difference}", errors), errors
    assert not list(tmp_path.rglob("*.png")), "nothing was generated"


WAIT = """
import time, torch.distributed as dist
from fhpt_bench.processes import join
processes = join("cpu")
backend = dist.group.WORLD._get_backend(__import__("torch").device("cpu"))
assert backend.options._timeout.total_seconds() >= 24 * 3600, backend.options._timeout
processes.wait()
dist.destroy_process_group()
"""


def test_processes_wait_as_long_as_the_scores_of_the_main_one_take(tmp_path: Path) -> None:
    (tmp_path / "wait.py").write_text(WAIT)
    for code, errors in start_nodes([], {}, {}, program=(str(tmp_path / "wait.py"),)):
        assert code == 0, errors
