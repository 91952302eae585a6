"""The pipeline: order, bounds, overlap, errors and Ctrl-C; and runs through it, equal to those without it."""

from __future__ import annotations

import _thread
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench.evaluation import comparison, measurement
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.evaluation.model_images import ModelImages
from fhpt_bench.evaluation.pipeline import batches_ahead, flow, image_threads
from fhpt_bench.evaluation.worker_pool import WorkerPool, worker_count
from fhpt_bench.threads import map_threads, worker_threads

PAIRS = 24


def failing(at: int, error: BaseException) -> Callable[[int], int]:
    def stage(item: int) -> int:
        if item == at:
            raise error
        return item

    return stage


def same(item: int) -> int:
    return item


def slow(item: int) -> int:
    time.sleep(0.005)
    return item


@pytest.mark.parametrize("here", range(3))
@pytest.mark.parametrize("waiting", [0, 1, 3])
def test_all_items_pass_in_order(here: int, waiting: int) -> None:
    before, seen, found = threading.active_count(), list[tuple[int, int]](), list[int]()

    def stage(number: int) -> Callable[[int], int]:
        def work(item: int) -> int:
            assert (threading.current_thread() is threading.main_thread()) == (number == here or not waiting)
            seen.append((number, item))
            return item

        return work

    flow(range(20), [stage(number) for number in range(3)], here, waiting, found.append)
    assert found == list(range(20))
    for number in range(3):
        assert [item for of, item in seen if of == number] == list(range(20))
    assert threading.active_count() == before
    flow([], [same, same], 1, waiting, found.append)


def test_stages_overlap_and_the_queues_are_bounded() -> None:
    begun, ended, most = [0], [0], [0]
    together, at_once = threading.Barrier(3, timeout=20), list[int]()

    def begin(item: int) -> int:
        begun[0] += 1
        most[0] = max(most[0], begun[0] - ended[0])
        return item

    def meet(items: range) -> Callable[[int], int]:
        """In the stages, items 2, 1 and 0 meet, then 3, 2 and 1, and so on: in sequence this would never return."""

        def stage(item: int) -> int:
            if item in items:
                at_once.append(together.wait())
            return item

        return stage

    flow(range(10), [meet(range(2, 10)), meet(range(1, 9)), meet(range(8))], here=1, waiting=1)
    assert sorted(at_once) == sorted([0, 1, 2] * 8)

    def end(item: int) -> int:
        time.sleep(0.01)
        ended[0] += 1
        return item

    flow(range(40), [begin, same, end], here=1, waiting=2)
    # Two in each queue and one in each stage; the first stage may hold one that it has just begun.
    assert 3 < most[0] <= 8


@pytest.mark.parametrize("stage", range(4))
@pytest.mark.parametrize("waiting", [0, 2])
def test_an_error_loses_nothing_that_was_finished(stage: int, waiting: int) -> None:
    """As in a plain loop: what comes before the item that failed passes all stages, nothing after it ends."""
    stages, found, before = [same, same, slow, slow], list[int](), threading.active_count()
    stages[stage] = failing(7, fb.UserError("the disk is full"))
    with pytest.raises(fb.UserError, match="the disk is full"):
        flow(range(30), stages, 1, waiting, found.append)
    assert found == list(range(7))
    assert threading.active_count() == before


def test_the_first_item_that_failed_decides() -> None:
    stages = [failing(9, ValueError("later")), same, slow, failing(4, KeyError("first"))]
    with pytest.raises(KeyError, match="first"):
        flow(range(30), stages, 1, 2)
    with pytest.raises(OSError, match="told"):
        flow(range(30), [same, same, slow], 1, 2, failing(3, OSError("told")))


@pytest.mark.parametrize("here", [1, 3])
def test_ctrl_c_finishes_what_has_passed(here: int) -> None:
    found, passed, before = list[int](), list[int](), threading.active_count()

    def work(item: int) -> int:
        if item == 5:
            raise KeyboardInterrupt
        passed.append(item)
        return item

    stages: list[Callable[[int], int]] = [same, same, slow, slow]
    stages[here] = work
    with pytest.raises(KeyboardInterrupt):
        flow(range(30), stages, here, 2, found.append)
    assert found == passed == list(range(5))
    assert threading.active_count() == before


@pytest.fixture
def heard() -> Iterator[None]:
    """Ctrl-C ends the main thread, as in a terminal; a shell starts what it puts into the background without."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_while_the_last_items_are_written(heard: None) -> None:
    found, interrupted = list[int](), threading.Event()

    def write(item: int) -> int:
        if item == 3:
            _thread.interrupt_main()
            interrupted.set()
        time.sleep(0.02)
        return item

    with pytest.raises(KeyboardInterrupt):
        flow(range(5), [same, same, write], 1, 8, found.append)
    assert interrupted.is_set()
    assert found == list(range(5))


def test_threads_for_images() -> None:
    assert map_threads(lambda _: threading.current_thread().name, "ab") == ["MainThread"] * 2
    meeting = threading.Barrier(2, timeout=20)
    with worker_threads(2), worker_threads(5):
        assert sorted(map_threads(lambda _: meeting.wait(), "ab")) == [0, 1], "two threads at once"
        # A thread that waited for others of the same pool could wait forever.
        assert map_threads(lambda n: map_threads(abs, [-n] * 3), range(20)) == [[n] * 3 for n in range(20)]
        with pytest.raises(ValueError, match="3"):
            map_threads(failing(3, ValueError("3")), range(9))
    assert map_threads(lambda _: threading.current_thread().name, "a") == ["MainThread"]


def test_numbers_of_threads_and_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loky.cpu_count", lambda: 32)
    assert (batches_ahead("cpu"), worker_count(1, "cpu")) == (0, 8)
    monkeypatch.setattr("fhpt_bench.evaluation.worker_pool.memory_size", lambda: 2**37)
    assert batches_ahead("cuda") == 2
    # One thread, with which there is no pool, if each core has a process of the run.
    assert [image_threads(share) for share in (1, 8, 32)] == [16, 4, 1]
    # All cores of the node, shared among its processes, as far as half of the memory suffices.
    assert [worker_count(share, "cuda") for share in (1, 4, 32)] == [31, 7, 1]
    # On a CPU there are none if each core has a main process.
    assert [worker_count(share) for share in (1, 8, 16, 17, 32)] == [8, 3, 1, 0, 0]
    monkeypatch.setattr("loky.cpu_count", lambda: 256)
    assert worker_count(1, "cuda") == 64


def test_workers_beside_a_gpu_share_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pool:
        def __init__(self, *words: Any, **options: Any) -> None: ...

        def submit(self, *words: Any) -> tuple[Any, ...]:
            return words[3:]

    monkeypatch.setattr("loky.ProcessPoolExecutor", Pool)
    images, digests = np.arange(20 * 12, dtype=np.uint8).reshape(20, 2, 2, 3), [f"{i}" for i in range(20)]
    for device, sizes in (("cpu", [20]), ("cuda", [8, 8, 4])):
        pool = WorkerPool(1, device)
        from fhpt_bench.networks.faces import DlibFaces

        pool.submit(DlibFaces, {}, images, digests)
        assert pool.waiting == 20
        parts: list[Any] = [entry[2] for entry in iter(lambda: pool.oldest(last=True), None)]  # noqa: B023
        assert [len(part[1]) for part in parts] == sizes
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), images)
        assert [digest for part in parts for digest in part[1]] == digests


# Runs.

MODEL = """
import time
import torch
from fhpt_bench.model import Generator, ModelCard

class Noisy(Generator):
    card = ModelCard("noisy", "the source with noise")
    def generate(self, batch):
        time.sleep(0.01)
        return batch.source + 0.1 * torch.randn_like(batch.source)
"""
QUICK = "psnr,ssim,lpips,fd-effnet-lite0"
CHOSEN = f"{QUICK},ssim:patn,mask-ssim,pckh"


@pytest.fixture
def noisy(tmp_path: Path) -> str:
    (tmp_path / "noisy.py").write_text(MODEL)
    return f"{tmp_path / 'noisy.py'}:Noisy"


@pytest.fixture
def overlapping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline of a GPU, while everything computes on the CPU."""
    monkeypatch.setattr(measurement, "batches_ahead", lambda device: batches_ahead("cuda"))
    monkeypatch.setattr(measurement, "image_threads", lambda share: 3)


def numbers(record: fb.Record) -> list[tuple[Any, ...]]:
    return [(score.key, score.value, score.interval, score.n, score.fingerprint) for score in record.scores]


def lines(folder: Path) -> int:
    return len(list(filter(None, (folder / "progress" / "rank-0.jsonl").read_bytes().splitlines())))


def measure(noisy: str, tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch, chosen: str = QUICK) -> fb.Record:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(out.with_suffix(".cache")))
    return fb.run(noisy, str(tiny), chosen, out=out, batch_size=4, device="cpu")


def test_a_run_in_the_pipeline_is_equal(
    tiny: Path, tmp_path: Path, noisy: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    plain = measure(noisy, tiny, tmp_path / "plain", monkeypatch, CHOSEN)
    request.getfixturevalue("overlapping")
    beside, before = set[str](), threading.active_count()
    compare = comparison.Comparison._compare
    monkeypatch.setattr(
        comparison.Comparison,
        "_compare",
        lambda self, todo, *words: (
            beside.update((threading.current_thread().name, step.protocol.id) for step in todo),
            compare(self, todo, *words),
        )[1],
    )
    record = measure(noisy, tiny, tmp_path / "beside", monkeypatch, CHOSEN)
    assert numbers(record) == numbers(plain)
    assert record.pairs == plain.pairs
    assert record.model.batch_size == plain.model.batch_size == 4
    assert beside == {
        ("stage 2", "psnr"), ("stage 2", "ssim"), ("stage 2", "mask-ssim"), ("MainThread", "lpips"),
    }  # fmt: skip
    assert threading.active_count() <= before + 2  # loky's own threads may still end
    for stage in plain.stages:
        twin = next(one for one in record.stages if one.name == stage.name)
        assert (twin.images, twin.forwards, twin.devices) == (stage.images, stage.forwards, stage.devices)
    # The images again, as a folder.
    folder = fb.evaluate(tmp_path / "beside" / "images", "noisy", str(tiny), CHOSEN, out=tmp_path / "folder")
    assert numbers(folder) == numbers(plain)


def test_images_are_written_while_the_next_ones_are_generated(
    tiny: Path, tmp_path: Path, noisy: str, monkeypatch: pytest.MonkeyPatch, overlapping: None
) -> None:
    """Each batch is written only while the model works on the next one: in sequence, they would wait for each other."""
    meeting, generate, keep = threading.Barrier(2, timeout=60), ModelImages._generate, ModelImages.keep
    met = list[str]()

    def slow_generate(self: ModelImages, begun: Any) -> Any:
        if begun.number > 0:
            meeting.wait()
            met.append("generate")
        return generate(self, begun)

    def slow_keep(self: ModelImages, pairs: Any, *words: Any) -> None:
        if met.count("keep") < PAIRS // 4 - 1:  # the last batch has no next one
            meeting.wait()
            met.append("keep")
        keep(self, pairs, *words)

    monkeypatch.setattr(ModelImages, "_generate", slow_generate)
    monkeypatch.setattr(ModelImages, "keep", slow_keep)
    record = fb.run(noisy, str(tiny), "psnr", out=tmp_path / "run", batch_size=4, device="cpu")
    assert record["psnr"].n == PAIRS
    assert met.count("keep") == met.count("generate") == PAIRS // 4 - 1


@pytest.mark.parametrize("where", ["generate", "image", "vector"])
def test_a_stopped_run_resumes(
    where: str, tiny: Path, tmp_path: Path, noisy: str, monkeypatch: pytest.MonkeyPatch, overlapping: None
) -> None:
    """Whatever stops it, in the calling thread or in another one: batches before it are finished, all others not."""
    out, count, lock = tmp_path / "run", [0], threading.Lock()
    whole = measure(noisy, tiny, tmp_path / "whole", monkeypatch)

    def stop(own: Any, words: Any, original: Callable[..., Any], at: int) -> Any:
        with lock:
            count[0] += 1
            if count[0] > at:
                raise KeyboardInterrupt if where == "generate" else fb.UserError("no space is left")
        return original(own, *words)

    kind, name, at = {
        "generate": (ModelImages, "_generate", 3),
        "image": (ModelImages, "keep", 3),
        "vector": (FeatureCache, "put", 1),
    }[where]
    original = getattr(kind, name)
    with monkeypatch.context() as patched:
        patched.setattr(kind, name, lambda self, *words: stop(self, words, original, at))
        with pytest.raises(KeyboardInterrupt if where == "generate" else fb.UserError):
            measure(noisy, tiny, out, monkeypatch)
    if where != "vector":  # those of real images are written first
        assert lines(out) == 3
    assert numbers(measure(noisy, tiny, out, monkeypatch)) == numbers(whole)


def test_smaller_parts_are_tried_in_the_pipeline(
    tiny: Path, tmp_path: Path, noisy: str, monkeypatch: pytest.MonkeyPatch, overlapping: None
) -> None:
    import torch

    from fhpt_bench.networks.alexnet import AlexNetMaps
    from fhpt_bench.networks.efficientnet import EfficientNetLite0

    whole, tried = measure(noisy, tiny, tmp_path / "whole", monkeypatch), list[int]()

    def short(original: Callable[..., Any]) -> Callable[..., Any]:
        def extract(self: Any, images: Any) -> Any:
            tried.append(len(images))
            if len(images) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
            return original(self, images)

        return extract

    for kind in (AlexNetMaps, EfficientNetLite0):
        monkeypatch.setattr(kind, "extract", short(kind.extract))
    record = measure(noisy, tiny, tmp_path / "short", monkeypatch)
    assert max(tried) == 4
    for score, other in zip(record.scores, whole.scores, strict=True):
        assert score.value == pytest.approx(other.value, rel=1e-5)
