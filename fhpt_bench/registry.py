"""Plugins by name (entry points) or by path (`path/to/file.py:Class`), loaded only when used."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, cast

from fhpt_bench.errors import UserError, did_you_mean, with_location
from fhpt_bench.plugin_code import import_file

T = TypeVar("T")
_OWN = "fhpt-bench"


@dataclass(frozen=True)
class Entry:
    """The origin of a plugin.

    Args:
        name: the name under which it is registered.
        target: `module:attribute`.
        origin: the distribution that registered it, with its version; for a plugin in a file, the file and line.
        own: whether it is part of fhpt-bench.
    """

    name: str
    target: str
    origin: str
    own: bool = False


@dataclass(frozen=True)
class Listed(Generic[T]):
    """A plugin in a list: only those of fhpt-bench are loaded, since loading runs code.

    Args:
        entry: its origin.
        plugin: the plugin, if it is part of fhpt-bench and can be loaded.
        broken: why it cannot be loaded, or None.
    """

    entry: Entry
    plugin: T | None
    broken: str | None


@functools.cache
def entry_points(group: str) -> tuple[Entry, ...]:
    """Each entry point of a group; nothing is imported, and metadata is read once per process."""
    return tuple(
        Entry(
            point.name,
            point.value,
            f"{point.dist.name} {point.dist.version}" if point.dist else "unknown",
            point.dist is not None and point.dist.name == _OWN,
        )
        for point in importlib.metadata.entry_points(group=group)
    )


class Registry(Generic[T]):
    """All plugins of one kind.

    Args:
        kind: the kind in words, for messages ("model").
        group: the entry-point group.
        base: `module:Class` that a plugin must be (or derive from); imported only when a plugin is loaded.
        contract: what a plugin of the right kind lacks, a clause without a full stop, or None.
    """

    def __init__(self, kind: str, group: str, base: str, contract: Callable[[Any], str | None] | None = None) -> None:
        self.kind = kind
        self.group = group
        self._base = base
        self._contract = contract

    def entries(self) -> dict[str, Entry]:
        """Each registered plugin by name, sorted; nothing is imported.

        Raises:
            UserError: if two distributions register the same name.
        """
        found: dict[str, Entry] = {}
        for entry in sorted(entry_points(self.group), key=lambda entry: (entry.name, entry.target, entry.origin)):
            if found.setdefault(entry.name, entry) != entry:
                raise UserError(
                    f"The {self.kind} name {entry.name} is registered twice, by {found[entry.name].origin} and by "
                    f"{entry.origin}: uninstall one of them."
                )
        return found

    def listed(self) -> list[Listed[T]]:
        """All plugins by name, without importing those of other packages.

        Raises:
            UserError: if two distributions register the same name.
        """
        found = []
        for entry in self.entries().values():
            reason = self.broken(entry.name) if entry.own else None
            plugin = self.load(entry.name) if entry.own and reason is None else None
            found.append(Listed(entry, plugin, reason))
        return found

    def find(self, name: str) -> Entry:
        """Find a plugin without importing it, so that a mistyped name is reported at once.

        Args:
            name: a registered name, or `path/to/file.py:Class`.

        Raises:
            UserError: if the name is unknown, or the file does not define the class.
        """
        path, colon, attribute = name.rpartition(":")
        if colon and path.endswith(".py"):
            return _find_in_file(self.kind, Path(path).expanduser(), attribute)
        entries = self.entries()
        if name not in entries:
            raise UserError(f"Unknown {self.kind} {name!r}: {did_you_mean(name, entries)}")
        return entries[name]

    def load(self, name: str) -> T:
        """Import a plugin and check that it is of the right kind.

        Args:
            name: a registered name, or `path/to/file.py:Class`.

        Returns:
            The object that the target names: a class derived from the base, or an instance of it.

        Raises:
            UserError: if it is unknown, cannot be imported, or is of another kind.
        """
        entry = self.find(name)
        reason = f"The {self.kind} {name!r} ({entry.origin}) is broken"
        module_name, _, attribute = entry.target.rpartition(":")
        try:
            module = import_file(Path(module_name)) if module_name.endswith(".py") else _import(module_name)
            plugin = functools.reduce(getattr, attribute.split("."), cast(Any, module))
        except Exception as error:  # a plugin may fail in any way; the host must not
            raise UserError(f"{reason}: {with_location(error)}") from error
        base_module, _, base_name = self._base.partition(":")
        base = getattr(_import(base_module), base_name)
        if not (issubclass(plugin, base) if isinstance(plugin, type) else isinstance(plugin, base)):
            raise UserError(f"{reason}: {entry.target} is not a {base_name} (derive it from {self._base}).")
        missing = getattr(plugin, "__abstractmethods__", None)
        if isinstance(plugin, type) and missing:
            raise UserError(f"{reason}: it does not define {', '.join(sorted(missing))}.")
        try:
            problem = self._contract(plugin) if self._contract else None
        except Exception as error:  # properties of a plugin may raise anything
            problem = with_location(error)
        if problem:
            raise UserError(f"{reason}: {problem}.")
        return cast(T, plugin)

    def broken(self, name: str) -> str | None:
        """The reason why a plugin cannot be loaded, or None if it can."""
        try:
            self.load(name)
        except UserError as error:
            return str(error)
        return None


def _import(module: str) -> ModuleType:
    return importlib.import_module(module)


def _find_in_file(kind: str, path: Path, attribute: str) -> Entry:
    """Check a plugin file without running it: it must exist, parse, and define the class."""
    if not path.is_file():
        raise UserError(f"There is no {kind} file {path}: give a path as in path/to/file.py:Class.")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"The {kind} file {path} is not valid Python: {error}.") from error
    classes = {node.name: node.lineno for node in tree.body if isinstance(node, ast.ClassDef)}
    names = {*classes, *(alias.asname or alias.name for node in tree.body
                         if isinstance(node, ast.ImportFrom) for alias in node.names)}  # fmt: skip
    if attribute not in names:
        hint = did_you_mean(attribute, classes) if classes else "it defines no class."
        raise UserError(f"The {kind} file {path} has no class {attribute!r}: {hint}")
    return Entry(f"{path}:{attribute}", f"{path.resolve()}:{attribute}", f"{path}:{classes.get(attribute, 1)}")
