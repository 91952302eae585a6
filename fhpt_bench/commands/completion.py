"""Completion in the shell: the script that a shell loads, and the names that it proposes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from fhpt_bench.errors import UserError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_PROGRAM, _VARIABLE = "fhpt-bench", "_FHPT_BENCH_COMPLETE"
_OWN = "own"  # the value of an option without a value: the user's own shell
_SAVED = "~/.fhpt-bench-completion"
# Shell -> what to do with the script.
_STEPS = {
    "bash": f"fhpt-bench --install-completion bash > {_SAVED}.bash\n#   add to ~/.bashrc:  . {_SAVED}.bash",
    "zsh": f"fhpt-bench --install-completion zsh > {_SAVED}.zsh\n#   add to ~/.zshrc, after compinit:  . {_SAVED}.zsh",
    "fish": "fhpt-bench --install-completion fish > ~/.config/fish/completions/fhpt-bench.fish",
}


def print_script(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Print the completion script of a shell, with the steps that install it as a comment; no file is changed.

    Args:
        ctx: the call.
        param: the option.
        value: "bash", "zsh" or "fish"; "own" for the user's login shell; None if the option is not given.

    Raises:
        UserError: if there is no script for the shell.
    """
    if value is None or ctx.resilient_parsing:
        return
    from click.shell_completion import get_completion_class

    shell = PurePath(os.environ.get("SHELL", "")).name if value == _OWN else value
    found = get_completion_class(shell)
    if found is None or shell not in _STEPS:
        which = f"the shell {shell!r}" if shell else "a shell that is not named ($SHELL is empty)"
        raise UserError(f"There is no completion for {which}: give one of {', '.join(_STEPS)}.")
    # `source` would start bash to check its version; the script is the same.
    script = found(ctx.command, {}, _PROGRAM, _VARIABLE)
    text = script.source_template % script.source_vars()
    click.echo(f"{text.rstrip()}\n\n# Nothing was changed. To install:\n#   {_STEPS[shell]}\n# Then open a new shell.")
    ctx.exit()


install_option = click.option(
    "--install-completion", is_flag=False, flag_value=_OWN, metavar="[bash|zsh|fish]", is_eager=True,
    expose_value=False, callback=print_script, help="Print a shell's completion script, and how to install it.",
)  # fmt: skip

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]


def names_of(kind: str, several: bool = False) -> Complete:
    """What completes the value of an option: the registered names of one kind; nothing is imported.

    Args:
        kind: "models", "protocols", "benchmarks" or "recipes".
        several: whether the value is a list with commas, of which the last is completed.
    """

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        from fhpt_bench.registry import entry_points

        before, comma, last = incomplete.rpartition(",") if several else ("", "", incomplete)
        names = sorted({entry.name for entry in entry_points(f"fhpt_bench.{kind}")})
        found = [CompletionItem(f"{before}{comma}{name}") for name in names if name.startswith(last)]
        # A path of one's own is as good as a name.
        return found or [CompletionItem(incomplete, type="file")]

    return complete
