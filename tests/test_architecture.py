"""The structure of the code: which room may import which, no circles, no private names of another room.

Read from the source: imports under `TYPE_CHECKING` and inside functions count as well.
"""

from __future__ import annotations

import ast
import importlib.metadata
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fhpt_bench.data.layouts import LAYOUTS

ROOT = Path(__file__).parents[1]

# The rooms of the repository, and which others each may import.
MAY_IMPORT = {
    "fhpt_bench": set(),
    "protocols": {"fhpt_bench"},
    "baselines": {"fhpt_bench"},
    "drn": {"fhpt_bench", "baselines"},
    "leaderboards": {"fhpt_bench", "protocols"},
}
# The rooms of the host, from the lowest floor to the highest: each imports only rooms before it.
FLOORS = (
    "version", "errors", "files", "reading", "output_folder", "progress", "processes", "devices", "threads",
    "significance", "statistics", "power", "verdicts", "plugin_code", "registry", "data", "benchmarks", "benchmark",
    "weights", "model", "feature", "networks", "score", "protocol", "encoder_protocol",
    "records", "reporting", "evaluation", "training", "commands", "cli", "__init__", "__main__",
)  # fmt: skip
# What registers a metric, a model or an estimator.
GROUPS = ("fhpt_bench.models", "fhpt_bench.protocols", "fhpt_bench.features", "fhpt_bench.recipes")
# Each network's file defines its feature, and the table of weights names the networks.
DEFINES_NETWORKS = ("fhpt_bench.networks", "fhpt_bench.weights")
# These name the layouts of published tools' result files, some of which are called like our baselines.
NAMES_LAYOUTS = ("fhpt_bench.data.layouts", "fhpt_bench.commands.evaluate")

Sources = Mapping[str, ast.Module]


def read_sources() -> dict[str, ast.Module]:
    """Module name -> its syntax tree, for every module of the rooms."""
    found = {}
    for room in MAY_IMPORT:
        for file in sorted((ROOT / room).rglob("*.py")):
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = ast.parse(file.read_text(encoding="utf-8"))
    return found


SOURCES = read_sources()


def imports(module: str, sources: Sources) -> Iterator[tuple[str, str | None]]:
    """(module of the repository, name imported from it or None), anywhere in the module."""
    for node in ast.walk(sources[module]):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name.partition(".")[0] in MAY_IMPORT)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = node.module or ""
            if base.partition(".")[0] in MAY_IMPORT:
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    yield (whole, None) if whole in sources else (base, alias.name)


def room(module: str) -> str:
    return module.partition(".")[0]


def host_room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def forbidden_rooms(sources: Sources) -> list[str]:
    """Imports of a room that the importing room must not know."""
    return [
        f"{module} imports {target}"
        for module in sources
        for target, _ in imports(module, sources)
        if room(target) != room(module) and room(target) not in MAY_IMPORT[room(module)]
    ]


def upward_imports(sources: Sources) -> list[str]:
    """Imports inside the host that do not lead to a lower floor."""
    floor = {name: number for number, name in enumerate(FLOORS)}
    found = []
    for module in sources:
        if room(module) == "fhpt_bench":
            for target, _ in imports(module, sources):
                a, b = host_room(module), host_room(target)
                if room(target) == "fhpt_bench" and a != b and floor[a] <= floor[b]:
                    found.append(f"{module} imports {target}")
    return found


def circles(sources: Sources) -> list[str]:
    """Modules that import each other, directly or through others."""
    graph = {module: {target for target, _ in imports(module, sources)} & set(sources) for module in sources}
    found: list[str] = []
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in path:
            found.append(" -> ".join([*path[path.index(module) :], module]))
        elif module not in done:
            for target in sorted(graph[module] - {module}):
                visit(target, (*path, module))
            done.add(module)

    for module in sources:
        visit(module, ())
    return found


def private_imports(sources: Sources) -> list[str]:
    """Private names and modules of another room, imported or used through an imported module."""

    def unit(module: str) -> str:
        return f"fhpt_bench.{host_room(module)}" if room(module) == "fhpt_bench" else room(module)

    found = []
    for module, tree in sources.items():
        aliases = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                aliases |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}
        for target, name in imports(module, sources):
            parts = [*target.split("."), *([name] if name else [])]
            if unit(target) != unit(module) and any(p.startswith("_") and not p.startswith("__") for p in parts):
                found.append(f"{module} imports {'.'.join(parts)}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                target = aliases.get(node.value.id, "")
                private = node.attr.startswith("_") and not node.attr.startswith("__")
                if private and target in sources and unit(target) != unit(module):
                    found.append(f"{module} uses {target}.{node.attr}")
    return found


def registered() -> tuple[set[str], set[str]]:
    """Names and class names of the registered metrics, models and estimators of this package."""
    points = [p for group in GROUPS for p in importlib.metadata.entry_points(group=group)]
    own = [p for p in points if p.dist is not None and p.dist.name == "fhpt-bench"]
    return {p.name for p in own}, {p.value.rpartition(":")[2] for p in own}


def named_plugins(sources: Sources) -> list[str]:
    """Where the host names a plugin: as a string, an imported class or a variable's name."""
    names, classes = registered()
    found = []
    for module, tree in sources.items():
        if room(module) != "fhpt_bench" or module.startswith(DEFINES_NETWORKS):
            continue
        named = names - set(LAYOUTS) if module in NAMES_LAYOUTS else names
        for node in ast.walk(tree):
            string = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
            word = node.id if isinstance(node, ast.Name) else node.name if isinstance(node, ast.alias) else None
            if string in named or word in classes:
                found.append(f"{module} names {string or word}")
    return found


def with_line(module: str, line: str) -> dict[str, ast.Module]:
    """The sources with one line more in a module."""
    tree = ast.parse(ast.unparse(SOURCES[module]) + "\n" + line)
    return {**SOURCES, module: tree}


def test_the_floors_name_every_room_of_the_host() -> None:
    assert {host_room(module) for module in SOURCES if room(module) == "fhpt_bench"} == set(FLOORS)


def test_rooms_import_only_the_rooms_below() -> None:
    assert forbidden_rooms(SOURCES) == []


def test_rooms_of_the_host_import_only_lower_floors() -> None:
    assert upward_imports(SOURCES) == []


def test_there_is_no_circle() -> None:
    assert circles(SOURCES) == []


def test_no_private_name_of_another_room_is_used() -> None:
    assert private_imports(SOURCES) == []


def test_the_host_names_no_metric_model_or_estimator() -> None:
    assert named_plugins(SOURCES) == []


@pytest.mark.parametrize(
    ("check", "module", "line"),
    [
        (forbidden_rooms, "fhpt_bench.evaluation.engine", "from drn.models import DRN"),
        (forbidden_rooms, "fhpt_bench.protocol", "def f():\n    import protocols.perceptual"),
        (forbidden_rooms, "baselines.warp", "from drn.layers import AdaIN"),
        (upward_imports, "fhpt_bench.score", "if TYPE_CHECKING:\n    from fhpt_bench.records.schema import ScoreEntry"),
        (upward_imports, "fhpt_bench.data.pairs", "from fhpt_bench.benchmark import Pair"),
        (circles, "fhpt_bench.statistics", "if TYPE_CHECKING:\n    from fhpt_bench.score import Score"),
        (circles, "fhpt_bench.evaluation.plan", "def f():\n    from fhpt_bench.evaluation import engine"),
        (private_imports, "fhpt_bench.evaluation.engine", "from fhpt_bench.statistics import _percentiles"),
        (private_imports, "drn.command", "from fhpt_bench import weights\nweights._digests"),
        (named_plugins, "fhpt_bench.evaluation.figures", 'FIRST = "lpips"'),
        (named_plugins, "fhpt_bench.evaluation.figures", 'FIRST = "patn"'),
        (named_plugins, "fhpt_bench.data.layouts", 'FIRST = "lpips"'),
        (named_plugins, "fhpt_bench.evaluation.plan", "from fhpt_bench.networks.keypoints import MediaPipeHolistic"),
    ],
)
def test_each_rule_finds_one_line_that_breaks_it(check, module: str, line: str) -> None:
    assert len(check(with_line(module, line))) > 0
