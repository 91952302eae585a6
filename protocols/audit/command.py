"""`fhpt-bench audit`: what each protocol notices of controlled damage to real images."""

from __future__ import annotations

from pathlib import Path

import click

from fhpt_bench.commands.completion import names_of
from fhpt_bench.commands.options import OutputFolder, device_option

PAIRS = 40
MARKER = "audit.json"


@click.command()
@click.option("--benchmark", "-b", default="studio", show_default=True, help="A name, or a TOML file.",
              shell_complete=names_of("benchmarks"))  # fmt: skip
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option("--protocols", "-p", default="all", show_default=True, shell_complete=names_of("protocols", several=True),
              help="`all` (the benchmark's list), or a list, such as ssim,lpips:vgg-0.1.")  # fmt: skip
@click.option("--damage", "names", multiple=True, help="Only this kind; can be given several times.  [default: all]")
@click.option("--limit", type=int, default=PAIRS, show_default=True, help="Number of pairs, spread over the people.")
@click.option("--out", "-o", type=OutputFolder(), help="Folder of the report.  [default: runs/audit/BENCHMARK]")
@click.option("--processes", type=click.IntRange(1), help="Number of processes.  [default: on a CPU one per core]")
@device_option
def audit(
    benchmark: str,
    data_root: Path | None,
    protocols: str,
    names: tuple[str, ...],
    limit: int,
    out: Path | None,
    processes: int | None,
    device: str | None,
) -> None:
    """Find out which protocol notices which damage.

    Real target images are damaged in one way at a time, in five strengths, and measured like a model's images. Without
    --damage, images with a known defect (adversaries) are measured as well. The same command resumes an audit that was
    interrupted.
    """
    import json

    from fhpt_bench.errors import UserError
    from fhpt_bench.files import write_bytes, write_text
    from fhpt_bench.output_folder import FolderLock, check_output
    from fhpt_bench.processes import best_count, find_device
    from fhpt_bench.reporting.listing import echo
    from protocols.audit import adversaries, campaign, report
    from protocols.audit.matrix_plot import plot_matrix

    place = (out or Path("runs") / "audit" / Path(benchmark).stem).expanduser()
    request = campaign.Request(benchmark, data_root, protocols, limit, place, device)
    loaded = request.load()
    damages, left_out = campaign.chosen(names, loaded)
    for name, reason in left_out.items():
        echo(f"left out: {name}, because {reason}", err=True)
    # A user who names kinds of damage wants no model run.
    refused = {} if names else adversaries.refused(loaded)
    models = [] if names else [name for name in adversaries.MODELS if name not in refused]
    check_output(place, MARKER, [loaded.folder])
    lock = FolderLock(place)
    try:
        write_text(place / MARKER, json.dumps({"benchmark": loaded.id, "version": loaded.version, "limit": limit}))
        campaign.write_images(damages, loaded, place, progress=True)
        count = processes or min(2 * len(damages), best_count(find_device(device), len(loaded.pairs) * len(damages)))
        todo = [campaign.REAL, *(name for damage in damages for name in campaign.folders(damage))]
        todo += models
        campaign.measure(request, todo[:1], 1, progress=False)  # fills the cache of real images
        campaign.measure(request, todo[1:], count, progress=True)
        found = list(campaign.findings(damages, place))
        if not found:
            raise UserError("None of the protocols has a value for undamaged images: choose others with --protocols.")
        standings = campaign.standings(adversaries.folders(damages, models), place)
        heading = f"{loaded.id} {loaded.version}, {len(loaded.pairs)} pairs of {loaded.people}"
        write_text(
            place / "audit.md", report.page(found, damages, left_out, heading) + adversaries.section(standings, refused)
        )
        write_text(place / "audit.csv", report.csv_table(found, damages))
        write_text(place / "adversaries.csv", adversaries.csv_table(standings))
        names_shown = [damage.name for damage in damages]
        write_bytes(place / "audit.png", plot_matrix(report.by_score(found), names_shown, heading))
    finally:
        lock.release()
    for file in ("audit.md", "audit.csv", "adversaries.csv", "audit.png"):
        echo(f"written  {place / file}")
