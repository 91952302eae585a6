"""Runs with encoders of the user's: one pass an encoder, records that say which, and how others read them."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.networks import encoders
from fhpt_bench.networks.encoder import EncoderFeature
from fhpt_bench.records.installed_cards import standing
from fhpt_bench.records.validation import validate_record
from leaderboards.measured import read_measured
from leaderboards.tables import build_tables
from tests.encoder_files import sha256, write_encoders, write_toml

ALL = ("fd", "kd", "cmmd", "similarity", "prdc")


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FHPT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("FHPT_ENCODERS", raising=False)
    monkeypatch.delenv("FHPT_WEIGHTS_DIR", raising=False)
    monkeypatch.setattr(encoders, "_given", None)


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoders(tmp_path_factory.mktemp("encoders"))


def run(toml: Path | None, out: Path, chosen: str, model: str = "copy-source", limit: int = 12) -> fb.Record:
    return fb.run(model, protocols=chosen, limit=limit, out=out, encoders=toml)


def test_one_pass_an_encoder_for_all_protocols(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = run(toml, tmp_path / "run", ",".join(f"{name}:script,{name}:vit" for name in ALL))
    assert {score.status for score in record.scores} == {"ok"}
    assert len(record.scores) == 18
    stages = {stage.name: stage for stage in record.stages}
    pairs = record.benchmark.n_pairs
    for name in ("script", "vit"):
        feature = next(iter(next(card for card in record.protocols if card.variant == name).features))
        # Each image once: those of the benchmark, and one generated image per pair that equals a source image.
        images = {name for pair in record["similarity:script"].per_pair.index for name in pair.split("___")}
        assert stages[feature].forwards == len(images)
        assert pairs <= len(images)
    # Cached: a second run with other pairs in another folder loads no network.
    monkeypatch.setattr(EncoderFeature, "__init__", lambda self, device: pytest.fail("a network was loaded"))
    again = run(toml, tmp_path / "again", "fd:vit,prdc:script")
    assert again["fd:vit"].value == record["fd:vit"].value
    assert again["fd:vit"].fingerprint == record["fd:vit"].fingerprint
    assert again["prdc:script"].value == record["prdc:script"].value


def test_the_values_are_those_of_the_functions_on_the_vectors(toml: Path, tmp_path: Path) -> None:
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.networks.encoder import encoder_feature
    from fhpt_bench.networks.encoders import read_encoders
    from protocols.perceptual import cmmd, frechet_distance, kernel_distance, prdc, similarity

    record = run(toml, tmp_path / "run", ",".join(f"{name}:script" for name in ALL))
    benchmark = load_benchmark("studio", limit=12)
    images = RealImages(benchmark.folder, benchmark.image_size, {})
    feature = encoder_feature(read_encoders(toml)["script"])("cpu")
    a, b, unique = (
        feature.extract(images.stack(names))
        for names in (
            [pair.source for pair in benchmark.pairs],
            [pair.target for pair in benchmark.pairs],
            sorted({pair.target for pair in benchmark.pairs}),
        )
    )
    assert record["fd:script"].value == pytest.approx(frechet_distance(a, unique), abs=1e-9)
    assert record["kd:script"].value == pytest.approx(kernel_distance(a, unique), abs=1e-9)
    assert record["cmmd:script"].value == pytest.approx(cmmd(a, unique), abs=1e-9)
    for name, value in prdc(a, unique).items():
        assert record[f"prdc:script:{name}"].value == pytest.approx(value, abs=1e-12)
    np.testing.assert_allclose(record["similarity:script"].per_pair, similarity(a, b), rtol=0, atol=1e-12)


def test_the_evaluator_takes_encoders_too(toml: Path) -> None:
    evaluator = fb.Evaluator(protocols="similarity:script,fd:script", limit=12, encoders=toml)
    fb.Evaluator(protocols="psnr", limit=4)  # of other encoders, or none: the first keeps its own
    found = evaluator(lambda batch: batch.source)
    assert set(found) >= {"similarity", "fd"}
    assert evaluator.scores[0].variant == "script"


def test_a_ready_encoder_without_its_file_is_skipped_with_the_address(tmp_path: Path) -> None:
    record = run(None, tmp_path / "run", "cmmd,psnr", limit=4)
    assert record["psnr"].status == "ok"
    assert record["cmmd"].status == "skipped"
    assert record["cmmd"].variant == "clip-vitl14-336"
    assert "get it from https://openaipublic.azureedge.net/clip/models/3035c92b" in (record["cmmd"].reason or "")


def test_names_and_files_that_are_wrong_stop_the_run_before_torch(toml: Path, tmp_path: Path) -> None:
    import subprocess

    other = write_toml(tmp_path / "other.toml", {"gone": {"kind": "onnx", "file": "a", "sha256": "0" * 64, "size": 9}})
    for chosen, message in (
        (
            "fd:skript",
            "Protocol fd knows no encoder 'skript': name its file with --encoders or FHPT_ENCODERS, or did you",
        ),
        ("fd:gone", "There is no file .*a of the encoder gone: correct `file`."),
    ):
        with pytest.raises(fb.UserError, match=message):
            run(other if chosen.endswith("gone") else toml, tmp_path / "run", chosen)
    with pytest.raises(fb.UserError, match=r"Cannot read .*none.toml"):
        run(tmp_path / "none.toml", tmp_path / "run", "psnr")
    with pytest.raises(fb.UserError, match="encoders must be a path"):
        fb.run("warp", encoders=3)  # type: ignore[arg-type]
    words = ["run", "-m", "copy-source", "-p", "fd:gone", "--encoders", str(other), "-o", str(tmp_path / "run")]
    code = "import sys\nfrom fhpt_bench.cli import main\ntry:\n main()\nfinally:\n assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "There is no file" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_network_that_fails_stops_the_run_with_one_sentence(tmp_path: Path, toml: Path) -> None:
    entry = {"kind": "torchscript", "file": str(toml.parent / "script.pt"), "size": 2}
    digest = sha256(toml.parent / "script.pt")
    path = write_toml(tmp_path / "e.toml", {"small": {**entry, "sha256": digest}})
    with pytest.raises(fb.UserError, match=r"^The encoder small fails on an input of 1x3x2x2: .*") as caught:
        run(path, tmp_path / "run", "psnr,fd:small", limit=4)
    assert "\n" not in str(caught.value)


def test_a_record_whose_encoder_is_not_known_here_is_not_trusted(toml: Path, tmp_path: Path) -> None:
    record = run(toml, tmp_path / "runs" / "a", "fd:script,similarity:script,psnr")
    run(toml, tmp_path / "runs" / "b", "fd:script,similarity:script,psnr", model="warp")

    def read() -> fb.Record:
        return fb.read_record(record.folder or Path())

    def columns() -> dict[str, bool]:
        measured = read_measured([str(tmp_path / "runs")])
        assert len(measured) == 2
        return {
            column.key: any(row.cells[i].rank is not None for row in table.rows if row.cells[i])
            for table in build_tables(measured)
            for i, column in enumerate(table.columns)
        }

    # The same file: everything is checked, models are ranked.
    encoders.use_encoders(toml)
    assert standing(read(), read()["fd:script"]).metric is not None
    checks = validate_record(read()).checks
    assert not [check for check in checks if check.status == "WRONG"]
    (found,) = [check for check in checks if check.name == "fingerprint"]
    assert found.detail == "4 follow from card, benchmark and weights"
    assert columns()["fd:script:fd"]

    # No file, and a file with another encoder of the same name: named, and not ranked.
    other = write_toml(tmp_path / "other.toml", {
        "script": {"kind": "torchscript", "file": str(toml.parent / "script.pt"), "size": 40,
                   "sha256": sha256(toml.parent / "script.pt")},
    })  # fmt: skip
    feature = next(card for card in record.protocols if card.id == "fd").features[0]
    for path in (None, other):
        encoders.use_encoders(path)
        unknown = standing(read(), read()["fd:script"])
        assert unknown.metric is None
        assert unknown.reason == f"the encoder {feature} of fd is not known here (FHPT_ENCODERS)"
        checks = validate_record(read()).checks
        assert not [check for check in checks if check.status == "WRONG"]
        assert any(check.status == "cannot" and feature in check.detail for check in checks)
        assert any(check.status == "cannot" and "similarity:script:similarity" in check.detail for check in checks
                   if check.name == "fingerprint")  # fmt: skip
        ranked = columns()
        assert not ranked["fd:script:fd"]
        assert ranked["psnr:canonical:psnr"]


def test_a_forged_card_of_an_encoder_is_found(toml: Path, tmp_path: Path) -> None:
    record = run(toml, tmp_path / "run", "similarity:script")
    file = tmp_path / "run" / "record.json"
    content = json.loads(file.read_text())
    content["scores"][0]["fingerprint"] = "0" * 64
    file.write_text(json.dumps(content))
    encoders.use_encoders(toml)
    wrong = [
        check.name
        for check in validate_record(fb.read_record(record.folder or Path())).checks
        if check.status == "WRONG"
    ]
    assert wrong == ["fingerprint"]


def test_images_are_measured_again_with_the_file_in_the_environment(
    toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fhpt_bench.evaluation.remeasure import remeasure

    record = run(toml, tmp_path / "run", "similarity:script,fd:script,psnr")
    # Not known: the other scores are measured all the same.
    encoders.use_encoders(None)
    (first, *others) = remeasure(record)
    assert (first.status, first.detail) == ("ok", "1 scores belong to the images")
    assert any("similarity:script" in check.detail for check in others)
    monkeypatch.setenv("FHPT_ENCODERS", str(toml))
    assert [(c.status, c.detail) for c in remeasure(record)] == [("ok", "4 scores belong to the images")]
    (share,) = [check for check in remeasure(record, share=0.5) if check.status != "cannot"]
    assert share.status == "ok"
    assert share.detail.startswith("3 scores, in 6 of 12 pairs")


def test_on_the_command_line(toml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = tmp_path / "images"
    shutil.copytree(run(None, tmp_path / "made", "psnr", limit=4).folder / "images", images)
    monkeypatch.setenv("FHPT_ENCODERS", str(toml))
    words = ["evaluate", str(images), "--limit", "4", "-p", "similarity:vit", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(cli, [*words, "--processes", "1"])
    assert done.exit_code == 0, done.output
    assert "Similarity ↑ (vit)" in done.output
    card = CliRunner().invoke(cli, ["protocols", "fd:vit"])
    assert card.exit_code == 0
    assert "timm test_vit" in card.output
    listed = CliRunner().invoke(cli, ["protocols"])
    assert listed.exit_code == 0
