"""Forged cache entries and weights: not used, or used and shown."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench import weights
from fhpt_bench.evaluation.feature_cache import FeatureCache
from fhpt_bench.files import others_can_write
from fhpt_bench.weights.readers import tensor_digest
from tests.hostile.conftest import Done

Call = Callable[..., Done]
IDENTITY = {"id": "f", "version": 1}


def entry(value: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FeatureCache:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    cache = FeatureCache(IDENTITY)
    cache.put("image", np.arange(8, dtype=np.float32))
    cache.put("other", np.zeros(8, np.float32))
    return cache


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "vectors").rglob("*.npy"))


FORGED = {
    "a checksum computed again": lambda old: (
        hashlib.sha256(entry(np.ones(8, np.float32))).digest() + entry(np.ones(8, np.float32))
    ),
    "the old signature": lambda old: old[:64] + entry(np.ones(8, np.float32)),
    "a header of 3.6 TiB": lambda old: old[:64] + old[64:].replace(b"(8,)", b"(1000000000000,)"),
    "cut": lambda old: old[:70],
    "empty": lambda old: b"",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_an_entry_that_was_not_written_here_is_not_used(tmp_path: Path, cache: FeatureCache, forged: Callable) -> None:
    for file in files(tmp_path):
        file.write_bytes(forged(file.read_bytes()))
    assert cache.get("image") is None


def test_an_entry_of_another_image_is_not_used(tmp_path: Path, cache: FeatureCache) -> None:
    one, other = files(tmp_path)
    content = one.read_bytes(), other.read_bytes()
    one.write_bytes(content[1])
    other.write_bytes(content[0])
    assert cache.get("image") is None
    assert cache.get("other") is None


def test_a_value_of_another_type_is_refused(cache: FeatureCache) -> None:
    with pytest.raises(ValueError, match="must be float32"):
        cache.put("image", np.zeros(3))


def test_a_forged_cache_moves_no_score(tmp_path: Path, benchmark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every entry replaced by the target's vector made the Fréchet distance 0."""
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(weights.obtain("efficientnet-lite0").path.parent))
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    chosen = {"benchmark": str(benchmark), "protocols": "fd-effnet-lite0"}
    true = fb.run("warp", **chosen, out=tmp_path / "a")["fd-effnet-lite0"].value
    first = files(tmp_path)[0].read_bytes()[64:]
    for file in files(tmp_path):
        file.write_bytes(hashlib.sha256(first).hexdigest().encode() + first)
    assert true == fb.run("warp", **chosen, out=tmp_path / "b")["fd-effnet-lite0"].value > 1


def test_doctor_warns_of_a_shared_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache" / "weights").mkdir(parents=True, mode=0o755)
    assert "WARNING" not in call("doctor").out
    (tmp_path / "cache" / "weights").chmod(0o777)
    assert others_can_write(tmp_path / "cache" / "weights")
    assert f"chmod go-w {tmp_path / 'cache' / 'weights'}" in " ".join(call("doctor").out.split())


@pytest.fixture
def zeros(tmp_path: Path) -> Path:
    """A folder with a file of zeros under the name of a pinned network, with the digest of its tensors."""
    from safetensors.numpy import save_file

    arrays = {key: np.zeros_like(array) for key, array in weights.obtain("alexnet").arrays.items()}
    folder = tmp_path / "weights"
    folder.mkdir()
    header = {"name": "alexnet", "digest": tensor_digest(arrays), "origin": "me"}
    save_file(arrays, folder / "alexnet.safetensors", header)
    return folder


def test_weights_of_the_user_are_an_override_that_shows(
    tmp_path: Path, zeros: Path, benchmark: Path, monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    assert not weights.obtain("alexnet").override
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(zeros))
    assert weights.obtain("alexnet").override
    done = call("run", "-m", "copy-source", "-b", benchmark, "-p", "lpips", "-o", tmp_path / "runs" / "run")
    assert "in place of the pinned weights: alexnet" in done.out
    record = fb.read_record(tmp_path / "runs" / "run")
    assert record.provenance.overrides == ("alexnet",)
    monkeypatch.delenv("FHPT_WEIGHTS_DIR")
    note = "uses other weights than the pinned ones of alexnet"
    assert note in call("leaderboard", "--records", tmp_path / "runs").out
    # A record that hides it is found out: the digest is not a recorded one.
    file = tmp_path / "runs" / "run" / "record.json"
    content = json.loads(file.read_text())
    content["provenance"]["overrides"] = []
    file.write_text(json.dumps(content))
    assert note in call("leaderboard", "--records", tmp_path / "runs").out
    assert "WRONG" in call("validate", file).out


def test_a_converted_file_of_the_pinned_network_is_that_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = weights.obtain("alexnet")
    (tmp_path / "own").mkdir()
    if found.path.suffix == ".safetensors":
        shutil.copy(found.path, tmp_path / "own" / "alexnet.safetensors")
        monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path / "own"))
    again = weights.obtain("alexnet")
    assert (again.digest, again.override) == (found.digest, False)


def test_a_file_in_the_cache_must_be_the_pinned_network(
    tmp_path: Path, zeros: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`efficientnet-lite0` has one source, whose digest is recorded."""
    from safetensors.numpy import save_file

    arrays = {"x": np.zeros(2, np.float32)}
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FHPT_WEIGHTS_DIR", raising=False)
    place = tmp_path / "cache" / "weights" / "efficientnet-lite0.safetensors"
    place.parent.mkdir(parents=True)
    save_file(arrays, place, {"name": "efficientnet-lite0", "digest": tensor_digest(arrays), "origin": "me"})
    assert weights.digest("efficientnet-lite0") is None
    with pytest.raises(weights.WeightsMissing, match="not a recorded one"):
        weights.obtain("efficientnet-lite0", download=False)


@pytest.mark.parametrize(
    "content", [b"", b"x" * 100, (10**15).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"{}"],
)  # fmt: skip
def test_damaged_weights_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    (tmp_path / "alexnet.safetensors").write_bytes(content)
    true = weights.obtain("alexnet").digest
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path))
    assert weights.obtain("alexnet").digest == true


CARDS = {
    "a width that needs 29 GB": lambda settings: settings.update(width=20_000),
    "text for a number": lambda settings: settings.update(width="\x1b[31m"),
    "a negative number": lambda settings: settings.update(width=-1),
    "a billion blocks": lambda settings: settings.update(transfer_blocks=10**9),
    "a number of 30 digits": lambda settings: settings.update(width=10**30),
}


@pytest.mark.parametrize("change", CARDS.values(), ids=CARDS)
def test_a_checkpoint_that_describes_another_network(tmp_path: Path, call: Call, change: Callable) -> None:
    """Refused before any memory is used for the network."""
    from safetensors.numpy import save_file

    from fhpt_bench.weights.own import read_header

    true = weights.obtain("drn")
    header = dict(read_header(true.path, "drn"))
    card = json.loads(header["card"])
    change(card["settings"])
    file = tmp_path / "c.safetensors"
    save_file(true.arrays, file, {**header, "card": json.dumps(card)})
    done = call("run", "-m", "drn-no-face", "--checkpoint", file, "--limit", "4", "-o", tmp_path / "out")
    assert done.code == 2
    assert "c.safetensors" in done.err
    assert "\x1b" not in done.err
    save_file(true.arrays, file, {**header, "card": "[" * 100_000})
    assert call("run", "-m", "drn-no-face", "--checkpoint", file, "--limit", "4", "-o", tmp_path / "out").code == 2
