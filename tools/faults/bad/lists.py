"""Lists, tables and benchmark files that cannot be used."""

from __future__ import annotations

import io
import os
from collections.abc import Callable

import numpy as np

from tools.faults.bad.place import Kinds, Place

_POSE = f"{[50] * 18}: {[40] * 18}"


def _list(name: str, content: str | bytes, command: str = "run") -> Callable[[Place], list[object]]:
    """A list of the benchmark with another content."""

    def make(place: Place) -> list[object]:
        place.file(f"data/{name}", content)
        return place.train() if command == "train" else place.run()

    return make


def _changed(name: str, old: str, new: str) -> Callable[[Place], list[object]]:
    """A list of the benchmark with one text replaced."""

    def make(place: Place) -> list[object]:
        place.replace(f"data/{name}", old, new)
        return place.run()

    return make


def _removed(name: str) -> Callable[[Place], list[object]]:
    def make(place: Place) -> list[object]:
        (place.root / "data" / name).unlink()
        return ["data", "check", place.benchmark]

    return make


def _pipe(place: Place) -> list[object]:
    file = place.root / "data" / "pairs.csv"
    file.unlink()
    os.mkfifo(file)
    return place.run()


PAIRS: Kinds = {
    "no pair list": _removed("pairs.csv"),
    "an empty pair list": _list("pairs.csv", ""),
    "a pair list of its first line": _list("pairs.csv", "from,to\n"),
    "a pair list with other columns": _list("pairs.csv", "a,b\np00_0.png,p00_1.png\n"),
    "a pair list of one column": _list("pairs.csv", "from,to\np00_0.png\n"),
    "a pair list of three columns": _list("pairs.csv", "from,to\na.png,b.png,c.png\n"),
    "a pair of an unknown image": _list("pairs.csv", "from,to\np00_0.png,nothing.png\n"),
    "a pair in another folder": _list("pairs.csv", "from,to\n../a.png,b.png\n"),
    "a pair twice": _list("pairs.csv", "from,to\np00_0.png,p00_1.png\np00_0.png,p00_1.png\n"),
    "a pair list that is not text": _list("pairs.csv", b"\xff\xfe\x00\x01"),
    "a pair list in UTF-16": _list("pairs.csv", "from,to\np00_0.png,p00_1.png\n".encode("utf-16")),
    "a pair list with an open quote": _list("pairs.csv", 'from,to\n"a,b.png\n'),
    "a pair list that is a pipe": _pipe,
    "no list of training pairs": lambda place: _no_training_pairs(place),
    "a training pair of an unknown image": _list("pairs.csv", "from,to\np00_0.png,nothing.png\n", "train"),
    "an empty training list": _list("train.lst", "", "train"),
    "a training list of unknown images": _list("train.lst", "nothing.png\n", "train"),
}


def _no_training_pairs(place: Place) -> list[object]:
    place.replace("data/mine.toml", 'train_pairs = "pairs.csv"', 'train_pairs = "nothing.csv"')
    return place.train()


KEYPOINTS: Kinds = {
    "no keypoint file": _removed("keypoints.csv"),
    "an empty keypoint file": _list("keypoints.csv", ""),
    "a keypoint file without an image of a pair": _list("keypoints.csv", f"p00_0.png: {_POSE}\n"),
    "17 joints": _list("keypoints.csv", f"p00_0.png: {[50] * 17}: {[40] * 17}\n"),
    "joints in words": _list("keypoints.csv", f"p00_0.png: {['a'] * 18}: {[40] * 18}\n".replace("'", '"')),
    "a joint that is not a number": _changed("keypoints.csv", "[50, 50", "[NaN, 50"),
    "joints of 400 digits": _list("keypoints.csv", f"p00_0.png: {[10**400] * 18}: {[40] * 18}\n"),
    "a keypoint file in JSON": _list("keypoints.csv", '{"people": []}'),
    "an image twice with other joints": _list("keypoints.csv", f"a.png: {_POSE}\na.png: {[9] * 18}: {[9] * 18}\n"),
    "joints outside the images": lambda place: _moved(place, 500),
    "joints of a smaller frame": lambda place: _moved(place, 5),
}


def _moved(place: Place, to: int) -> list[object]:
    """All joints at one place."""
    text = (place.root / "data" / "keypoints.csv").read_text()
    place.file("data/keypoints.csv", text.replace("50", str(to)).replace("40", str(to)))
    return place.run()


def _people(content: str) -> Callable[[Place], list[object]]:
    def make(place: Place) -> list[object]:
        place.file("data/people.csv", content)
        place.file("data/mine.toml", place.benchmark.read_text() + 'people = "people.csv"\n')
        return ["data", "check", place.benchmark]

    return make


PEOPLE: Kinds = {
    "an empty table of people": _people(""),
    "people without a column": _people("image\np00_0.png\n"),
    "an unknown column of people": _people("image,person,age\np00_0.png,ann,5\n"),
    "a person without a name": _people("image,person\np00_0.png,\n"),
    "two people on one image": _people("image,person\np00_0.png,ann\np00_0.png,bob\n"),
    "an unknown gender": _people("image,person,gender\np00_0.png,ann,x\n"),
    "an unknown view": _people("image,person,view\np00_0.png,ann,above\n"),
    "a table without an image of a pair": _people("image,person\np00_0.png,ann\n"),
    "a pair of two people": lambda place: _pair_of_two(place),
}


def _pair_of_two(place: Place) -> list[object]:
    names = (place.root / "data" / "train.lst").read_text().split()
    return _people("image,person\n" + "".join(f"{name},{name[:5]}\n" for name in names))(place)


def _toml(key: str, value: str | None) -> Callable[[Place], list[object]]:
    """The benchmark's file with another value of a key, or without it."""

    def make(place: Place) -> list[object]:
        lines = [line for line in place.benchmark.read_text().splitlines() if line.split(" ")[0] != key]
        place.file("data/mine.toml", "\n".join([*lines, *([f"{key} = {value}"] if value is not None else [])]) + "\n")
        return ["benchmarks", place.benchmark]

    return make


def _whole(content: str | bytes) -> Callable[[Place], list[object]]:
    return lambda place: ["benchmarks", place.file("data/mine.toml", content)]


TOML: Kinds = {
    "an empty benchmark file": _whole(""),
    "a benchmark file in JSON": _whole('{"id": "mine"}'),
    "a benchmark file that is not text": _whole(b"\xff\xfe"),
    "a benchmark file of 300 KiB": _whole("# comment\n" * 30_000),
    "no images": _toml("images", None),
    "an unknown key": _toml("colour", '"red"'),
    "an id with spaces": _toml("id", '"my people"'),
    "a size of text": _toml("image_size", '"256x176"'),
    "a size of 0": _toml("image_size", "[0, 48]"),
    "a size of 100,000": _toml("image_size", "[100000, 48]"),
    "a protocol that is a file": _toml("protocols", '["mine.py:Mine"]'),
    "protocols of text": _toml("protocols", '"ssim"'),
    "a training folder without a list": _toml("train_list", None),
    "a folder of images that is missing": lambda place: (_toml("images", '"nothing"')(place), place.run())[1],
    "a root that is not there": _toml("root", '"nothing"'),
    "anchors of an unknown part": _toml("anchors", "{ body = 38, foot = 3 }"),
    "an infinite number": _toml("image_size", "[inf, 48]"),
    "deep nesting": _toml("anchors", "[" * 5000 + "]" * 5000),
}


def _truth(make_content: Callable[[], bytes], *more: str) -> Callable[[Place], list[object]]:
    def make(place: Place) -> list[object]:
        place.file("data/truth.npz", make_content())
        return _toml("truth", '"truth.npz"')(place)

    return make


def _archive(**arrays: object) -> Callable[[], bytes]:
    def content() -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **{name: np.array(value) for name, value in arrays.items()})
        return buffer.getvalue()

    return content


TABLES: Kinds = {
    "a truth table that is missing": _toml("truth", '"truth.npz"'),
    "a truth table that is no archive": _truth(lambda: b"PK\x03\x04" + bytes(100)),
    "a truth table without names": _truth(_archive(face=np.zeros((1, 68, 3)))),
    "a truth table of another shape": _truth(_archive(names=["p00_0.png"], face=np.zeros((1, 7)))),
    "a truth table of objects": _truth(_archive(names=np.array([{}], dtype=object))),
    "a truth table without an image": _truth(_archive(names=["p00_0.png"], face=np.zeros((1, 68, 3), np.float32))),
    "a truth table that is cut": _truth(lambda: _archive(names=["p00_0.png"] * 99)()[:200]),
    "parsing maps that are text": lambda place: _parsing(place),
    "a manifest that is not JSON": lambda place: _manifest(place, "{"),
    "a manifest that is a list": lambda place: _manifest(place, "[]"),
    "a manifest of other types": lambda place: _manifest(place, '{"files": {"pairs.csv": {"bytes": "x"}}}'),
    "a manifest that leads outside": lambda place: _manifest(
        place, '{"schema_version": 1, "files": {"../x": {"sha256": "' + "0" * 64 + '", "bytes": 1}}}'
    ),
}


def _parsing(place: Place) -> list[object]:
    place.file("data/parsing.npz", b"labels")
    return _toml("parsing", '"parsing.npz"')(place)


def _manifest(place: Place, content: str) -> list[object]:
    place.file("data/manifest.json", content)
    return ["data", "check", place.benchmark]
