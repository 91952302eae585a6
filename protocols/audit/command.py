"""`fhpt-bench audit`: what each protocol notices of controlled damage to real images."""

from __future__ import annotations

from pathlib import Path

import click

from fhpt_bench.commands.completion import names_of
from fhpt_bench.commands.options import OutputFolder, device_option

TARGETS = 40


@click.command()
@click.option("--benchmark", "-b", default="studio", show_default=True, help="A name, or a TOML file.",
              shell_complete=names_of("benchmarks"))  # fmt: skip
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option("--protocols", "-p", default="all", show_default=True, shell_complete=names_of("protocols", several=True),
              help="`all` (the benchmark's list), or a list, such as ssim,lpips:vgg-0.1.")  # fmt: skip
@click.option("--damage", "names", multiple=True, help="Only this kind; can be given several times.  [default: all]")
@click.option("--model", "-m", "wanted", multiple=True, shell_complete=names_of("models"),
              help="Also measure this model on the same pairs; can be given several times.")  # fmt: skip
@click.option("--limit", type=int, default=TARGETS, show_default=True,
              help="Number of target images, spread over the people.")  # fmt: skip
@click.option("--out", "-o", type=OutputFolder(), help="Folder of the report.  [default: runs/audit/BENCHMARK]")
@click.option("--processes", type=click.IntRange(1), help="Number of processes.  [default: on a CPU one per core]")
@device_option
def audit(
    benchmark: str,
    data_root: Path | None,
    protocols: str,
    names: tuple[str, ...],
    wanted: tuple[str, ...],
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
    from fhpt_bench.devices import find_device
    from fhpt_bench.errors import UserError
    from fhpt_bench.files import write_bytes
    from fhpt_bench.output_folder import FolderLock, check_output
    from fhpt_bench.processes import best_count
    from fhpt_bench.reporting.listing import echo
    from protocols.audit import adversaries, campaign, report
    from protocols.audit.adversaries import painted_folder
    from protocols.audit.agreement import of_results
    from protocols.audit.pictures import plot_agreement, plot_matrix
    from protocols.audit.results import MARKER, mark

    place = (out or Path("runs") / "audit" / Path(benchmark).stem).expanduser()
    request = campaign.Request(benchmark, data_root, protocols, limit, place, device)
    loaded = request.load()
    damages, left_out = campaign.chosen(names, loaded)
    for name, reason in left_out.items():
        echo(f"left out: {name}, because {reason}", err=True)
    models, refused = adversaries.load([*wanted, *([] if names else adversaries.MODELS)], loaded)
    for name, reason in refused.items():
        echo(f"left out: {name}: {reason}", err=True)
    check_output(place, MARKER, [loaded.folder])
    lock = FolderLock(place)
    try:
        targets = len({pair.target for pair in loaded.pairs})
        heading = f"{loaded.id} {loaded.version}, {len(loaded.pairs)} pairs with {targets} target images"
        mark(place, heading)
        campaign.write_images(damages, loaded, place, progress=True)
        for name, model in models.items():
            adversaries.paint(name, model, loaded, place / campaign.IMAGES / painted_folder(name), progress=True)
        count = processes or min(2 * len(damages), best_count(find_device(device), len(loaded.pairs) * len(damages)))
        todo = [campaign.REAL, *(name for damage in damages for name in campaign.folders(damage))]
        todo += [painted_folder(name) for name in models]
        campaign.measure(request, todo, count, progress=True)
        found = campaign.results(heading, damages, list(models), place, progress=True)
        if not found.findings:
            raise UserError("None of the protocols has a value for undamaged images: choose others with --protocols.")
        files = found.write(place, damages)
        agreed = of_results(found)
        pictures = {
            "audit.md": report.page(found, damages, left_out, refused, agreed).encode(),
            "audit.png": plot_matrix(report.headlines(found), [damage.name for damage in damages], heading),
        }
        if agreed is not None:
            pictures["agreement.png"] = plot_agreement(agreed, heading)
        for name, content in pictures.items():
            write_bytes(place / name, content)
            files.append(place / name)
    finally:
        lock.release()
    for file in files:
        echo(f"written  {file}")
