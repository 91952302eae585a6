"""`fhpt-bench check-plugin`: try a model or protocol on a few pairs."""

from __future__ import annotations

import click


@click.command("check-plugin")
@click.argument("name")
def check_plugin(name: str) -> None:
    """Try a model or protocol on a few pairs.

    NAME is path/to/file.py:Class, or a registered name. Says what fits and what does not; the exit code is 1 if
    something does not. What cannot be tried here is no failure.
    """
    from fhpt_bench.evaluation import check_plugin as trial
    from fhpt_bench.reporting.listing import echo, print_table

    checks = trial.check_plugin(name)
    print_table(("", "check", "found"), [(check.status, check.name, check.detail) for check in checks])
    wrong = sum(check.status == "WRONG" for check in checks)
    echo(f"\n{wrong} wrong." if wrong else "\nEverything that was tried fits.")
    if wrong:
        raise SystemExit(1)
