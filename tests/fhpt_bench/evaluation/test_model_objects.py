"""`fb.run` with a `Generator` class or instance, as in a notebook."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor

import fhpt_bench as fb
from fhpt_bench.model import Generator, ModelCard, PairBatch


class Shaded(Generator):
    """The source image, darker."""

    card = ModelCard("shaded", "the source image, darker")

    def __init__(self, by: float = 0.5) -> None:
        self.by = by

    def generate(self, batch: PairBatch) -> Tensor:
        return batch.source - self.by


SESSION = """
class Typed(Generator):
    card = ModelCard("typed", "typed into a session")

    def generate(self, batch):
        return batch.source * FACTOR
"""


def typed(factor: float) -> type[Generator]:
    """A class without a file, such as one in a notebook cell."""
    names = {"Generator": Generator, "ModelCard": ModelCard, "FACTOR": factor, "__name__": "a_session"}
    exec(SESSION, names)
    kind = names["Typed"]
    assert isinstance(kind, type)
    return kind


def test_class_and_instance_give_what_they_generate(tiny: Path, tmp_path: Path) -> None:
    by_class = fb.run(Shaded, str(tiny), "psnr", out=tmp_path / "a")
    assert by_class.model.name == "shaded"
    assert by_class.model.origin.startswith(str(Path(__file__)))
    assert by_class.model.code_sha256
    darker = fb.run(Shaded(0.9), str(tiny), "psnr", out=tmp_path / "b")
    assert darker["psnr"].value != by_class["psnr"].value
    assert fb.run(Shaded(), str(tiny), "psnr", out=str(tmp_path / "c"))["psnr"].value == by_class["psnr"].value


def test_images_of_objects_are_never_reused(tiny: Path, tmp_path: Path) -> None:
    first = fb.run(typed(1.0), str(tiny), "psnr", out=tmp_path / "a")
    assert first.model.origin == "a Python session"
    for changed in (typed(0.5), typed(1.0)):
        with pytest.raises(fb.UserError, match="holds a run of another model, code or data"):
            fb.run(changed, str(tiny), "psnr", out=tmp_path / "a")
    second = fb.run(typed(0.5), str(tiny), "psnr", out=tmp_path / "a", overwrite=True)
    assert second["psnr"].value != first["psnr"].value
    fb.run(Shaded(0.1), str(tiny), "psnr", out=tmp_path / "b")
    with pytest.raises(fb.UserError, match="holds a run of another model"):
        fb.run(Shaded(0.2), str(tiny), "psnr", out=tmp_path / "b")
    # A class from a file resumes, because the digest covers its code.
    fb.run(Shaded, str(tiny), "psnr", out=tmp_path / "c")
    assert fb.run(Shaded, str(tiny), "psnr", out=tmp_path / "c")["psnr"].n == 24


def test_other_objects_are_refused(tiny: Path) -> None:
    class Bare(Generator):
        def generate(self, batch: PairBatch) -> Tensor:
            return batch.source

    class Abstract(Generator):
        card = ModelCard("abstract", "no generate")

    for model, message in (
        (Path("warp"), "is neither a name nor a Generator"),
        (Bare, "has no card"),
        (Abstract, "does not define generate"),
    ):
        with pytest.raises(fb.UserError, match=message):
            fb.run(model, str(tiny), "psnr")  # type: ignore[arg-type]
    with pytest.raises(fb.UserError, match="--checkpoint is given, but the model 'shaded' loads none"):
        fb.run(Shaded(), str(tiny), "psnr", checkpoint="x.safetensors")


def test_public_names_are_listed() -> None:
    assert dir(fb) == sorted(["Evaluator", "Record", "UserError", "__version__", "evaluate", "read_record", "run"])
