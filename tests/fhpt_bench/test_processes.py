"""Every registered protocol in one run, with one process and with two."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.feature import Feature
from fhpt_bench.protocol import Protocol, protocols
from fhpt_bench.weights import available

# One thread sums float32 numbers in another order than two: see tests/fhpt_bench/networks/test_invariance.py. A Fréchet
# distance of 10 images in 1280 dimensions is a small difference of large numbers.
ROUNDING, OF_SETS = 1e-5, 1e-4
SETS = {"fid", "kid", "fd-effnet-lite0", "kd-effnet-lite0"}
LEFT, SIDE = 24, 128
MIRROR = f"{Path(__file__).parents[1] / 'third_party' / 'acme_hpt.py'}:Mirror"  # keeps faces recognisable


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """The file of a benchmark: 10 pairs of five rendered people from the waist up, and six training images."""
    studio = load_benchmark("studio")
    root = tmp_path / "data"
    for part in ("test", "train"):
        (root / part).mkdir(parents=True)

    def crop(part: str, name: str) -> None:
        with Image.open(studio.folder.parent / part / name) as image:
            image.crop((LEFT, 0, LEFT + SIDE, SIDE)).save(root / part / name, quality=95)

    pairs, keypoints = ["from,to"], ["name:keypoints_y:keypoints_x"]
    for person in sorted({pair.person for pair in studio.pairs})[::8]:
        own = sorted({pair.source for pair in studio.pairs if pair.person == person})
        front, near = (next(name for name in own if view in name) for view in ("front", "additional"))
        pairs += [f"{front},{near}", f"{near},{front}"]
        for name in (front, near):
            crop("test", name)
            pose = studio.poses[name] - [LEFT, 0]
            x, y = np.where(((pose >= 0) & (pose <= SIDE)).all(1, keepdims=True), pose, -1).T
            keypoints.append(f"{name}: {y.tolist()}: {x.tolist()}")
    listed = sorted(path.name for path in (studio.folder.parent / "train").iterdir())[:6]
    for name in listed:
        crop("train", name)
    for file, lines in (("pairs.csv", pairs), ("keypoints.csv", keypoints), ("train.lst", listed)):
        (root / file).write_text("\n".join(lines) + "\n")
    settings = root / "people.toml"
    # The heads that ship are accepted for this id and version.
    settings.write_text(
        f'id = "studio"\nversion = "1.0"\ntitle = "five people"\nroot = "."\nimage_size = [{SIDE}, {SIDE}]\n'
        'images = "test"\npairs = "pairs.csv"\nkeypoints = "keypoints.csv"\n'
        'train_images = "train"\ntrain_list = "train.lst"\n'
        'protocols = ["ssim"]\n[anchors]\nbody = 20\nface = 10\nhand = 40\n'
    )
    return settings


def everything() -> list[str]:
    """Each variant of each protocol whose weights are available."""
    made = [protocols.load(name)(variant) for name in protocols.entries() for variant in protocols.load(name).variants]
    return [
        protocol.card.key
        for protocol in made
        if all(map(available, [*protocol.weights, *(w for kind in _features(protocol) for w in kind.spec.weights)]))
        and not any(kind.missing() for kind in _features(protocol))
    ]


def _features(protocol: Protocol) -> list[type[Feature]]:
    return [protocol.feature_class(name) for name in protocol.features]


def test_processes_and_batches_do_not_matter(people: Path, tmp_path: Path) -> None:
    chosen = everything()
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    words = ["run", "-m", MIRROR, "-b", str(people), "-p", ",".join(chosen), "-o", str(tmp_path / "two")]
    # A new cache, so that these processes find no earlier features.
    own = {**os.environ, "FHPT_CACHE_DIR": str(tmp_path / "cache of two")}
    done = subprocess.run(
        [*launch, "fhpt_bench", *words, "--batch-size", "3"], capture_output=True, text=True, check=False, env=own
    )
    assert done.returncode == 0, done.stderr
    one = fb.run(MIRROR, str(people), chosen, out=tmp_path / "one")
    two = fb.read_record(tmp_path / "two")
    assert two.provenance.processes == 2
    assert {score.key.rpartition(":")[0] for score in one.scores} == set(chosen)
    for score in one.scores:
        other = two[score.key]
        reasons = score.key, score.reason, other.reason
        assert (other.status, other.n, other.skipped) == (score.status, score.n, score.skipped), reasons
        assert other.fingerprint == score.fingerprint
        if score.value is not None:
            rounding = OF_SETS if score.protocol in SETS else ROUNDING
            assert other.value == pytest.approx(score.value, rel=rounding), score.key
    measured = {score.protocol for score in one.scores if score.status == "ok"}
    assert measured == {score.protocol for score in one.scores} - {"regions"}  # these people have no parsing maps


def test_started_processes_know_how_many_share_the_machine(tiny: Path, tmp_path: Path) -> None:
    """Otherwise each takes all cores for threads and workers, and none of the waiting ones for intervals."""
    model = tmp_path / "counting.py"
    model.write_text(
        "import os\n"
        "from pathlib import Path\n"
        "from fhpt_bench.model import Generator, ModelCard\n"
        "from fhpt_bench.processes import on_this_machine, waiting_cores\n"
        "class Counting(Generator):\n"
        "    card = ModelCard('counting', 'writes what it sees')\n"
        "    def generate(self, batch):\n"
        f"        file = Path({str(tmp_path)!r}) / f\"rank {{os.environ['RANK']}}\"\n"
        "        file.write_text(f'{on_this_machine(2)} {waiting_cores()}')\n"
        "        return batch.source\n"
    )
    words = ["run", "-m", f"{model}:Counting", "-b", str(tiny), "-p", "psnr", "--batch-size", "4", "--device", "cpu"]
    command = [sys.executable, "-m", "fhpt_bench", *words, "--processes", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / f"rank {rank}").read_text() for rank in (0, 1)] == ["2 2", "2 2"]


def test_a_run_ends_when_one_of_its_processes_dies(tmp_path: Path) -> None:
    """It must not wait forever for a process that has ended."""
    model = tmp_path / "fragile.py"
    model.write_text(
        "import os\n"
        "from fhpt_bench.model import Generator, ModelCard\n"
        "class Fragile(Generator):\n"
        "    card = ModelCard('fragile', 'breaks in all processes but the first')\n"
        "    def generate(self, batch):\n"
        "        if os.environ['RANK'] != '0':\n"
        "            raise RuntimeError('out of luck')\n"
        "        return batch.source\n"
    )
    options = ["--limit", "8", "--batch-size", "2", "--processes", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "fhpt_bench", "run", "-m", f"{model}:Fragile", "-p", "psnr", *options],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "out of luck" in done.stderr


def test_a_folder_of_another_run_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """The second process waits for the main one, which ends: that must not show as an error of its own."""
    out = str(tmp_path / "run")
    fb.run("copy-source", protocols="psnr", limit=4, out=out)
    words = ["run", "-m", "warp", "-p", "psnr", "--limit", "4", "--processes", "2", "--out", out]
    done = subprocess.run(
        [sys.executable, "-m", "fhpt_bench", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith("processes ")]  # its bar
    assert [line[:6] for line in said] == ["error:"], done.stderr
    assert "holds a run of another model" in said[0]


ENDS = """
import atexit
import torch
@atexit.register  # before `join`: so it runs after what `join` registers
def check():
    print("still joined" if torch.distributed.is_initialized() else "left")
from fhpt_bench.processes import join
for _ in range(2):
    processes = join("cpu")
    processes.wait()
print("waited")
"""


def test_processes_leave_the_group_before_python_ends() -> None:
    """Otherwise one ended by SIGABRT now and then, and the launcher killed the others while they saved."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENDS], env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stdout=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]  # fmt: skip
    ended = [(process.communicate()[0].split(), process.returncode) for process in started]
    assert ended == [(["waited", "left"], 0)] * 2
