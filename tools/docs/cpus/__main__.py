"""python -m tools.docs.cpus: runs two models with fewer instruction sets, and fills the tables of docs/precision.md.

There are eight runs, of up to half an hour each. Finished runs are kept in the work folder: the same command resumes.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from fhpt_bench.records.schema import RECORD_FILE, Record, read_record
from tools.docs.cpus.moves import compare_images, find_moves, images_table, moves_table
from tools.docs.cpus.settings import FIRST, SETTINGS, compile_limit, environment, own_cache, probe, probes_table
from tools.docs.pages import fill

PAGE = Path(__file__).parents[3] / "docs" / "precision.md"
MODELS = ("warp", "drn")
PAIRS, FEW = 100, 16
# Instead of all protocols on all pairs: the number of threads changes hardly anything. The few pairs are among the 100;
# only the images of such runs are compared.
INSTEAD = {
    ("threads", "warp"): (FEW, "psnr"),
    ("threads", "drn"): (FEW, "psnr"),
}
PACKAGES = ("torch", "numpy", "scipy", "scikit-image", "mediapipe", "dlib-bin", "faiss-cpu", "pillow")
# The instruction sets of x86-64 that libraries choose their code by, as Linux names them.
FEATURES = ("sse4_1", "sse4_2", "avx", "fma", "avx2", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "amx_tile")


@click.command()
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/cpus"), show_default=True,
              help="Folder of the runs and of their caches.")  # fmt: skip
def main(work: Path) -> None:
    """Run each model in each setting, print the tables and write them into docs/precision.md."""
    work.mkdir(parents=True, exist_ok=True)
    library = compile_limit(work)
    said: dict[str, dict[str, str]] = {}
    records: dict[tuple[str, str], Record] = {}
    for name, setting in SETTINGS.items():
        env = environment(setting, library, own_cache(work / name / "cache"))
        said[name] = probe(env)
        for model in MODELS:
            records[name, model] = _run(name, model, work / name / model, env)
    blocks = {
        "cpus made": _made(records.values()),
        "cpus limits": probes_table(said),
        "cpus images": images_table(
            {
                model: {name: compare_images(work / FIRST / model / "images", work / name / model / "images")
                        for name in SETTINGS if name != FIRST}
                for model in MODELS
            }
        ),
        **{f"cpus {model}": moves_table(find_moves(_measured(records, model))) for model in MODELS},
    }  # fmt: skip
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), blocks), encoding="utf-8")
    click.echo("\n\n".join(blocks.values()))


def _run(setting: str, model: str, out: Path, env: Mapping[str, str]) -> Record:
    """The record of a run, which is started, resumed, or finished already."""
    if not (out / RECORD_FILE).exists():
        pairs, protocols = INSTEAD.get((setting, model), (PAIRS, "all"))
        command = ["run", "--model", model, "--limit", str(pairs), "--protocols", protocols, "--device", "cpu"]
        command += ["--processes", "1", "--out", str(out)]
        click.echo(f"fhpt-bench {' '.join(command)}", err=True)
        subprocess.run([sys.executable, "-m", "fhpt_bench", *command], env=dict(env), check=True)
    return read_record(out)


def _measured(records: Mapping[tuple[str, str], Record], model: str) -> dict[str, Record]:
    """Setting -> the record of a model, where all pairs were measured."""
    return {name: record for (name, of), record in records.items() if of == model and record.benchmark.n_pairs == PAIRS}


def _made(records: Iterable[Record]) -> str:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\nflags")[2].partition("\n")[0].split()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    commits = ", ".join(dict.fromkeys((record.provenance.git_commit or "none")[:12] for record in records))
    return (
        f"Made by `python -m tools.docs.cpus` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, on a CPU "
        f"({platform.system()} {platform.machine()}) with {', '.join(name for name in FEATURES if name in flags)}, "
        f"with Python {platform.python_version()}, {versions}; commits of the runs: {commits}. "
        f"Each run: `fhpt-bench run --model MODEL --limit {PAIRS} --protocols all --device cpu --processes 1`; "
        f"where {FEW} images are compared: `--limit {FEW} --protocols psnr`."
    )


if __name__ == "__main__":
    main()
