"""Worker processes: the same vectors, errors that reach the main process, scripts without a main guard."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench import weights
from fhpt_bench.evaluation import worker_pool
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.evaluation.worker_pool import WorkerPool
from fhpt_bench.networks.faces import DlibFaces

IDENTITY = DlibFaces.spec.identity({name: weights.fetch(name) for name in DlibFaces.spec.weights})


@pytest.fixture
def aside() -> Iterator[WorkerPool]:
    made = WorkerPool(share=1)
    yield made
    made.close()


def test_it_keeps_what_the_network_says(aside: WorkerPool) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 96, 64, 3), np.uint8)
    aside.submit(DlibFaces, IDENTITY, images[:2], ["a", "b"])
    aside.submit(DlibFaces, IDENTITY, images[2:], ["c"])
    assert aside.waiting == 3
    assert aside.oldest(last=False) is None, "two batches are not too many"
    seen = []
    while (batch := aside.oldest(last=True)) is not None:
        name, count, future = batch
        assert future.result() > 0
        seen.append((name, count))
    assert seen == [("dlib-faces", 2), ("dlib-faces", 1)]
    direct, cache = DlibFaces("cpu").extract(images), FeatureCache(IDENTITY)
    for digest, vector in zip("abc", direct, strict=True):
        np.testing.assert_array_equal(cache.get(digest), vector)


def test_what_breaks_there_is_raised_here(aside: WorkerPool) -> None:
    aside.submit(DlibFaces, IDENTITY, np.zeros((1, 96, 64), np.uint8), ["a"])
    batch = aside.oldest(last=True)
    assert batch is not None
    with pytest.raises(ValueError, match="dlib needs"):
        batch[2].result()
    assert FeatureCache(IDENTITY).get("a") is None


def test_a_run_whose_worker_breaks_keeps_the_other_scores(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = WorkerPool.submit
    monkeypatch.setattr(WorkerPool, "submit", lambda self, *words: submit(self, *words[:2], words[2][..., 0], words[3]))
    record = fb.run("copy-source", str(tiny), "psnr,pckh", out=tmp_path / "run")
    assert record["psnr"].status == "ok"
    assert record["pckh"].status == "failed"
    assert "MediaPipe needs" in str(record["pckh"].reason)


def test_without_idle_cores_the_main_process_computes_the_same(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str) -> fb.Record:
        monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / f"{name} cache"))
        return fb.run("warp", str(tiny), "pckh,face-id", out=tmp_path / name, device="cpu")

    usual = run("usual")
    monkeypatch.setattr(worker_pool, "worker_count", lambda *_: 0)
    monkeypatch.setattr(WorkerPool, "submit", lambda *_: pytest.fail("a worker"))
    alone = run("alone")
    for one, other in zip(usual.scores, alone.scores, strict=True):
        assert (one.key, one.value, one.interval, one.n) == (other.key, other.value, other.interval, other.n)
    work = [{s.name: (s.images, s.forwards, s.devices) for s in record.stages if s.images} for record in (usual, alone)]
    assert work[0] == work[1]
    assert work[0]["mediapipe-holistic"][1] > 0


def test_a_script_needs_no_main_guard(tiny: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import fhpt_bench as fb\n"
        f"record = fb.run('copy-source', {str(tiny)!r}, 'pckh', out={str(tmp_path / 'run')!r})\n"
        "print('value', record['pckh'].value)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("value") == 1


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc, which only Linux has")
def test_a_killed_main_process_leaves_nobody_behind() -> None:
    code = (
        "import os, time\n"
        "from loky import ProcessPoolExecutor\n"
        "from fhpt_bench.processes import end_with\n"
        "pool = ProcessPoolExecutor(1, initializer=end_with, initargs=(os.getpid(),))\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as main:
        assert main.stdout is not None
        worker = int(main.stdout.readline())
        assert _lives(worker)
        main.kill()
    for _ in range(100):
        if not _lives(worker):
            break
        time.sleep(0.1)
    assert not _lives(worker)


def _lives(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
