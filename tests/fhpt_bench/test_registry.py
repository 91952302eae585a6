"""Plugins by name and by path; broken ones are shown as broken."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from fhpt_bench import plugin_code, registry
from fhpt_bench.errors import UserError
from fhpt_bench.model import Generator, models
from fhpt_bench.protocol import protocols
from fhpt_bench.registry import Entry


def test_built_in_plugins_are_found_with_their_origin() -> None:
    entries = models.entries()
    assert {"copy-source", "real", "warp"} <= set(entries)
    assert entries["warp"].origin.startswith("fhpt-bench ")
    assert issubclass(models.load("warp"), Generator)


def test_path_gives_the_class_and_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from fhpt_bench.model import Generator, ModelCard\n\n\n"
        "class Mine(Generator):\n    card = ModelCard('mine', '')\n"
        "    def generate(self, batch):\n        return None\n"
    )
    assert models.find(f"{file}:Mine").origin == f"{file}:4"
    plugin = models.load(f"{file}:Mine")
    assert plugin.card.name == "mine"
    before = plugin_code.code_digest(plugin)
    file.write_text(file.read_text() + "# changed\n")
    assert plugin_code.code_digest(models.load(f"{file}:Mine")) != before


def test_code_of_a_package_is_all_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "spread"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "layers.py").write_text("WIDTH = 1\n")
    (package / "model.py").write_text("class Spread: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugin = importlib.import_module("spread.model").Spread
    before = plugin_code.code_digest(plugin)
    (package / "layers.py").write_text("WIDTH = 2\n")
    assert plugin_code.code_digest(plugin) != before


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class Mine: pass", "is not a Generator"),
        ("import no_such_module\nclass Mine: pass", "ModuleNotFoundError"),
        ("class Mine(: pass", "not valid Python"),
        ("from fhpt_bench.model import Generator\nclass Mine(Generator): pass", "does not define generate"),
        ("class Mime: pass", "did you mean Mime"),
        ("x = 1", "it defines no class"),
    ],
)
def test_broken_files_say_why(tmp_path: Path, code: str, message: str) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(UserError, match=message):
        models.load(f"{tmp_path / 'mine.py'}:Mine")


def test_a_name_registered_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = (Entry("warp", "a:A", "one 1"), Entry("warp", "b:B", "two 2"))
    monkeypatch.setattr(registry, "entry_points", lambda group: twice)
    with pytest.raises(UserError, match="registered twice, by one 1 and by two 2"):
        models.entries()


def test_every_protocol_keeps_the_contract() -> None:
    for name in protocols.entries():
        plugin = protocols.load(name)
        assert plugin.id == name
        for variant in plugin.variants:
            card = plugin(variant).card
            # With several equal headlines no metric has the protocol's own id.
            assert card.metrics[0].name == {"kec": "body", "prdc": "precision"}.get(card.id, card.id)
            assert card.definition
            assert card.citation
            assert card.metrics[0].range[0] < card.metrics[0].range[1]


def test_every_model_has_a_card() -> None:
    for name in models.entries():
        card = models.load(name).card
        assert card.name == name
        assert card.title
