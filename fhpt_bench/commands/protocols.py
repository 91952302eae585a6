"""`fhpt-bench protocols`: list the protocols, or show one card."""

from __future__ import annotations

import math

import click


@click.command()
@click.argument("name", required=False)
def protocols(name: str | None) -> None:
    """List the protocols with their variants, or show one card (ID or ID:VARIANT)."""
    from fhpt_bench import protocol
    from fhpt_bench.reporting.listing import print_card, print_table

    registry = protocol.protocols
    if name is not None:
        plugin, _, variant = name.partition(":")
        kind = registry.load(plugin)
        card = kind(variant or None).card
        metrics = [
            f"{m.label} ({m.name}{', ' + m.unit if m.unit else ''}): {'higher' if m.higher_is_better else 'lower'} is "
            f"better, from {_end(m.range[0])} to {_end(m.range[1])}"
            for m in card.metrics
        ]
        print_card(
            card.key,
            {
                "title": card.title, "definition": card.definition, "version": str(card.version),
                "reports": "; ".join(metrics), "looks through": ", ".join(card.features) or "no network",
                "arithmetic": card.numerics, "citation": card.citation,
                **({"used by": card.used_by} if card.used_by else {}),
                **({"moved by": "; ".join(kind.moved_by)} if kind.moved_by else {}),
                "variants": ", ".join(kind.variants), "from": registry.find(plugin).origin,
            },
        )  # fmt: skip
        return
    rows = []
    for entry in registry.entries().values():
        broken = registry.broken(entry.name)
        if broken:
            rows.append((entry.name, f"BROKEN {broken}", "", entry.origin))
        else:
            kind = registry.load(entry.name)
            rows.append((entry.name, kind.title, ", ".join(kind.variants), entry.origin))
    print_table(("protocol", "what it measures", "variants", "from"), rows)


def _end(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "infinity" if value > 0 else "-infinity"
