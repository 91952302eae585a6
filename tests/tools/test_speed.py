"""Times and the page that is made of them: the measured process, the sums, the recipes on a few images, the results."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.errors import UserError
from fhpt_bench.files import append_line
from tools.speed import extrapolation, report, scale, whole_run
from tools.speed.peers import tables
from tools.speed.peers.__main__ import floor_section, kept_costs, reported, table_section
from tools.speed.peers.__main__ import main as peers
from tools.speed.peers.material import GALLERY, GENERATED, MEASURED, TARGETS, open_work, write_folders
from tools.speed.peers.process import Cost, measure
from tools.speed.peers.recipes import RECIPES, read
from tools.speed.peers.tables import COLD, TOOLS, WARM, Forward


def section(name: str = "a", cell: str = "1") -> report.Section:
    return report.Section(name, "python -m x", f"Title of {name}", ("what", "s"), (("one", cell),), "a note", {})


def costs_of(seconds: dict[str, list[float]]) -> dict[str, list[Cost]]:
    return {name: [Cost(one, 2 * one, 10 * one, {"net": 3}) for one in each] for name, each in seconds.items()}


def all_costs() -> dict[str, list[Cost]]:
    """The tools take 1, 2, 3, … seconds in the first round and two more in the second; ours 10 and 4."""
    tools = {name: [float(i), float(i + 2)] for i, name in enumerate(TOOLS, 1)}
    return costs_of({**tools, COLD: [10.0, 10.0], WARM: [4.0, 4.0]})


def test_the_page_is_what_the_results_give() -> None:
    assert report.PAGE.read_text(encoding="utf-8") == report.page(), f"run {report.COMMAND}"


def test_a_section_is_replaced_and_machines_stand_side_by_side(tmp_path: Path) -> None:
    one = report.Machine("CPU A", 2, ("avx2",))
    for kept in (section("b"), section("a", "old"), section("a", "new")):
        report.keep(kept, one, tmp_path)
    report.keep(section("a", "x|y"), report.Machine("CPU A", 2, ("avx2",), "avx2"), tmp_path)
    page = report.page(tmp_path)
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Speed",
        "## CPU A, 2 cores, limited to AVX2",
        "### Title of a",
        "## CPU A, 2 cores",
        "### Title of a",
        "### Title of b",
        "## A GPU",
        "## What was changed, and what was tried",
    ]
    assert "| one | old |" not in page
    assert "| one | new |" in page
    assert "x\\|y" in page
    assert report.NO_GPU in page
    report.keep(section("gpu-1-tests"), report.Machine("GPU B beside CPU A", 16, ()), tmp_path)
    assert report.NO_GPU not in report.page(tmp_path)


def test_a_run_on_some_of_the_pairs_does_not_replace_that_on_all(tmp_path: Path) -> None:
    cold, warm = whole_run.Timed(300, 600, 4), [whole_run.Timed(13, 9, 3)]
    for options, pairs in ((["--model", "drn"], 800), (["--model", "drn", "--limit", "40"], 40)):
        found = whole_run.section(options, pairs, {"a": 6.0, "b": 1.0}, cold, warm)
        assert found.command == f"python -m tools.speed.whole_run {' '.join(options)}"
        file = report.keep(found, report.Machine("CPU", 2, ()), tmp_path)
    sections = json.loads(file.read_text(encoding="utf-8"))["sections"]
    assert {one["id"]: one["note"].split(" pairs")[0] for one in sections} == {
        "run-drn": "n = 800",
        "run-drn-40": "n = 40",
    }


def test_a_row_of_another_length_is_not_kept(tmp_path: Path) -> None:
    wrong = report.Section("a", "c", "t", ("one",), (("1", "2"),), "", {})
    with pytest.raises(ValueError, match="does not have 1 cells"):
        report.keep(wrong, report.Machine("CPU", 1, ()), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_process_is_measured_with_its_children(tmp_path: Path) -> None:
    spin = "import time; s = time.process_time()\nwhile time.process_time() - s < 0.4: pass"
    hold = "x = bytearray(b'1') * (80 << 20); import time; time.sleep(0.5)"
    code = (
        "import subprocess, sys\n"
        f"held = [subprocess.Popen([sys.executable, '-c', {hold!r}]) for _ in range(2)]\n"
        f"subprocess.Popen([sys.executable, '-c', {spin!r}])\n"  # nobody waits for it
        f"subprocess.run([sys.executable, '-c', {spin!r}])\n"
        "[one.wait() for one in held]"
    )
    cost = measure([sys.executable, "-c", code], os.environ, tmp_path / "log")
    assert cost.reason == ""
    assert cost.seconds >= 0.4
    assert 0.8 <= cost.cpu < 20
    assert cost.peak > 160, "both children hold 80 MiB at the same time"
    if sys.platform == "linux":
        adopts, get_child_subreaper = ctypes.c_int(1), 37
        ctypes.CDLL(None).prctl(get_child_subreaper, ctypes.byref(adopts))
        assert adopts.value == 0, "later processes of others would become zombies of this one"


def test_the_memory_of_this_process_is_not_counted(tmp_path: Path) -> None:
    held = bytearray(b"1") * (300 << 20)
    cost = measure([sys.executable, "-c", "import time; time.sleep(0.5)"], os.environ, tmp_path / "log")
    assert len(held) == 300 << 20
    assert 1 < cost.peak < 100


def test_a_process_that_fails_gives_its_last_line(tmp_path: Path) -> None:
    cost = measure([sys.executable, "-c", "raise SystemExit('no such file\\n\\n')"], os.environ, tmp_path / "log")
    assert cost.reason == "ended with 1: no such file"


def test_a_result_is_found_before_what_a_library_prints_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text('[0.5, 1.0]\n{"a": 1}\nwarning: 3\n7\n')
    assert reported(tmp_path / "log", dict) == {"a": 1}
    assert reported(tmp_path / "log", list) == [0.5, 1.0]
    (tmp_path / "log").write_text("")
    assert reported(tmp_path / "log", dict) is None


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    file = tmp_path / "measured.jsonl"
    line = {"pairs": 8, "round": 1, "isa": None, "seconds": 2.0, "cpu": 3.0, "peak": 4.0, "forwards": {"net": 5}}
    rows = [
        {"name": "mediapipe", "reason": ""}, {"name": "mediapipe", "reason": "", "seconds": 1.0},
        {"name": "scikit-image", "reason": "broken"}, {"name": "lpips-alex", "reason": "", "isa": "avx2"},
        {"name": "lpips-vgg", "reason": "", "pairs": 9}, {"name": COLD, "reason": ""},
    ]  # fmt: skip
    for row in rows:
        append_line(file, json.dumps({**line, **row}).encode())
    assert kept_costs(file, 8, None) == {(1, "mediapipe"): Cost(1.0, 3.0, 4.0, {"net": 5})}
    assert kept_costs(tmp_path / "none", 8, None) == {}


def test_sums_and_ratios() -> None:
    costs = all_costs()
    same = [i + 1.0 for i, name in enumerate(TOOLS, 1) if TOOLS[name].same]
    total = tables.total_of(costs, same=True)
    assert total is not None
    assert (total.seconds, total.cpu, total.peak) == (sum(same), 2 * sum(same), 10 * max(same))
    everything = tables.total_of(costs, same=False)
    assert everything is not None
    assert everything.seconds == sum(i + 1.0 for i in range(1, len(TOOLS) + 1))
    lines = tables.ratio_lines(costs)
    assert f"{sum(same) / 10:.2f} in seconds" in lines[0]
    assert f"{sum(same) / 4:.2f} in seconds" in lines[1]
    assert len(lines) == 4
    first = tables.rows(costs)[0]
    assert first[2:] == ["2.0", "1.0 to 3.0", "4.0", "20", "3", "0.20", "2"]


def test_a_failed_tool_is_a_row_with_its_reason_and_no_sum() -> None:
    costs = {**all_costs(), "mediapipe": [Cost(1, 1, 1, reason="ended with 1: x | y")]}
    rows = {row[0]: row for row in tables.rows(costs)}
    assert rows[TOOLS["mediapipe"].title][2] == "failed: ended with 1: x | y"
    assert tables.total_of(costs, same=True) is None
    assert tables.ratio_lines(costs) == []
    made = table_section(costs, 8, 2)
    assert "no sum without mediapipe" in str(made.rows)
    assert {len(row) for row in made.rows} == {len(made.header)}


def test_one_failed_round_is_left_out() -> None:
    costs = all_costs()
    costs["mediapipe"][0] = Cost(0.1, 0, 0, reason="killed")
    row = next(row for row in tables.rows(costs) if row[0] == TOOLS["mediapipe"].title)
    assert row[-1] == "1"
    assert row[3].startswith(row[2])


def test_every_score_of_studio_has_a_tool() -> None:
    named = " ".join(tool.scores for tool in TOOLS.values() if tool.same)
    for key in load_benchmark("studio").protocols:
        name = key.partition(":")[2] if key.startswith("retrieval") else key.removesuffix(":source")
        assert f"{name.removesuffix(':strict')}`" in named, key


def test_the_floor_is_forwards_times_the_best_forward() -> None:
    costs = {COLD: [Cost(5.0, 8.0, 1.0, {"a": 10, "b": 4})]}
    made = floor_section(costs, {"a": Forward(0.1, 0.2), "b": Forward(0.25, 0.25)}, 8, 2)
    assert [row[1:] for row in made.rows] == [
        ["10", "100.00", "1.00", "200.00", "2.00"], ["4", "250.00", "1.00", "250.00", "1.00"],
    ]  # fmt: skip
    alone, at_once = made.note.splitlines()[:2]
    assert "2.0 CPU seconds, or 1.0 seconds on 2 cores" in alone
    assert "5.00 in seconds, 4.00 in CPU seconds" in alone
    assert "3.0 CPU seconds, or 1.5 seconds on 2 cores" in at_once
    assert "3.33 in seconds, 2.67 in CPU seconds" in at_once
    short = floor_section(costs, {"a": Forward(0.1, 0.1), "b": Cost(1, 1, 1, reason="not known")}, 8, 2)
    assert "There is no floor" in short.note
    assert short.rows[1][2] == "failed: not known"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs, whose generated images are the sources."""
    folder = tmp_path_factory.mktemp("peers")
    benchmark = load_benchmark("studio", limit=4)
    (folder / "given").mkdir()
    for pair in benchmark.pairs:
        Image.open(benchmark.folder / pair.source).save(folder / "given" / f"{pair.id}.png")
    assert write_folders(folder / "given", folder, 4) == 4
    return folder


def test_the_folders_have_the_pixels_of_the_pairs(material: Path) -> None:
    benchmark = load_benchmark("studio", limit=4)
    for pair in benchmark.pairs:
        for folder, name in ((GENERATED, pair.source), (TARGETS, pair.target)):
            expected = read(benchmark.folder / name)
            np.testing.assert_array_equal(read(material / folder / f"{pair.id}.png"), expected)
    assert len(list((material / GALLERY).iterdir())) == len(benchmark.images)


def test_a_missing_image_is_named(material: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no fashion.*\.png"):
        write_folders(material / TARGETS, tmp_path, 5)


def test_images_of_the_user_are_not_removed(material: Path, tmp_path: Path) -> None:
    mine = tmp_path / GENERATED
    mine.mkdir()
    for file in (material / "given").iterdir():
        shutil.copyfile(file, mine / file.name)
    for images, work in ((mine, tmp_path), (mine, mine), (tmp_path, mine)):
        with pytest.raises(UserError, match="overlap: give --work another"):
            open_work(work, images)
    with pytest.raises(UserError, match="overlap: give --work another"):
        write_folders(mine, tmp_path, 4)
    with pytest.raises(UserError, match="holds files that this command did not write: give --work a new folder"):
        open_work(tmp_path, material / "given")
    assert {one.name for one in tmp_path.iterdir()} == {GENERATED}
    assert len(list(mine.iterdir())) == 4
    ended = CliRunner().invoke(peers, ["--images", str(mine), "--work", str(tmp_path), "--limit", "4"])
    assert (ended.exit_code, len(list(mine.iterdir()))) == (1, 4)
    assert "overlap: give --work another" in ended.output


def test_a_folder_of_an_earlier_measurement_is_used_again(material: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for _ in range(2):
        open_work(work, material / "given")
        assert write_folders(material / "given", work, 4) == 4
    assert kept_costs(work / MEASURED, 4, None) == {}


def test_hours_of_real_images_do_not_depend_on_the_cache_of_the_record(tmp_path: Path) -> None:
    """The record that ships has the forwards of generated images only: vectors of the real ones were in a cache."""
    content = json.loads((scale.RECORD / "record.json").read_text())
    for stage in content["stages"]:
        if stage["name"] == "efficientnet-lite0":
            stage.update(seconds=8.0, images=800, forwards=800)
    (tmp_path / "record.json").write_text(json.dumps(content))
    rates = scale.rates(tmp_path)
    assert {"efficientnet-lite0", "dlib-faces"} <= set(rates["vectors"])
    assert "mediapipe-holistic" not in rates["vectors"], "studio has exact keypoints"
    assert {"alexnet-maps", "vgg16-maps"} <= set(rates["maps"])
    single = {"decode": 0.0, "write": 0.0, "frechet": 0.0, "frechet each": 0.0}
    found = {"single": single, "rates": rates, "simulated": {"10": {"seconds": {"pass": 0.0}}}}
    lines = extrapolation.hours_table(found).splitlines()
    hours = {row[1].strip(" `"): row[2:4] for row in (line.split("|") for line in lines)}
    once, model = (float(cell) for cell in hours["efficientnet-lite0"])
    assert (once, model) == pytest.approx((0.01 * extrapolation.IMAGES / 3600, 10_000 / 3600), abs=0.06)
    assert float(hours["vgg16-maps"][0]) == float(hours["generate"][0]) == 0.0
    assert str(tmp_path) in extrapolation.rates_line(found)
    assert f"{content['provenance']['threads']} threads" in extrapolation.rates_line(found)


def test_a_recipe_reports_its_forwards(material: Path) -> None:
    assert RECIPES["face-recognition"](material) == {"dlib-faces": 8}


def test_scikit_images_values_are_those_of_our_protocols(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from protocols.perceptual import psnr, ssim

    assert RECIPES["scikit-image"](material) == {}
    theirs = json.loads(capsys.readouterr().out)
    a, b = (np.stack([read(file) for file in sorted((material / name).iterdir())]) for name in (GENERATED, TARGETS))
    assert theirs == pytest.approx([ssim(a, b).mean(), psnr(a, b).mean()], abs=1e-6)
