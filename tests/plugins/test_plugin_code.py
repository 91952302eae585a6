"""A plugin of several files: it loads from anywhere, and a change in any of its files makes kept images outdated."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import fhpt_bench as fb
from fhpt_bench import plugin_code
from fhpt_bench.errors import UserError
from fhpt_bench.feature import features
from fhpt_bench.model import models
from fhpt_bench.plugin_code import code_digest, is_plugin_file, plugin_files
from tests.hostile.conftest import write_benchmark

MODEL = """
from fhpt_bench.model import Generator, ModelCard
from net import paint

class Mine(Generator):
    card = ModelCard("mine", "a model of two files")

    def generate(self, batch):
        from later import shift
        return paint(batch.source) + shift()
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model file with a module next to it, a package next to it, and an import inside a function."""
    folder = tmp_path / "my models"
    (folder / "parts").mkdir(parents=True)
    (folder / "mymodel.py").write_text(MODEL)
    (folder / "net.py").write_text("from parts.colour import GAIN\ndef paint(x):\n    return x * GAIN\n")
    (folder / "later.py").write_text("def shift():\n    return 0.0\n")
    (folder / "parts" / "__init__.py").touch()
    (folder / "parts" / "colour.py").write_text("GAIN = 0.5\n")
    (folder / "other.py").write_text("raise RuntimeError('nobody imports this')\n")
    return folder / "mymodel.py"


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    return str(write_benchmark(tmp_path / "data"))


def forget() -> None:
    """What a new process would not know."""
    for name in ("net", "later", "parts", "parts.colour", "scale", *filter(is_plugin_file, list(sys.modules))):
        sys.modules.pop(name, None)
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__name__ != "_Finder"]


@pytest.fixture(autouse=True)
def clean() -> None:
    forget()


def test_every_file_that_is_imported_counts(model: Path) -> None:
    names = [path.relative_to(model.parent).as_posix() for path in plugin_files([model], model.parent)]
    assert names == ["later.py", "mymodel.py", "net.py", "parts/__init__.py", "parts/colour.py"]


@pytest.mark.parametrize("where", ["/", "."])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_it_loads_wherever_the_command_is_started(
    model: Path, benchmark: str, tmp_path: Path, where: str, processes: str
) -> None:
    words = ["run", "-m", f"{model}:Mine", "-b", benchmark, "-p", "psnr", "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-m", "fhpt_bench", *words, "--processes", processes], cwd=where, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("file", ["net.py", "later.py", "parts/colour.py", "parts/__init__.py"])
def test_a_change_in_any_file_gives_the_new_number(model: Path, benchmark: str, tmp_path: Path, file: str) -> None:
    """In one process, as in a notebook: the code that runs is the code that the digest covers."""
    before = fb.run(f"{model}:Mine", benchmark, "psnr", out=tmp_path / "a")
    changes = {"parts/colour.py": "GAIN = 0.4\n", "later.py": "def shift():\n    return 0.1\n"}
    (model.parent / file).write_text(changes.get(file, (model.parent / file).read_text() + "\n# changed\n"))
    with pytest.raises(UserError, match="another model, code or data"):
        fb.run(f"{model}:Mine", benchmark, "psnr", out=tmp_path / "a")
    after = fb.run(f"{model}:Mine", benchmark, "psnr", out=tmp_path / "b")
    assert (after["psnr"].value != before["psnr"].value) == (file in changes)
    forget()
    fresh = fb.run(f"{model}:Mine", benchmark, "psnr", out=tmp_path / "c")
    assert fresh["psnr"].value == after["psnr"].value
    assert fresh.model.code_sha256 == after.model.code_sha256 != before.model.code_sha256


def test_files_that_nobody_imports_do_not_count(model: Path) -> None:
    before = code_digest(models.load(f"{model}:Mine"))
    (model.parent / "other.py").write_text("x = 1\n")
    assert code_digest(models.load(f"{model}:Mine")) == before


def test_two_plugins_with_modules_of_one_name_are_refused(model: Path, tmp_path: Path) -> None:
    """The second would silently get the first one's code."""
    models.load(f"{model}:Mine")
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "theirs.py").write_text(MODEL.replace("    def generate", "    def generate").replace("later", "net"))
    (other / "net.py").write_text("def paint(x):\n    return x\ndef shift():\n    return 0\n")
    with pytest.raises(UserError, match=r"imports net\.py, but another module 'net' .* is loaded already"):
        models.load(f"{other / 'theirs.py'}:Mine")


def test_a_module_named_like_ours_is_refused(model: Path) -> None:
    import protocols  # noqa: F401

    (model.parent / "protocols.py").write_text("x = 1\n")
    model.write_text(MODEL.replace("from net import paint", "from net import paint\nimport protocols"))
    with pytest.raises(UserError, match=r"imports protocols\.py, which .* one of our packages"):
        models.load(f"{model}:Mine")


def test_the_folder_hides_nothing_from_other_packages(model: Path) -> None:
    """Only what the plugin's own files import is taken from its folder: not `baselines.py`, which `drn` would get."""
    for name in ("baselines", "email", "torchvision"):
        (model.parent / f"{name}.py").write_text("raise RuntimeError('the wrong module')\n")
    model.write_text("import drn.models\n" + MODEL)
    before = list(sys.path)
    code_digest(models.load(f"{model}:Mine"))
    assert sys.path == before


def test_a_package_without_init(model: Path) -> None:
    (model.parent / "parts" / "__init__.py").unlink()
    models.load(f"{model}:Mine")
    assert sys.modules["net"].GAIN == 0.5


def test_errors_name_the_file_and_line(model: Path) -> None:
    (model.parent / "net.py").write_text("x = 1\n\nraise KeyError('lost')\n")
    with pytest.raises(UserError, match=r"KeyError: 'lost' \(.*net\.py:3\)"):
        models.load(f"{model}:Mine")


def test_the_digest_of_a_package_covers_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `drn` imports PATN's blocks from `baselines`."""
    for name, text in {
        "upper/__init__.py": "", "upper/model.py": "from lower.blocks import B\nclass M: pass\n",
        "lower/__init__.py": "", "lower/blocks.py": "B = 1\n", "lower/unused.py": "U = 1\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    kind = __import__("upper.model", fromlist=["M"]).M
    before = code_digest(kind)
    (tmp_path / "lower" / "unused.py").write_text("U = 2\n")
    assert code_digest(kind) == before
    (tmp_path / "lower" / "blocks.py").write_text("B = 2\n")
    assert code_digest(kind) != before


def test_relative_and_star_imports_outside_of_the_folder(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package on the path, whose `__init__` imports a module of its own by a dot, or all of them by a star."""
    package = tmp_path / "elsewhere" / "pkz"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .core import V\n")
    (package / "core.py").write_text("V = 1\n")
    (package / "more.py").write_text("W = 1\n")
    monkeypatch.syspath_prepend(str(package.parent))
    for text, file in (("from pkz import V", "core.py"), ("from pkz import *", "more.py")):
        model.write_text(f"{text}\n{MODEL}")
        before = {path.name for path in plugin_files([model], model.parent)}
        assert file in before, text


def test_drn_counts_patns_blocks() -> None:
    from drn.models import DRN

    file = Path(sys.modules[DRN.__module__].__file__ or "")
    found = {path.parent.name for path in plugin_files([file], file.parents[1], "drn")}
    assert "patn" in found
    assert "fhpt_bench" not in {path.parts[-2] for path in plugin_files([file], file.parents[1], "drn")}


FEATURE = """
import numpy as np
from fhpt_bench.feature import FeatureSpec, VectorFeature
from fhpt_bench.protocol import MetricCard, Protocol, Score
from scale import FACTOR

class Mean(VectorFeature):
    spec = FeatureSpec("mean-here", 1, (), "mean", backend="numpy")
    in_workers = True

    def __init__(self, device):
        pass

    def extract(self, images):
        return (images.mean((1, 2, 3)) * FACTOR)[:, None].astype(np.float32)

class MeanOfMeans(Protocol):
    id = "mean-of-means"
    title = "mean"
    citation = "none"
    variants = {"canonical": "mean"}
    metrics = (MetricCard("mean-of-means", "mean", True, per_pair=False),)

    @property
    def features(self):
        return (f"{__file__}:Mean",)

    def score(self, evidence):
        vectors = evidence.vectors(self.features[0], "generated")
        return (Score("mean-of-means", float(vectors.mean()), len(vectors)),)
"""


def test_worker_processes_load_it_too(benchmark: str, tmp_path: Path) -> None:
    folder = tmp_path / "my models"
    folder.mkdir()
    (folder / "feature.py").write_text(FEATURE)
    (folder / "scale.py").write_text("FACTOR = 2\n")
    assert features.load(f"{folder / 'feature.py'}:Mean").in_workers
    record = fb.run("copy-source", benchmark, f"{folder / 'feature.py'}:MeanOfMeans", out=tmp_path / "out")
    score = record["mean-of-means"]
    assert (score.status, score.reason) == ("ok", None)
    assert 200 < score.value < 300
    assert np.isfinite(score.value)


def test_packages_of_distributions_are_those_of_the_standard_library() -> None:
    names = [distribution.metadata["Name"] for distribution in importlib.metadata.distributions()]
    found = plugin_code._distributions()
    for package, distributions in importlib.metadata.packages_distributions().items():
        assert {names[number] for number in found[package]} == set(distributions), package
