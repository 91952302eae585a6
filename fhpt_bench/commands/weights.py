"""`fhpt-bench weights`: list, fetch and verify the pinned network weights."""

from __future__ import annotations

from collections.abc import Iterator

import click


@click.group()
def weights() -> None:
    """List, fetch and verify the pinned network weights."""


@weights.command("list")
@click.argument("names", nargs=-1)
def list_weights(names: tuple[str, ...]) -> None:
    """List the pinned weights, which are available, and their licences.

    Without NAMES, those of other packages are named only.
    """
    from fhpt_bench import weights as store
    from fhpt_bench.reporting.listing import echo, not_loaded

    specs = {name: store.find_spec(name) for name in names} if names else store.specs()
    for name, spec in specs.items():
        state = "available" if store.available(name) else "missing"
        echo(f"{name:<24}{state:<11}{spec.description} ({spec.licence})")
        for source in spec.sources:
            echo(f"{'':<35}{source.file}, {source.size:,} bytes, from {source.origin}")
    for entry in () if names else store.added.entries().values():
        if entry.name not in specs:
            echo(f"{entry.name:<24}{not_loaded(entry, 'weights list')} ({entry.origin})")


@weights.command("fetch")
@click.argument("names", nargs=-1)
def fetch_weights(names: tuple[str, ...]) -> None:
    """Download weights (default: all, more than 1 GB)."""
    from fhpt_bench import weights as store
    from fhpt_bench.errors import UserError, did_you_mean
    from fhpt_bench.reporting.listing import echo

    for name in names:
        if name not in store.names():
            raise UserError(f"Unknown weights {name!r}: {did_you_mean(name, store.names())}")
    missing = []
    for name in names or _all(sourced=True):
        try:
            found = store.obtain(name)
        except store.WeightsMissing as error:
            missing.append(str(error))
            continue
        for reason in found.rejected:
            echo(f"{name}: skipped {reason}", err=True)
        echo(f"{name:<24}{found.digest[:16]}  {found.path}")
    if missing:
        raise store.WeightsMissing(*(line for text in missing for line in text.splitlines()))


@weights.command("verify")
@click.pass_context
def verify_weights(context: click.Context) -> None:
    """Compute the digest of every weights file again.

    The exit code is 1 if one has changed.
    """
    from fhpt_bench import weights as store
    from fhpt_bench.reporting.listing import echo

    checks = [check for name in _all(sourced=False) for check in store.verify(name)]
    for check in checks:
        echo(f"{check.name:<24}{check.state:<9}{check.path or ''}  {check.reason}".rstrip())
    if any(check.state == "changed" for check in checks):
        context.exit(1)


def _all(sourced: bool) -> Iterator[str]:
    """All names, or those that can be fetched; a broken package does not stop the others."""
    from fhpt_bench import weights as store
    from fhpt_bench.errors import UserError
    from fhpt_bench.reporting.listing import echo

    for name in store.names():
        try:
            if store.find_spec(name).sources or not sourced:
                yield name
        except UserError as error:
            echo(f"{name}: skipped {error}", err=True)
