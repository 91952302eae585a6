"""Names, options and folders that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path

from tools.faults.bad.place import FIRST, Kinds, Place


def _held(place: Place, name: str) -> list[object]:
    place.file(f"out/{name}", "mine")
    return place.run()


def _linked(place: Place) -> list[object]:
    os.rename(place.record, place.out)
    (place.out / "figures" / "link.png").symlink_to(place.root / "data" / "pairs.csv")
    return place.run()


def _no_access(place: Place) -> list[object]:
    """A folder that nobody can create, root neither."""
    return ["run", "-m", "copy-source", "-b", place.benchmark, "-p", "psnr", "-o", "/proc/nothing"]


def _two(place: Place) -> list[object]:
    return ["compare", place.record, place.root / "nothing"]


NAMES: Kinds = {
    "an unknown command": lambda _: ["rnu"],
    "an unknown option": lambda place: place.run("--modle", "warp"),
    "a word too many": lambda place: place.run("warp"),
    "no model": lambda _: ["run"],
    "an unknown model": lambda place: place.run(model="wrap"),
    "an empty model": lambda place: place.run(model=""),
    "an unknown benchmark": lambda _: ["run", "-m", "warp", "-b", "studioo"],
    "no benchmark file": lambda place: ["run", "-m", "warp", "-b", place.root / "nothing.toml"],
    "a folder for a benchmark": lambda place: ["run", "-m", "warp", "-b", place.root / "data"],
    "a benchmark without data": lambda _: ["run", "-m", "warp", "-b", "deepfashion"],
    "a data root that is missing": lambda place: place.run("--data-root", place.root / "nothing"),
    "an unknown protocol": lambda place: place.run("-p", "simm"),
    "an unknown variant": lambda place: place.run("-p", "ssim:nothing"),
    "no protocol": lambda place: place.run("-p", ""),
    "an unknown recipe": lambda place: place.train(recipe="nothing"),
    "an unknown preset": lambda place: place.train("--preset", "huge", recipe="pg2"),
    "an unknown model's card": lambda _: ["models", "nothing"],
    "an unknown protocol's card": lambda _: ["protocols", "nothing"],
    "an unknown variant's card": lambda _: ["protocols", "ssim:nothing"],
    "an unknown benchmark's card": lambda _: ["benchmarks", "nothing"],
    "unknown weights to list": lambda _: ["weights", "list", "nothing"],
    "unknown weights to fetch": lambda _: ["weights", "fetch", "nothing"],
    "an unknown command of weights": lambda _: ["weights", "remove"],
    "a word too many for doctor": lambda _: ["doctor", "nothing"],
    "an unknown plugin": lambda _: ["check-plugin", "nothing"],
    "an unknown benchmark to check": lambda _: ["data", "check", "nothing"],
    "leakage without a training list": lambda place: _without_list(place),
    "an unknown benchmark to prepare": lambda place: ["data", "prepare", "studio", "--root", place.root],
    "nothing to prepare": lambda place: ["data", "prepare", "deepfashion", "--root", place.images, "--out", place.out],
    "a root that is missing": lambda place: ["data", "prepare", "deepfashion", "--root", place.root / "nothing"],
    "a size that is not prepared": lambda place: [
        "data",
        "prepare",
        "deepfashion",
        "--root",
        place.images,
        "--size",
        "512x512",
    ],
    "no root": lambda _: ["data", "prepare", "deepfashion"],
    "a model to compare that was not run": lambda place: ["compare", "a", "b", "--records", place.record],
    "a record to compare that is missing": _two,
    "no folder of records": lambda place: ["leaderboard", "--records", place.root / "nothing"],
    "a folder without records": lambda place: ["leaderboard", "--records", place.images],
    "an unknown column to sort by": lambda place: ["leaderboard", "--records", place.record, "--sort", "lpips"],
    "unknown columns": lambda place: ["leaderboard", "--records", place.record, "--protocols", "lpips"],
    "an unknown benchmark to rank": lambda place: ["leaderboard", "--records", place.record, "--benchmark", "x"],
    "an unknown subset to rank": lambda place: ["leaderboard", "--records", place.record, "--subset", "men"],
    "an unknown format": lambda place: ["leaderboard", "--records", place.record, "--format", "docx"],
    "no record to validate": lambda place: ["validate", place.root / "nothing"],
    "a folder without a record": lambda place: ["validate", place.images],
    "an unknown picture": lambda _: ["visualize", "faces"],
    "a picture of an unknown pair": lambda place: ["visualize", "stages", "--pair", "a___b", "-o", place.out / "x.png"],
    "a picture of an unknown model": lambda place: ["visualize", "stages", "-m", "x", "-o", place.out / "x.png"],
    "a picture of a model that has none": lambda place: [
        "visualize",
        "stages",
        "-m",
        "warp",
        "-o",
        place.out / "x.png",
    ],
    "no images for anchors": lambda place: ["anchors", place.root / "nothing", "-b", place.benchmark],
}


def _without_list(place: Place) -> list[object]:
    text = place.benchmark.read_text()
    place.file("data/mine.toml", "".join(line for line in text.splitlines(True) if not line.startswith("train")))
    return ["data", "leakage", place.benchmark]


OPTIONS: Kinds = {
    "a batch size of 0": lambda place: place.run("--batch-size", 0),
    "a batch size in words": lambda place: place.run("--batch-size", "many"),
    "a limit of 0": lambda place: place.run("--limit", 0),
    "a negative limit": lambda place: place.run("--limit", -3),
    "an unknown subset": lambda place: place.run("--subset", "tall"),
    "a subset that needs a table of people": lambda place: place.run("--subset", "men"),
    "no processes": lambda place: place.run("--processes", 0),
    "an unknown device": lambda place: place.run("--device", "tpu"),
    "a GPU that is missing": lambda place: place.run("--device", "cuda"),
    "a GPU that is missing, to train": lambda place: place.train("--device", "cuda"),
    "unknown variants": lambda place: place.run("--variants", "all"),
    "a checkpoint of a model that has none": lambda place: place.run("--checkpoint", place.benchmark),
    "a checkpoint that is missing": lambda place: place.run("--checkpoint", place.root / "x", model="drn-no-face"),
    "no folder of keypoints": lambda place: place.run("-p", "kec", "--keypoints", place.root / "nothing"),
    "an unknown layout": lambda place: place.evaluate("--layout", "mine"),
    "an unknown resampling": lambda place: place.evaluate("--resize", "nearest"),
    "a negative seed": lambda place: place.train("--seed", -1),
    "a seed in words": lambda place: place.train("--seed", "random"),
    "a time that is none": lambda place: place.train("--time-budget", "soon"),
    "no time": lambda place: place.train("--time-budget", "0s"),
    "an unknown precision": lambda place: place.train("--mixed-precision", "fp8"),
    "no pairs to draw": lambda place: ["visualize", "stages", "--pairs", 0, "-o", place.out / "x.png"],
    "a picture that is no PNG": lambda place: ["visualize", "stages", "-o", place.out / "x.jpg"],
}

FOLDERS: Kinds = {
    "an empty output": lambda place: place.run("-o", ""),
    "the root as output": lambda place: place.run("-o", "/"),
    "the home folder as output": lambda place: place.run("-o", "~"),
    "a file as output": lambda place: place.run("-o", place.benchmark),
    "an output below a file": lambda place: place.run("-o", place.benchmark / "out"),
    "an output that cannot be created": _no_access,
    "an output with a name that is too long": lambda place: place.run("-o", place.root / ("x" * 300)),
    "the user's files in the output": lambda place: _held(place, "notes.txt"),
    "a record of the user's in the output": lambda place: _held(place, "record.json"),
    "a run.json of the user's in the output": lambda place: _held(place, "run.json"),
    "a link in the output": _linked,
    "the data as output": lambda place: place.run("-o", place.root / "data"),
    "the images as output": lambda place: place.evaluate("-o", place.images),
    "the output of another model": lambda place: place.run("-o", place.record, model="warp"),
    "the output of a run, for a training": lambda place: place.train("-o", place.record),
    "the user's picture": lambda place: ["visualize", "stages", "-o", place.images / f"{FIRST}.png"],
    "a file as cache folder": lambda place: _cache(place, place.benchmark),
    "a damaged key": lambda place: _cache(place, place.file("cache/key", "x").parent),
}


def _cache(place: Place, folder: Path) -> list[object]:
    place.environment["FHPT_CACHE_DIR"] = str(folder)
    return place.run()
