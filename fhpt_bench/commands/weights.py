"""`fhpt-bench weights`: which pinned networks are here, bring the others, check them."""

from __future__ import annotations

import click


@click.group()
def weights() -> None:
    """The pinned networks that protocols look through."""


@weights.command("list")
def list_weights() -> None:
    """Say what is known, what of it is on this machine, and under which licence."""
    from fhpt_bench import weights as store

    for name, spec in store.specs().items():
        state = "here" if store.available(name) else "absent"
        click.echo(f"{name:<24}{state:<8}{spec.description} ({spec.licence})")
        for source in spec.sources:
            click.echo(f"{'':<32}{source.file}, {source.size:,} bytes, from {source.origin}")


@weights.command("fetch")
@click.argument("names", nargs=-1)
def fetch_weights(names: tuple[str, ...]) -> None:
    """Bring weights to this machine, all of them by default, and check them."""
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
        for reason in found.passed_over:
            click.echo(f"{name}: passed over {reason}", err=True)
        click.echo(f"{name:<24}{found.digest[:16]}  {found.path}")
    if missing:
        raise store.WeightsMissing("\n".join(missing))


@weights.command("verify")
@click.pass_context
def verify_weights(context: click.Context) -> None:
    """Read every file of weights on this machine and re-compute its digest; exit code 1 where one has changed."""
    from fhpt_bench import weights as store

    checks = [check for name in store.specs() for check in store.verify(name)]
    for check in checks:
        click.echo(f"{check.name:<24}{check.state:<9}{check.path or ''}  {check.reason}".rstrip())
    if any(check.state == "changed" for check in checks):
        context.exit(1)
