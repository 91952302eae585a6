"""`fhpt-bench visualize`: pictures of the intermediate stages of a trained network."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("what", type=click.Choice(["guidance", "stages"]))
@click.option("--model", "-m", default="drn", show_default=True, help="One of the DRN's models.")
@click.option("--checkpoint", type=click.Path(path_type=Path), help="Checkpoint to use instead of the model's default.")
@click.option("--benchmark", "-b", default="studio", show_default=True, help="Name, or a TOML file.")
@click.option("--data-root", type=click.Path(path_type=Path), help="Folder of the benchmark's data.")
@click.option(
    "--pairs",
    "count",
    type=click.IntRange(1, 100),
    default=6,
    show_default=True,
    help="Number of pairs (rows).",
)
@click.option("--pair", "chosen", multiple=True, help="Id of a pair, instead of --pairs; can be repeated.")
@click.option("--out", "-o", type=click.Path(path_type=Path), help="PNG file.  [default: WHAT.png]")
def visualize(
    what: str, model: str, checkpoint: Path | None, benchmark: str, data_root: Path | None, count: int,
    chosen: tuple[str, ...], out: Path | None,
) -> None:  # fmt: skip
    """Draw guidance maps or stages of DRN.

    guidance: the guidance map F_t, as in Figure 10 of the paper. stages: everything between the source image and the
    result. The pairs are spread over the people.
    """
    from fhpt_bench.benchmark import load_benchmark
    from fhpt_bench.data.images import digest_named, encode_figure_png, is_own_png
    from fhpt_bench.data.real_images import RealImages
    from fhpt_bench.errors import UserError
    from fhpt_bench.evaluation.model_checks import check_conditioning
    from fhpt_bench.files import write_bytes
    from fhpt_bench.model import models
    from fhpt_bench.reporting.listing import echo

    models.find(model)
    path = out or Path(f"{what}.png")
    if path.suffix.lower() != ".png":
        raise UserError(f"--out {path} is not a PNG file: give a name that ends in .png.")
    if path.is_symlink() or (path.exists() and not is_own_png(path)):
        raise UserError(f"{path} exists, and fhpt-bench did not draw it: give --out another file.")
    loaded = load_benchmark(benchmark, data_root, None if chosen else count)
    pairs = loaded.pairs
    if chosen:
        known = {pair.id: pair for pair in pairs}
        if unknown := [name for name in chosen if name not in known]:
            raise UserError(
                f"There is no pair {unknown[0]!r} in {loaded.id}: give <source stem>___<target stem>, such as "
                f"{next(iter(known))}."
            )
        pairs = tuple(known[name] for name in chosen)
    names = sorted({name for pair in pairs for name in (pair.source, pair.target)})
    digests = digest_named(loaded.folder, names, loaded.image_size)
    from drn.models import DRNWithoutFace

    plugin = models.load(model)
    if not issubclass(plugin, DRNWithoutFace):
        known_models = ", ".join(n for n in models.entries() if n.startswith("drn"))
        raise UserError(f"The model {model!r} has no guidance map: give one of {known_models}.")
    check_conditioning(plugin.card.name, plugin.card.conditioning, loaded)
    generator = plugin(checkpoint.expanduser() if checkpoint else None)
    from drn import visualize as drawing

    real = RealImages(loaded.folder, loaded.image_size, digests)
    draw = drawing.guidance_sheet if what == "guidance" else drawing.stages_sheet
    write_bytes(path, encode_figure_png(draw(generator, loaded, real, pairs)))
    echo(f"{what:<11}{path}")
