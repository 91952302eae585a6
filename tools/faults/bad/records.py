"""Records, finished work, weights and plugins that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tools.faults.bad.place import Kinds, Place

Command = Callable[[Place], list[object]]


def _record(command: str, change: Callable[[dict[str, Any]], object]) -> Command:
    """A record with a change, read by a command."""

    def make(place: Place) -> list[object]:
        content = json.loads((place.record / "record.json").read_text())
        change(content)
        return _raw(command, json.dumps(content))(place)

    return make


def _raw(command: str, content: str | bytes, name: str = "record.json") -> Command:
    def make(place: Place) -> list[object]:
        place.file(f"record/{name}", content)
        return _read(command, place)

    return make


def _read(command: str, place: Place) -> list[object]:
    words: dict[str, list[object]] = {
        "validate": ["validate", place.record],
        "compare": ["compare", place.record, place.record],
        "leaderboard": ["leaderboard", "--records", place.record],
        "run": place.run("-o", place.record),
    }
    return words[command]


def _without_table(command: str) -> Command:
    def make(place: Place) -> list[object]:
        (place.record / "pairs.csv").unlink()
        return _read(command, place)

    return make


RECORDS: Kinds = {
    "an empty record": _raw("validate", ""),
    "a record that is not JSON": _raw("validate", '{"schema_version": 1'),
    "a record that is a list": _raw("validate", "[]"),
    "a record that is not text": _raw("validate", b"\xff\xfe"),
    "a record that is nested deeply": _raw("validate", "[" * 100_000),
    "a record of the future": _record("validate", lambda record: record.update(schema_version=99)),
    "a record without a model": _record("validate", lambda record: record.pop("model")),
    "a record with a score of text": _record("validate", lambda record: record["scores"][0].update(value="x")),
    "a record with a score of NaN": _record("validate", lambda r: r["scores"][0].update(value=float("nan"))),
    "a record with another digest of its table": _record("compare", lambda r: r["pairs"].update(sha256="0" * 64)),
    "a record to compare that is not JSON": _raw("compare", "{"),
    "a table of pairs that is missing, compared": _without_table("compare"),
    "a table of pairs that was changed, compared": _raw("compare", "pair,person\n", "pairs.csv"),
    "only a broken record to rank": _raw("leaderboard", "{"),
    "only a record without its table to rank": _without_table("leaderboard"),
    "finished work whose run.json is not JSON": _raw("run", "{", "run.json"),
    "finished work of another run": _raw("run", '{"run_id": "0"}', "run.json"),
    "finished work without its list of files": lambda place: _no_list(place),
}  # fmt: skip


def _no_list(place: Place) -> list[object]:
    (place.record / "files.jsonl").unlink()
    return place.run("-o", place.record)


def _started(name: str, content: str) -> Command:
    """An output folder that a training of something else, or nobody, has begun."""

    def make(place: Place) -> list[object]:
        place.file(f"out/{name}", content)
        return place.train()

    return make


def _weights(content: bytes) -> Command:
    def make(place: Place) -> list[object]:
        return place.run("--checkpoint", place.file("mine.safetensors", content), model="drn-no-face")

    return make


def _header(header: object, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


TRAININGS: Kinds = {
    "the folder of another training": _started("training.json", '{"id": "0"}'),
    "a training.json that is not JSON": _started("training.json", "{"),
    "the user's file in the folder of a training": _started("notes.txt", "mine"),
    "an empty checkpoint": _weights(b""),
    "a checkpoint that is text": _weights(b"not weights " * 20),
    "a checkpoint that is a pickle": _weights(b"\x80\x04N."),
    "a checkpoint whose header is too long": _weights((1 << 60).to_bytes(8, "little") + b"{}"),
    "a checkpoint without tensors": _weights(_header({})),
    "a checkpoint of nobody's": _weights(_header({"__metadata__": {"name": "x", "card": "{}"}})),
    "a checkpoint that is cut": _weights(_header({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}})),
}

MODEL = """
from fhpt_bench.model import Generator, ModelCard

class Mine(Generator):
    card = ModelCard("mine", "a model")
    def generate(self, batch):
        return batch.source
"""


def _plugin(content: str | bytes, words: Callable[[Place, str], list[object]], name: str = "Mine") -> Command:
    return lambda place: words(place, f"{place.file('plugin/mine.py', content)}:{name}")


def _as_model(place: Place, name: str) -> list[object]:
    return place.run(model=name)


def _as_protocol(place: Place, name: str) -> list[object]:
    return place.run("-p", name)


def _as_recipe(place: Place, name: str) -> list[object]:
    return place.train(recipe=name)


def _checked(place: Place, name: str) -> list[object]:
    return ["check-plugin", name]


PLUGINS: Kinds = {
    "a plugin that is missing": lambda place: place.run(model=f"{place.root}/nothing.py:Mine"),
    "a plugin without a class": lambda place: place.run(model=f"{place.file('mine.py', MODEL)}"),
    "a plugin that is not Python": _plugin("class Mine(", _as_model),
    "a plugin that is not text": _plugin(b"\xff\xfe\x00", _as_model),
    "a plugin of another class": _plugin(MODEL, _as_model, "Nothing"),
    "a plugin that is no class": _plugin("Mine = 5\n", _as_model),
    "a plugin that is no model": _plugin("class Mine:\n    pass\n", _as_model),
    "a plugin that raises": _plugin("raise ValueError('mine')\n", _as_model),
    "a plugin that imports nothing": _plugin("import a_module_that_is_missing\n", _as_model),
    "a model without a card": _plugin(MODEL.replace("    card", "    other"), _as_model),
    "a model without generate": _plugin(MODEL.replace("generate", "other"), _as_model),
    "a model whose __init__ raises": _plugin(MODEL + "    def __init__(self):\n        1 / 0\n", _as_model),
    "a protocol that is not Python": _plugin("class Mine(", _as_protocol),
    "a protocol of another class": _plugin(MODEL, _as_protocol, "Nothing"),
    "a model in place of a protocol": _plugin(MODEL, _as_protocol),
    "a recipe that is not Python": _plugin("class Mine(", _as_recipe),
    "a model in place of a recipe": _plugin(MODEL, _as_recipe),
    "a plugin to check that is missing": lambda place: ["check-plugin", f"{place.root}/nothing.py:Mine"],
    "a plugin to check that is not Python": _plugin("class Mine(", _checked),
    "a plugin to check of another class": _plugin(MODEL, _checked, "Nothing"),
}  # fmt: skip
