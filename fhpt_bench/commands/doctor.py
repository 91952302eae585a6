"""`fhpt-bench doctor`: what is installed, which weights are here, and what would be used."""

from __future__ import annotations

import click


@click.command()
def doctor() -> None:
    """Say what is installed and what is lacking: packages, weights, device, threads, folders, plugins."""
    from fhpt_bench.diagnosis import diagnose
    from fhpt_bench.listing import print_card

    for title, facts in diagnose().items():
        print_card(title, facts)
