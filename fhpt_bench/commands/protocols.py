"""`fhpt-bench protocols`: list the protocols, or show the card of one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fhpt_bench.commands.completion import names_of

if TYPE_CHECKING:
    from fhpt_bench.protocol import Protocol


@click.command()
@click.argument("name", required=False)
@click.option(
    "--for",
    "benchmark",
    metavar="BENCHMARK",
    shell_complete=names_of("benchmarks"),
    help="Which protocols run on a benchmark (a name, or a TOML file), and what the others lack.",
)
@click.option("--data-root", type=click.Path(path_type=Path), help="With --for: folder of the benchmark's data.")
def protocols(name: str | None, benchmark: str | None, data_root: Path | None) -> None:
    """List the protocols, or show the card of one.

    NAME is ID (the default variant and a list of all variants) or ID:VARIANT.
    """
    from fhpt_bench.errors import UserError
    from fhpt_bench.protocol import protocols as registry
    from fhpt_bench.reporting.listing import echo, not_loaded, print_table

    if data_root is not None and benchmark is None:
        raise UserError("--data-root is given without --for: name the benchmark whose data it holds.")
    if benchmark is not None:
        from fhpt_bench.commands.coverage import print_coverage

        print_coverage(benchmark, data_root, name)
        return
    if name is not None:
        plugin, _, variant = name.partition(":")
        chosen = registry.load(plugin)
        _print_card(chosen, chosen(variant or None), registry.find(plugin).origin)
        if not variant:
            echo()
            print_table(("variant", "definition"), list(chosen.variants.items()))
        return
    rows = []
    for found in registry.listed():
        entry, kind = found.entry, found.plugin
        if kind is not None:
            rows.append((entry.name, kind.group, kind.title, str(len(kind.variants))))
        else:
            why = f"BROKEN {found.broken}" if found.broken else not_loaded(entry, "protocols")
            rows.append((entry.name, "", f"{why} ({entry.origin})", ""))
    print_table(("protocol", "group", "description", "variants"), rows)
    echo("\nfhpt-bench protocols ID shows the card and the variants of one.")


def _print_card(kind: type[Protocol], protocol: Protocol, origin: str) -> None:
    from fhpt_bench.reporting.listing import print_card

    card = protocol.card
    metrics = [
        f"{m.label} ({m.name}{', ' + m.unit if m.unit else ''}): {'higher' if m.higher_is_better else 'lower'} is "
        f"better, from {_end(m.range[0])} to {_end(m.range[1])}"
        for m in card.metrics
    ]
    print_card(
        card.key,
        {
            "title": card.title, "group": card.group, "definition": card.definition, "version": str(card.version),
            "metrics": "; ".join(metrics), "features": ", ".join(card.features) or "none",
            "arithmetic": card.numerics, "citation": card.citation,
            **({"used by": card.used_by} if card.used_by else {}),
            **({"also changes with": "; ".join(kind.moved_by)} if kind.moved_by else {}),
            **({"at other sizes": kind.at_other_sizes} if kind.at_other_sizes else {}),
            "from": origin,
        },
    )  # fmt: skip


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "infinity" if value > 0 else "-infinity"
