"""Images that occur several times are measured once, with the same values; and a run without figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import fhpt_bench as fb
from fhpt_bench.benchmark import load_benchmark
from fhpt_bench.data.images import encode_png, read_image
from fhpt_bench.evaluation.kept_maps import keep_target_maps
from fhpt_bench.records.comparison import read_values
from fhpt_bench.records.schema import Record


def test_pairs_with_one_image_have_one_forward_and_the_same_values(tmp_path: Path) -> None:
    whole = load_benchmark("studio")
    target = whole.pairs[0].target
    pairs = [pair for pair in whole.pairs if pair.target == target][:3]
    other = np.random.default_rng(0).integers(0, 256, (3, 256, 176, 3), np.uint8)
    values = {}
    for name, pictures in {"same": [0, 0, 1], "single": [0], "other": [0, 2, 1]}.items():
        folder = tmp_path / name
        folder.mkdir()
        for pair, picture in zip(pairs, pictures, strict=False):
            (folder / f"{pair.id}.png").write_bytes(encode_png(other[picture]))
        record = fb.evaluate(
            folder,
            name,
            protocols="lpips:alex-0.1,ssim",
            allow_missing=True,
            figures=False,
            out=tmp_path / f"run-{name}",
        )
        forwards = {stage.name: stage.forwards for stage in record.stages if stage.forwards}
        assert forwards == {"alexnet-maps": len(set(pictures)) + 1}  # and the target
        assert not (tmp_path / f"run-{name}" / "figures").exists()
        assert "figures" not in {stage.name for stage in record.stages}
        values[name] = read_values(record)["lpips:alex-0.1:lpips"]["value"]
    first, second, third = (pair.id for pair in pairs)
    assert values["same"][first] == values["same"][second] == values["single"][first] == values["other"][first]
    assert values["same"][third] == values["other"][third] != values["same"][first]


def stages(record: Record) -> dict[str, int]:
    return {stage.name: stage.forwards for stage in record.stages if stage.forwards}


def test_an_image_that_equals_its_target_or_another_one_has_no_forward_of_its_own(tmp_path: Path) -> None:
    whole = load_benchmark("studio")
    targets = sorted({pair.target for pair in whole.pairs})[:2]
    pairs = [pair for target in targets for pair in [one for one in whole.pairs if one.target == target][:2]]
    blank = np.full((256, 176, 3), 90, np.uint8)
    real = [np.asarray(read_image(whole.folder / pair.target, whole.image_size)) for pair in pairs]
    images = {"all": [real[0], blank, blank, real[3]], "one": [real[0]], "other": [blank]}
    values = {}
    for name, pictures in images.items():
        folder = tmp_path / name
        folder.mkdir()
        for pair, picture in zip(pairs, pictures, strict=False):
            (folder / f"{pair.id}.png").write_bytes(encode_png(picture))
        record = fb.evaluate(folder, name, protocols="lpips:vgg-0.1,ssim,fd-effnet-lite0,retrieval:unique-vgg16",
                             allow_missing=True, figures=False, out=tmp_path / f"run-{name}")  # fmt: skip
        values[name] = read_values(record)["lpips:vgg-0.1:lpips"]["value"]
        if name == "all":
            assert stages(record)["vgg16-maps"] == len(targets) + 1
    assert values["all"][pairs[0].id] == values["all"][pairs[3].id] == values["one"][pairs[0].id] == 0
    assert values["all"][pairs[1].id] > 0
    assert values["other"][pairs[0].id] == values["all"][pairs[1].id] != values["all"][pairs[2].id]


def test_maps_of_targets_that_stay_in_memory_give_the_same_values(tmp_path: Path) -> None:
    pairs = load_benchmark("studio").limited(3).pairs
    noise = np.random.default_rng(0).integers(0, 256, (2, 3, 256, 176, 3), np.uint8)
    for number, pictures in enumerate(noise):
        for pair, picture in zip(pairs, pictures, strict=True):
            file = tmp_path / f"images-{number}" / f"{pair.id}.png"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(encode_png(picture))

    def measured(place: str) -> list[tuple[int, list[float]]]:
        found = []
        for number in range(2):
            record = fb.evaluate(tmp_path / f"images-{number}", "m", protocols="lpips:vgg-0.1", allow_missing=True,
                                 figures=False, out=tmp_path / place / str(number))  # fmt: skip
            found.append((stages(record)["vgg16-maps"], read_values(record)["lpips:vgg-0.1:lpips"]["value"].tolist()))
        return found

    plain = measured("plain")
    keep_target_maps(1 << 30)
    try:
        kept = measured("kept")
    finally:
        keep_target_maps(0)
    assert [values for _, values in kept] == [values for _, values in plain]
    assert ([count for count, _ in plain], [count for count, _ in kept]) == ([6, 6], [6, 3])
