"""The command line: a group that imports a command only when it is called or described."""

from __future__ import annotations

import importlib
import sys
import warnings
from typing import TYPE_CHECKING

import click

from fhpt_bench.commands.completion import install_option
from fhpt_bench.errors import UserError, did_you_mean, plain
from fhpt_bench.registry import Entry, entry_points
from fhpt_bench.version import VERSION

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# In the order of use; other packages add commands through the entry-point group `fhpt_bench.commands`.
BUILT_IN = (
    "run", "evaluate", "merge", "compare", "train", "validate", "models", "protocols", "benchmarks", "data", "weights",
    "doctor", "check-plugin", "submit",
)  # fmt: skip


class LazyGroup(click.Group):
    """Finds a command by name without importing the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in commands first, then those of other packages."""
        return [*BUILT_IN, *sorted(set(_added()) - set(BUILT_IN))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; a command of another package that cannot be imported is listed as broken.

        Raises:
            UsageError: if there is no such command.
        """
        if cmd_name in BUILT_IN:  # without reading the entry points, which is slow
            file = cmd_name.replace("-", "_")
            target = f"fhpt_bench.commands.{file}:{file}"
        elif cmd_name in (added := _added()):
            target = added[cmd_name].target
        else:
            hint = did_you_mean(cmd_name, self.list_commands(ctx))
            raise click.UsageError(f"there is no command {cmd_name!r}: {hint}", ctx)
        module, _, attribute = target.partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), attribute)
        except Exception as error:  # another package may fail in any way; the other commands go on
            if cmd_name in BUILT_IN:
                raise
            return _broken(cmd_name, f"{target} is broken: {type(error).__name__}: {error}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Describe the commands; those of other packages are named only, since describing them would run their code."""
        added, rows = _added(), []
        for name in self.list_commands(ctx):
            foreign = name not in BUILT_IN and not added[name].own
            command = None if foreign else self.get_command(ctx, name)
            rows.append((name, command.get_short_help_str(80) if command else f"From {added[name].origin}."))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands and options that begin with a text; no command is imported, since that could run others' code."""
        from click.shell_completion import CompletionItem

        found = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]


def _broken(name: str, reason: str) -> click.Command:
    def complain() -> None:
        raise UserError(f"The command {name!r} of {reason}")

    return click.Command(
        name, callback=complain, help=f"BROKEN {reason}", context_settings={"ignore_unknown_options": True}
    )


def _added() -> dict[str, Entry]:
    return {entry.name: entry for entry in entry_points("fhpt_bench.commands")}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="fhpt-bench")
@install_option
def cli() -> None:
    """Evaluate human pose transfer models.

    \b
    fhpt-bench run --model warp --protocols all
    fhpt-bench evaluate FOLDER --name MINE
    fhpt-bench leaderboard
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake ends in one sentence and exit code 2.

    Args:
        arguments: in place of the process's own.
    """
    # Images are checked for their size before they are decoded: the sentence of that check is enough.
    warnings.filterwarnings("ignore", message="Image size", module="PIL")
    try:
        code = cli.main(args=arguments, prog_name="fhpt-bench", standalone_mode=False)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 0
    except click.ClickException as error:
        click.echo(f"error: {plain(error.format_message())}", err=True)
        code = error.exit_code
    except click.Abort:
        click.echo("stopped; run the same command again to resume", err=True)
        code = 130
    sys.exit(code if isinstance(code, int) else 0)
