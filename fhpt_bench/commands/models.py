"""`fhpt-bench models`: list the models, or show one card."""

from __future__ import annotations

import click


@click.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models, or show the card of one."""
    from fhpt_bench import model
    from fhpt_bench.reporting.listing import not_loaded, print_card, print_table

    if name is not None:
        entry, plugin = model.models.find(name), model.models.load(name)
        card = plugin.card
        oracle = "yes: it sees the target image" if issubclass(plugin, model.Oracle) else "no"
        given = ", ".join(card.conditioning) or "nothing of the target"
        if oracle != "no":
            given = "the target image"
        print_card(
            card.name,
            {
                "title": card.title, "paper": card.paper or "-", "year": str(card.year or "-"),
                "licence": card.licence, "is given": given,
                "image sizes": card.sizes_in_words,
                "oracle": oracle, "trainable": "yes" if card.trainable else "no", "from": entry.origin,
            },
        )  # fmt: skip
        return
    rows = []
    for found in model.models.listed():
        title = f"BROKEN {found.broken}" if found.broken else not_loaded(found.entry, "models")
        if found.plugin is not None:
            title = found.plugin.card.title
        rows.append((found.entry.name, title, found.entry.origin))
    print_table(("model", "description", "from"), rows)
