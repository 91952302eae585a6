"""Files of encoders for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhpt_bench.networks import encoders
from fhpt_bench.networks.encoders import Encoder, read_encoders
from tests.encoder_files import write_encoders


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("encoders")
    write_encoders(place)
    return place


@pytest.fixture(scope="module")
def read(folder: Path) -> dict[str, Encoder]:
    return read_encoders(folder / "encoders.toml")


@pytest.fixture
def no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "_given", None)
    monkeypatch.delenv("FHPT_ENCODERS", raising=False)
    monkeypatch.delenv("FHPT_WEIGHTS_DIR", raising=False)
