"""The Python files that a plugin consists of, found from its source, and their import and digest."""

from __future__ import annotations

import ast
import functools
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import os
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from fhpt_bench.errors import UserError, with_location
from fhpt_bench.files import sha256_json
from fhpt_bench.reading import LIST_BYTES, read_file, sha256_file

_HOST = "fhpt_bench"
_PREFIX = "fhpt_bench_plugin_"
_LOADED: dict[Path, str] = {}  # module next to a plugin -> digest when it was imported


def plugin_files(starts: Iterable[Path], root: Path, home: str = "") -> list[Path]:
    """The files that a plugin's files import, directly or through others, and the files themselves.

    Read from the source, so that imports inside functions count. Other files count if their names are in the source
    and they are in the folder of the file that names them: `Path(__file__).with_name("gain.json")`. Installed packages,
    the standard library and `fhpt_bench` are left out: a record names them by version. What is only named at run time
    (`importlib.import_module`, `glob`) is not found.

    Args:
        starts: the plugin's own files.
        root: the folder in which its absolute imports are looked up first.
        home: the top-level package of a plugin of an installed distribution, whose other packages count too.

    Returns:
        Absolute paths, sorted.

    Raises:
        UserError: if a file cannot be read or is not valid Python.
    """
    found: dict[Path, None] = {}
    todo = [start.resolve() for start in starts]
    while todo:
        file = todo.pop()
        if file in found:
            continue
        found[file] = None
        if file.suffix == ".py":
            tree = _parsed(file)
            # What lies outside of the plugin's folder does not see the modules in it.
            folders = ([root] if file.is_relative_to(root.resolve()) else []) + _search_folders()
            for name in _imported(tree, file, root if file.is_relative_to(root.resolve()) else _package_root(file)):
                todo += _resolve(name, folders, home)
            todo += _named(tree, file.parent)
    return sorted(found)


def digest_files(files: list[Path], root: Path) -> str:
    """A digest of the content and the relative path of some files.

    Args:
        files: absolute paths.
        root: paths are relative to it; a file outside counts with its name only.
    """
    names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name for path in files]
    return sha256_json(sorted([name, sha256_file(path)] for name, path in zip(names, files, strict=True)))


def code_digest(plugin: type) -> str:
    """A digest of the code that defines a class. If it changes, images that the class generated are outdated.

    Args:
        plugin: a class of a package (all Python files of its module's folder are included) or of a file; in addition
            every module that they import, see `plugin_files`.
    """
    module = sys.modules[plugin.__module__]
    if not module.__file__:
        return ""
    file = Path(module.__file__).resolve()
    home = module.__package__.partition(".")[0] if module.__package__ else module.__name__
    root = file.parents[module.__name__.count(".") + (file.name == "__init__.py")]
    starts = sorted(file.parent.rglob("*.py")) if module.__package__ else [file]
    return digest_files(plugin_files(starts, root, home), root)


def is_plugin_file(module: str) -> bool:
    """Whether a module's name is one that `import_file` gives."""
    return module.startswith(_PREFIX)


def file_digest(plugin: type) -> str | None:
    """The digest of the code of a class that was loaded from a file, or None: a package's class has a version.

    Args:
        plugin: a class.
    """
    file = getattr(sys.modules.get(plugin.__module__), "__file__", None)
    from_file = file is not None and (is_plugin_file(plugin.__module__) or Path(file).resolve() in _LOADED)
    return code_digest(plugin) if from_file else None


def import_file(path: Path) -> ModuleType:
    """Import a plugin's file; the modules in its folder can be imported as if it was run as a script.

    Args:
        path: the file.

    Raises:
        UserError: if a module in its folder has the name of one that was loaded from elsewhere, or an import fails.
    """
    path = path.resolve()
    root = path.parent
    files = plugin_files([path], root)
    # With the path, because two copies of a plugin may read different files next to them.
    name = f"{_PREFIX}{sha256_json([str(path), digest_files(files, root)])[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    modules = [file for file in files if file.suffix == ".py" and file != path and file.is_relative_to(root)]
    own = {_module_name(file, root): file for file in modules}
    _check_names(own, path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # It stays, since functions may import later.
    finder = _Finder(own, root)
    sys.meta_path.insert(0, finder)
    # Compiled files are told apart by size and second: an edit within a second would run the old code.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        sys.meta_path.remove(finder)
        if isinstance(error, ImportError):
            raise UserError(
                f"{with_location(error)}. A plugin's file imports from its own folder, as a script does: put it where "
                "its imports work, with import statements that name modules in full"
            ) from error
        raise
    finally:
        sys.dont_write_bytecode = writes
    return module


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the modules next to a plugin that its files import, and no others: the folder is not put on sys.path."""

    def __init__(self, own: Mapping[str, Path], root: Path) -> None:
        self._own, self._root = own, root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The module's file, or the folder of a package without `__init__.py`."""
        if file := self._own.get(fullname):
            inside = [str(file.parent)] if file.name == "__init__.py" else None
            return importlib.util.spec_from_file_location(fullname, file, submodule_search_locations=inside)
        if any(name.startswith(f"{fullname}.") for name in self._own):
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(self._root.joinpath(*fullname.split(".")))]
            return spec
        return None


def _check_names(own: dict[str, Path], path: Path) -> None:
    """Refuse names that mean something else already; if a file has changed, forget the modules of all of them."""
    digests = {file: sha256_file(file) for file in own.values()}
    changed = any(_LOADED.get(file) != digest for file, digest in digests.items())
    _LOADED.update(digests)
    for name, file in own.items():
        if _same_distribution(name.partition(".")[0], _HOST):
            raise UserError(
                f"The plugin {path} imports {file.name}, which has the name of one of our packages: rename it."
            )
        loaded = sys.modules.get(name)
        if loaded is None:
            continue
        place = getattr(loaded, "__file__", None)
        if place is None or Path(place).resolve() != file:
            raise UserError(
                f"The plugin {path} imports {file.name}, but another module {name!r} ({place}) is loaded already: "
                "rename one of them."
            )
        if changed:
            del sys.modules[name]


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(read_file(file, LIST_BYTES))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"The plugin file {file} is not valid Python: {error}.") from error


def _named(tree: ast.Module, folder: Path) -> Iterator[Path]:
    """The files in a folder whose names are texts of a source file, alone or with the names of their folders."""
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    names = [text for text in texts if text and not os.path.isabs(text) and ".." not in text.split("/")]
    seen, todo = {folder.resolve()}, [folder]
    while todo:
        here = todo.pop()
        for path in (here / name for name in names):
            if os.path.isfile(path):  # False for a text that cannot be a name
                yield path.resolve()
            elif os.path.isdir(path) and path.resolve() not in seen:
                seen.add(path.resolve())
                todo.append(path)


def _imported(tree: ast.Module, file: Path, root: Path) -> Iterator[str]:
    """The absolute names of everything that a file imports; a name may be a module or an attribute of one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                folder = file.parents[node.level - 1]
                if not folder.is_relative_to(root):
                    continue
                base = ".".join([*folder.relative_to(root).parts, *filter(None, [base])])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def _package_root(file: Path) -> Path:
    """The folder in which the top-level package of a file lies."""
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _resolve(name: str, folders: list[Path], home: str) -> list[Path]:
    """The files that an import of a name runs, if they are not those of an installed package."""
    top, *rest = name.split(".")
    if top == _HOST or top in sys.stdlib_module_names:
        return []  # a plugin's own module of such a name is never imported either
    for folder in folders:
        if _installed(folder) and not _same_distribution(top, home):
            continue
        if (folder / f"{top}.py").is_file():
            return [(folder / f"{top}.py").resolve()]
        if (folder / top).is_dir():
            return list(_inside(folder / top, rest))
    return []


def _inside(folder: Path, rest: list[str]) -> Iterator[Path]:
    """`__init__.py` of a package, and the modules on the way to the last name."""
    if (folder / "__init__.py").is_file():
        yield (folder / "__init__.py").resolve()
    if rest == ["*"]:  # may import any module of the package
        yield from (file.resolve() for file in sorted(folder.glob("*.py")))
    elif rest:
        if (folder / f"{rest[0]}.py").is_file():
            yield (folder / f"{rest[0]}.py").resolve()
        elif (folder / rest[0]).is_dir():
            yield from _inside(folder / rest[0], rest[1:])


def _search_folders() -> list[Path]:
    return [Path(entry or ".") for entry in sys.path if Path(entry or ".").is_dir()]


@functools.cache
def _installed(folder: Path) -> bool:
    """Whether a folder belongs to the Python installation."""
    places = [Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib", "platlib")]
    here = folder.resolve()
    return any(here.is_relative_to(place) for place in places) or here.name in ("site-packages", "dist-packages")


def _same_distribution(top: str, home: str) -> bool:
    """Whether two installed top-level packages come with the same distribution."""
    if not home:
        return False
    named = _distributions()
    return top == home or bool(named.get(top, set()) & named.get(home, set()))


@functools.cache
def _distributions() -> Mapping[str, set[int]]:
    """Top-level name -> the numbers of the installed distributions that have it.

    As `importlib.metadata.packages_distributions`, without parsing all metadata for their names: that takes a second.
    """
    found: defaultdict[str, set[int]] = defaultdict(set)
    for number, distribution in enumerate(importlib.metadata.distributions()):
        names = set((distribution.read_text("top_level.txt") or "").split())
        if not names:
            listed = (line.partition(",")[0] for line in (distribution.read_text("RECORD") or "").splitlines())
            names = {file.partition("/")[0].removesuffix(".py") for file in listed if file.endswith(".py")}
        for name in names:
            found[name].add(number)
    return found


def _module_name(file: Path, root: Path) -> str:
    parts = file.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
