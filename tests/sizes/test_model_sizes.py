"""A model that paints some sizes only says so on its card, and is refused at others in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fhpt_bench as fb
from baselines.pg2.models import PG2
from baselines.vunet.models import VUNet
from fhpt_bench.model import ModelCard
from tests.hostile.conftest import Done

Call = Callable[..., Done]
PLUGIN = """
from fhpt_bench.model import Generator, ModelCard

class Large(Generator):
    card = ModelCard("large", "paints large images", sizes={sizes})

    def __init__(self):
        print("made")

    def generate(self, batch):
        return batch.source
"""


@pytest.mark.parametrize(
    ("sizes", "words"), [("((512, 352),)", "512x352"), ("((512, 352), (512, 512))", "512x352 or 512x512")]
)
def test_a_model_of_another_size_is_refused_before_it_is_made(
    sizes: str, words: str, tmp_path: Path, call: Call
) -> None:
    (tmp_path / "large.py").write_text(PLUGIN.format(sizes=sizes))
    done = call("run", "-m", tmp_path / "large.py:Large", "-p", "psnr", "--limit", 4, "-o", tmp_path / "run")
    assert done.code == 2
    assert (
        f"The model large paints images of {words} (height x width) only, and those of studio are 256x176: choose a "
        "benchmark of that size." in done.err
    )
    assert "made" not in done.out
    assert not list((tmp_path / "run").glob("*"))


def test_a_model_of_this_size_runs(tmp_path: Path, call: Call) -> None:
    (tmp_path / "large.py").write_text(PLUGIN.format(sizes="((512, 352), (256, 176))"))
    done = call("run", "-m", tmp_path / "large.py:Large", "-p", "psnr", "--limit", 4, "-o", tmp_path / "run")
    assert done.code == 0, done.err
    assert fb.read_record(tmp_path / "run")["psnr"].n == 4


def test_a_checkpoint_decides_before_any_network_of_a_protocol(tmp_path: Path, call: Call) -> None:
    """`pg2` is refused as soon as its checkpoint is read, not when it paints its first batch."""
    text = PLUGIN.format(sizes="()") + (
        "\n    def refuses(self, size):\n"
        '        return None if size == (64, 48) else f"It paints 64x48, not {size[0]}x{size[1]}: train it."\n'
    )
    (tmp_path / "large.py").write_text(text)
    done = call("run", "-m", tmp_path / "large.py:Large", "-p", "ssim", "--limit", 4, "-o", tmp_path / "run")
    assert done.code == 2
    assert "It paints 64x48, not 256x176: train it." in done.err
    assert not list((tmp_path / "run").glob("*"))


def test_the_card_shows_the_sizes(call: Call) -> None:
    assert ModelCard("a", "b").sizes_in_words == "any"
    shown = {name: " ".join(call("models", name).out.split()) for name in ("warp", "pg2", "vunet")}
    assert "image sizes any" in shown["warp"]
    assert f"image sizes {PG2.card.size_rule}" in shown["pg2"]
    assert f"image sizes {VUNet.card.size_rule}" in shown["vunet"]


@pytest.mark.parametrize("sizes", [((512,),), ((512, -1),), ((512.0, 352),), (512, 352), ([512, 352],)])
def test_a_wrong_card_is_refused(sizes: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="sizes must be"):
        ModelCard("a", "b", sizes=sizes)
