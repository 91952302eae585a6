"""`fhpt-bench protocols --for BENCHMARK`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fhpt_bench.cli import cli
from fhpt_bench.errors import UserError
from fhpt_bench.protocol import protocols


def ask(*arguments: str | Path):
    return CliRunner().invoke(cli, ["protocols", *map(str, arguments)], env={"COLUMNS": "300"})


def table(output: str) -> list[list[str]]:
    """The cells of each row, which are at least two spaces apart."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("protocol "))
    cut = [[cell for cell in line.split("  ") if cell.strip()] for line in lines[start + 1 :] if line.strip()]
    return [[cell.strip() for cell in cells] for cells in cut if len(cells) > 1]


def test_every_protocol_is_listed_and_runs_on_studio_or_says_why_not() -> None:
    done = ask("--for", "studio")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("studio 1.0: images 176 wide and 256 high, 800 pairs of 40 people, ")
    assert "keypoints of face and hands, parsing maps, anchors body 38 px and face 12 px and hand 76 px" in done.output
    answers = table(done.output)
    assert {row[0] for row in answers} >= set(protocols.entries())
    said = {(row[0], row[1]): row[2] for row in answers}
    assert said["ssim", f"all {len(protocols.load('ssim').variants)}"] == "runs"
    assert said["kec", f"all {len(protocols.load('kec').variants)}"] == "runs"


def test_a_benchmark_whose_data_are_not_here() -> None:
    done = ask("--for", "market1501")
    assert done.exit_code == 0, done.output
    assert done.output.startswith(
        "market1501 1.0: images 64 wide and 128 high, poses, no keypoints of face and hands, "
    )
    assert "these answers are for complete data, by the benchmark file" in " ".join(done.output.split())
    said = {row[0]: row[2] for row in table(done.output) if row[0] != "retrieval"}
    assert said["mask-ssim"] == said["fid"] == said["pckh"] == "runs"
    assert said["kec"].startswith("The benchmark market1501 sets no anchors: add")


def test_variants_are_apart_if_their_answers_are(tiny: Path) -> None:
    text = tiny.read_text().replace('train_images = "train"\ntrain_list = "train.lst"\n', "")
    tiny.write_text(text)
    done = ask("fid", "--for", tiny)
    said = {row[1]: row[2] for row in table(done.output)}
    assert said["train, gfla, cfld"].startswith("The benchmark tiny names no training images")
    assert "runs" in said.values()
    assert {row[0] for row in table(done.output)} == {"fid"}


def test_what_a_protocol_raises_is_shown(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_text(
        "from protocols.perceptual.psnr import PSNR\n\n\nclass Odd(PSNR):\n    id = 'odd'\n\n"
        "    def lacks(self, benchmark):\n        raise KeyError('pose')\n"
    )
    done = ask(f"{tmp_path / 'odd.py'}:Odd", "--for", tiny)
    assert done.exit_code == 0, done.output
    assert "cannot be asked: KeyError: 'pose'" in done.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data-root", "x"], "--data-root is given without --for: name the benchmark"),
        (["--for", "marke1501"], "market1501"),
        (["--for", "market1501", "--data-root", "/nowhere"], "There is no data folder /nowhere"),
        (["ssi", "--for", "studio"], "ssim"),
    ],
)
def test_mistakes(arguments: list[str], message: str) -> None:
    done = ask(*arguments)
    assert isinstance(done.exception, UserError)
    assert message in str(done.exception)
