"""Fixtures of the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fhpt_bench.evaluation.device_plugins import PLUGINS


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    file = tmp_path / "plugins.py"
    file.write_text(PLUGINS)
    return file
