"""`fhpt-bench weights`: list, fetch and verify the pinned network weights."""

from __future__ import annotations

import click


@click.group()
def weights() -> None:
    """List, fetch and verify the pinned network weights."""


@weights.command("list")
def list_weights() -> None:
    """List the pinned weights, which are available, and their licences."""
    from fhpt_bench import weights as store

    for name, spec in store.specs().items():
        state = "available" if store.available(name) else "missing"
        click.echo(f"{name:<24}{state:<11}{spec.description} ({spec.licence})")
        for source in spec.sources:
            click.echo(f"{'':<35}{source.file}, {source.size:,} bytes, from {source.origin}")


@weights.command("fetch")
@click.argument("names", nargs=-1)
def fetch_weights(names: tuple[str, ...]) -> None:
    """Download weights (default: all, more than 1 GB)."""
    from fhpt_bench import weights as store
    from fhpt_bench.errors import UserError, did_you_mean

    for name in names:
        if name not in store.specs():
            raise UserError(f"Unknown weights {name!r}: {did_you_mean(name, store.specs())}")
    missing = []
    for name in names or [name for name, spec in store.specs().items() if spec.sources]:
        try:
            found = store.obtain(name)
        except store.WeightsMissing as error:
            missing.append(str(error))
            continue
        for reason in found.rejected:
            click.echo(f"{name}: skipped {reason}", err=True)
        click.echo(f"{name:<24}{found.digest[:16]}  {found.path}")
    if missing:
        raise store.WeightsMissing("\n".join(missing))


@weights.command("verify")
@click.pass_context
def verify_weights(context: click.Context) -> None:
    """Compute the digest of every weights file again.

    The exit code is 1 if one has changed.
    """
    from fhpt_bench import weights as store

    checks = [check for name in store.specs() for check in store.verify(name)]
    for check in checks:
        click.echo(f"{check.name:<24}{check.state:<9}{check.path or ''}  {check.reason}".rstrip())
    if any(check.state == "changed" for check in checks):
        context.exit(1)
