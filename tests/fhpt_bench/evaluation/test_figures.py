"""The figures of a run; an error while drawing never costs a score."""

from __future__ import annotations

import errno
import io
import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import read_image
from fhpt_bench.evaluation import run_folder
from fhpt_bench.evaluation.figures import best_and_worst
from fhpt_bench.files import explained
from fhpt_bench.reporting.contact_sheet import image_grid
from fhpt_bench.reporting.plots import encode_figure, legend_below, literal, new_figure

PLUGINS = '''
import numpy as np
from fhpt_bench.protocol import MetricCard, PairValues, PairwiseProtocol

class Dark(PairwiseProtocol):
    """Draws its input as text, so that a test can read it."""
    id, title, citation = "dark", "", ""
    variants = {"canonical": "", "other": ""}
    metrics = (MetricCard("dark", "D", False),)
    def compare(self, images):
        return {"dark": PairValues.of(images.generated.mean((1, 2, 3)).round(0))}
    def draw(self, evidence, exhibits):
        pair = evidence.pairs[3]
        assert (exhibits.generated([pair])[0] == exhibits.real([pair.source])[0]).all()  # of copy-source
        text = "\\n".join(f"{model} {scores['dark'].value}" for model, scores in exhibits.scores.items())
        return {"../models@1": text.encode()}

class Broken(Dark):
    id = "broken"
    metrics = (MetricCard("broken", "B", True),)
    def compare(self, images):
        return {"broken": super().compare(images)["dark"]}
    def draw(self, evidence, exhibits):
        raise RuntimeError("no paint\\nleft")

class Unmeasured(Dark):
    id = "unmeasured"
    metrics = (MetricCard("unmeasured", "U", True),)
    def compare(self, images):
        n = len(images.target)
        return {"unmeasured": PairValues.of(np.full(n, np.nan), ["no reason"] * n)}
    def draw(self, evidence, exhibits):
        raise AssertionError("it is asked although there is no score")

class Failed(Unmeasured):
    id = "failed"
    metrics = (MetricCard("failed", "F", True),)
    def compare(self, images):
        raise ZeroDivisionError
'''


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file


def names(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "figures").iterdir())


@pytest.mark.parametrize("name", ["contact_sheet.png", "psnr_canonical_psnr_best-worst.png"])
def test_a_full_disk_ends_the_run(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It left figures out, each with a sentence of its own, and a disk that was full for a moment went unnoticed."""
    write = run_folder.write_bytes

    def fail(path: Path, content: bytes) -> None:
        with explained(path):
            if path.name == name:
                raise OSError(errno.ENOSPC, "no space")
        write(path, content)

    monkeypatch.setattr(run_folder, "write_bytes", fail)
    with pytest.raises(fb.UserError, match="no space is left"):
        fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "run")
    monkeypatch.undo()
    fb.run("copy-source", str(tiny), "psnr", out=tmp_path / "run")
    assert names(tmp_path / "run") == ["contact_sheet.png", "psnr_canonical_psnr_best-worst.png"]


def test_what_a_run_draws(tiny: Path, tmp_path: Path, plugins: Path) -> None:
    chosen = ["ssim", "lpips:alex-0.1", *(f"{plugins}:{name}" for name in ("Dark", "Unmeasured", "Failed"))]
    record = fb.run("copy-source", str(tiny), chosen, out=tmp_path / "run")
    expected = [
        "contact_sheet.png",
        "dark_canonical_.._models_1.png",
        "dark_canonical_dark_best-worst.png",
        "lpips_alex-0.1_lpips_best-worst.png",
        "ssim_canonical_ssim_best-worst.png",
    ]
    assert names(tmp_path / "run") == expected
    for name in expected:
        if "models" not in name:
            with Image.open(tmp_path / "run" / "figures" / name) as image:
                assert image.width == 4 * 128 + 8
    assert [stage.name for stage in record.stages][-1] == "figures"
    assert fb.read_record(tmp_path / "run").model_dump_json() == record.model_dump_json()
    fb.evaluate(tmp_path / "run" / "images", "mine", str(tiny), chosen[:3], out=tmp_path / "evaluated")
    assert names(tmp_path / "evaluated") == expected
    fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    assert names(tmp_path / "run") == [
        expected[0],
        expected[-1],
    ]  # figures of protocols that are no longer measured are removed
    fb.run("copy-source", str(tiny), "ssim", limit=1, out=tmp_path / "one")
    with Image.open(tmp_path / "one" / "figures" / expected[-1]) as image:
        assert image.height < 300


def test_a_broken_drawing_costs_no_score(
    tiny: Path, tmp_path: Path, plugins: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = ["ssim", f"{plugins}:Broken", "psnr"]
    with caplog.at_level(logging.WARNING, "fhpt_bench"):
        record = fb.run("copy-source", str(tiny), chosen, out=tmp_path / "run")
    (warning,) = caplog.messages
    assert warning == "Figures of broken:canonical are left out: RuntimeError: no paint left"
    assert [score.status for score in record.scores] == ["ok"] * 3
    assert "broken_canonical_broken_best-worst.png" in names(tmp_path / "run")
    assert "psnr_canonical_psnr_best-worst.png" in names(tmp_path / "run")

    def no_sheet(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("fhpt_bench.evaluation.figures.contact_sheet", no_sheet)
    again = fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    assert again["ssim"].value == record["ssim"].value
    assert names(tmp_path / "run") == []
    assert fb.read_record(tmp_path / "run").model_dump_json() == again.model_dump_json()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fhpt_bench.evaluation.figures.contact_sheet", killed)
    (tmp_path / "run" / "record.json").unlink()
    with pytest.raises(KeyboardInterrupt):
        fb.run("copy-source", str(tiny), "ssim", out=tmp_path / "run")
    assert fb.read_record(tmp_path / "run")["ssim"].value == record["ssim"].value


def test_only_comparable_records_are_shown(
    tiny: Path, tmp_path: Path, plugins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dark, runs = f"{plugins}:Dark", tmp_path / "runs"

    def shown(**other: object) -> dict[str, float]:
        fb.run("copy-source", str(tiny), dark, out=runs / "copy-source")
        text = (runs / "copy-source" / "figures" / "dark_canonical_.._models_1.png").read_text()
        return {model: float(value) for model, value in (line.rsplit(" ", 1) for line in text.splitlines())}

    own = fb.run("copy-source", str(tiny), dark, out=runs / "copy-source")["dark"].value
    assert shown() == {"copy-source": own}
    fb.run("real", str(tiny), dark, out=runs / "b")
    mirrored = fb.evaluate(runs / "copy-source" / "images", "copy-source", str(tiny), dark, out=runs / "c")
    fb.run("warp", str(tiny), dark, limit=12, out=runs / "warp-limit12")
    fb.run("warp", str(tiny), "ssim", out=runs / "a")
    fb.run("warp", str(tiny), dark, out=tmp_path / "elsewhere" / "warp")
    (runs / "d").mkdir()
    (runs / "d" / "record.json").write_bytes(b"\xff{")
    (runs / "e").symlink_to(runs / "copy-source")
    real = fb.read_record(runs / "b")["dark"].value
    assert shown() == {"copy-source": own, "real (oracle)": real, "copy-source in c": mirrored["dark"].value}
    assert "d/record.json is left out of figures" in caplog.text
    forged = json.loads((runs / "b" / "record.json").read_text())
    forged["scores"][0]["fingerprint"] = "0" * 64
    (runs / "b" / "record.json").write_text(json.dumps(forged))
    assert list(shown()) == ["copy-source", "copy-source in c"]


def test_the_same_run_gives_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    tiny.write_text(tiny.read_text() + "\n[anchors]\nbody = 40\nface = 10\nhand = 80\n")
    for place in ("a", "b"):
        fb.run("warp", str(tiny), ["ssim", "kec"], out=tmp_path / place / "run")
    first, second = tmp_path / "a" / "run", tmp_path / "b" / "run"
    assert "kec_canonical_curves.png" in names(first)
    assert names(first) == names(second)
    for name in names(first):
        content = (first / "figures" / name).read_bytes()
        assert content == (second / "figures" / name).read_bytes()
        with Image.open(io.BytesIO(content)) as image:
            assert "Software" not in image.info


@pytest.mark.parametrize("higher", [True, False])
def test_best_and_worst_are_the_ends(higher: bool) -> None:
    rng = np.random.default_rng(0)
    value = rng.permutation(20) / 20
    table = pd.DataFrame({"value": value, "skipped": ""}, [f"p{i}" for i in range(20)])
    table.loc[["p4", "p9"], ["value", "skipped"]] = [[np.nan, "no face"]] * 2
    counted = sorted((v, p) for p, v in table["value"].items() if np.isfinite(v))
    best, worst = best_and_worst(table, higher)
    ends = [p for _, p in counted[:3]], [p for _, p in counted[: -3 - 1 : -1]]
    assert [best, worst] == list(ends[::-1] if higher else ends)
    for n in range(1, 8):
        few = table.drop(["p4", "p9"]).iloc[:n]
        best, worst = best_and_worst(few, higher)
        assert len({*best, *worst}) == len(best) + len(worst) == min(n, 6)
        assert len(best) >= len(worst)
    same = table.drop(["p4", "p9"]).assign(value=0.5)
    assert best_and_worst(same, higher) == (list(same.index[:3]), list(same.index[: -3 - 1 : -1]))


def test_the_sheet_shows_the_ends(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fhpt_bench.evaluation import figures

    sheets = []
    plain_sheet = figures.contact_sheet

    def watched(rows, model, heading="", captions=None):  # type: ignore[no-untyped-def]
        sheets.append((rows, heading, captions))
        return plain_sheet(rows, model, heading, captions)

    monkeypatch.setattr(figures, "contact_sheet", watched)
    record = fb.run("warp", str(tiny), ["ssim", "lpips"], out=tmp_path / "run")
    benchmark = load_benchmark(str(tiny))
    pairs = {pair.id: pair for pair in benchmark.pairs}
    for (rows, heading, captions), key, higher in zip(sheets[1:], ("ssim", "lpips"), (True, False), strict=True):
        ranked = record[key].per_pair.sort_values(ascending=not higher)
        expected = [*ranked.index[:3], *ranked.index[:-4:-1]]
        assert ("higher is better" in heading) == higher
        for (source, pose, generated, target), caption, pair in zip(rows, captions, expected, strict=True):
            assert pair in caption
            assert f"{ranked[pair]:.4f}" in caption
            np.testing.assert_array_equal(source, read_image(benchmark.folder / pairs[pair].source))
            np.testing.assert_array_equal(target, read_image(benchmark.folder / pairs[pair].target))
            np.testing.assert_array_equal(generated, read_image(tmp_path / "run" / "images" / f"{pair}.png"))
            np.testing.assert_array_equal(pose, benchmark.poses[pairs[pair].target])


def test_grids_cut_what_does_not_fit() -> None:
    black = np.zeros((20, 40, 3), np.uint8)
    sheet = image_grid([[black, None], [None, black]], ["a" * 99, ""], "b" * 99, ["c" * 99, ""])
    assert sheet.shape == (48 + 2 * (24 + 20 + 8), 8 + 2 * 48, 3)
    assert (sheet[72:92, 8:48] == 0).all()
    assert (sheet[72:92, 48:] == 255).all()
    assert (sheet[:48, 96:] == 255).all()
    assert (sheet[24:48, 56:] == 255).all()  # the first title ends before the second column
    assert (sheet[24:48, 8:48] < 255).any()
    with pytest.raises(ValueError, match="first place"):
        image_grid([[None]], [""])


def test_names_from_anywhere_can_be_drawn() -> None:
    figure, (left, right) = new_figure(2, (3, 2), "two")
    (line,) = left.plot([0, 1], [0, 1])
    legend_below(left, [line] * 3, [literal("_$x^$"), literal("$\\nothing$"), literal("x" * 99)])
    assert [text.get_text()[-1] for text in left.get_legend().get_texts()] == ["$", "$", "…"]
    assert encode_figure(figure) == encode_figure(figure)
    assert right.get_legend() is None
