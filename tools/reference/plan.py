"""Which trainings to run, in which folders, with which hyperparameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fhpt_bench.errors import UserError
from fhpt_bench.files import write_text
from fhpt_bench.training.recipe import recipes

MOST = 7  # trainings; with the archive of logs and samples this makes eight files
_TRIAL = 200  # shorter trainings only try the code: an evaluation after each few iterations must be short
_JUDGED = (4, 64)  # held-out pairs of an evaluation: in a trial, and else

_SHORTER = '''"""A recipe with another number of iterations; written by tools.reference."""

from dataclasses import replace

from fhpt_bench.training.recipe import recipes

Whole = recipes.load({given!r})


class Shorter(Whole):
    presets = {{{preset!r}: replace(Whole.presets[{preset!r}], **{changes!r})}}
    judged = {judged}
'''


@dataclass(frozen=True)
class Training:
    """One training.

    Args:
        name: name of its recipe, and of its weights.
        given: the recipe: a registered name, or an absolute `path/to/file.py:Class`.
        preset: its preset.
        hparams: the preset's hyperparameters, with the changes.
        folder: its folder.
        changes: fields of the preset that are changed, and their values.
    """

    name: str
    given: str
    preset: str
    hparams: Any
    folder: Path
    changes: Mapping[str, int] = field(default_factory=dict)

    def recipe(self) -> str:
        """Make the recipe that `fhpt_bench.training.train.train` is given.

        If the preset is changed, a file with the changed recipe is written next to the folder.

        Raises:
            UserError: if the file cannot be written.
        """
        if not self.changes:
            return self.given
        file = self.folder.with_suffix(".py")
        judged = _JUDGED[self.hparams.iterations >= _TRIAL]
        content = _SHORTER.format(given=self.given, preset=self.preset, changes=dict(self.changes), judged=judged)
        write_text(file, content)
        return f"{file}:Shorter"


def shortened(hparams: Any, iterations: int) -> dict[str, int]:
    """Compute a training's numbers of iterations for another length; each phase keeps its share.

    Args:
        hparams: a dataclass with `iterations`, and other fields whose names end in `iterations`.
        iterations: the new number, 1 or more.

    Returns:
        Field -> new value.

    Examples:
        >>> from baselines.patn.hyperparameters import SMALL
        >>> shortened(SMALL, 20)
        {'iterations': 20, 'fixed_iterations': 10, 'half_size_iterations': 8}
    """
    names = [part.name for part in dataclasses.fields(hparams) if part.name.endswith("iterations")]
    lengths = {name: getattr(hparams, name) for name in names}
    # A phase that the preset has is never left out.
    return {name: max(1, round(n * iterations / hparams.iterations)) if n else 0 for name, n in lengths.items()}


def setting(preset: str, iterations: int | None) -> str:
    """The part of a folder's name that keeps trainings of other lengths apart, such as "small" or "small-20".

    Args:
        preset: the preset.
        iterations: length of the trainings in place of the preset's; None for the preset's.
    """
    return preset if iterations is None else f"{preset}-{iterations}"


def make_plan(names: Sequence[str], preset: str, work: Path, iterations: int | None) -> list[Training]:
    """Find the recipes. Nothing is written.

    Args:
        names: names of recipes, or `path/to/file.py:Class`.
        preset: the preset of all of them.
        work: folder for the folders of the trainings.
        iterations: length of the trainings in place of the preset's; None for the preset's.

    Raises:
        UserError: if there are too many, one is unknown, appears twice, or has no such preset.
    """
    if not 1 <= len(names) <= MOST:
        raise UserError(f"--only names {len(names)} recipes: give 1 to {MOST}, one file of weights each.")
    trainings: list[Training] = []
    for given in names:
        plugin = recipes.load(given)
        name = plugin.card.name
        hparams: Any = plugin.presets.get(preset)
        if not hasattr(hparams, "iterations"):
            raise UserError(f"The recipe {given} has no preset {preset!r} with a number of iterations: leave it out.")
        if any(name == other.name for other in trainings):
            raise UserError(f"--only names the recipe {name} twice: give it once.")
        file, _, kind = given.rpartition(":")
        spec = f"{Path(file).resolve()}:{kind}" if file else given
        changes = {} if iterations is None else shortened(hparams, iterations)
        folder = work / f"{name}-{setting(preset, iterations)}"
        changed = dataclasses.replace(hparams, **changes)
        trainings.append(Training(name, spec, preset, changed, folder, changes))
    return trainings
