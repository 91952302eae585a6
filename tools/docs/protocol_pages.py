"""python -m tools.docs.protocol_pages: writes docs/protocols/ from the protocols' own cards and docstrings."""

from __future__ import annotations

import doctest
import importlib
import inspect
import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from fhpt_bench import weights
from fhpt_bench.benchmark import Benchmark
from fhpt_bench.data.truth import Truth
from fhpt_bench.feature import FeatureSpec, features
from fhpt_bench.protocol import MetricCard, Protocol, protocols
from tools.docs.pages import table

FOLDER = Path(__file__).parents[2] / "docs" / "protocols"
COMMAND = "python -m tools.docs.protocol_pages"
PACKAGE = "fhpt-bench"
BREAK = "\n\n"
NOTE = f"<!-- Made by `{COMMAND}` from the code: change the protocol, not this page. -->"
# Has nothing: what a protocol finds lacking here is what it needs of any.
BARE = Benchmark("yours", "1", "", Path(), (256, 176), (), {}, Truth(), ())


def built_in() -> dict[str, type[Protocol]]:
    """The protocols of this project, whatever else is installed."""
    entries = protocols.entries().values()
    return {entry.name: protocols.load(entry.name) for entry in entries if entry.origin.split()[0] == PACKAGE}


def pages() -> dict[str, str]:
    """File name -> text of all pages."""
    kinds = built_in()
    return {"README.md": _index(kinds), **{f"{name}.md": _page(kind, kinds) for name, kind in kinds.items()}}


def _index(kinds: dict[str, type[Protocol]]) -> str:
    rows = []
    for name, kind in kinds.items():
        made = _variants(kind)
        reports = ", ".join(dict.fromkeys(f"{m.label} {_arrow(m)}" for protocol in made for m in protocol.metrics))
        rows.append((f"[{name}]({name}.md)", kind.title, reports, ", ".join(f"`{p.variant}`" for p in made)))
    return "\n".join(
        [
            NOTE,
            "",
            "# Protocols",
            "",
            "A protocol is a measurement with a card. Its first variant is what its bare id means; the others reproduce"
            " what papers did. Scores of two variants are never ranked beside each other.",
            "",
            table(["protocol", "what it measures", "reports", "variants"], rows),
            "",
            "[How near each is to its reference](../precision.md) · [what goes wrong with such numbers]"
            "(../footguns.md) · [what a record holds](../records.md)",
            "",
        ]
    )


def _page(kind: type[Protocol], kinds: dict[str, type[Protocol]]) -> str:
    made = _variants(kind)
    several = len(made) > 1
    parts = [
        NOTE,
        f"# {kind.id}: {kind.title}",
        _summary(kind),
        f"Source: {kind.citation}. Version {kind.version}; arithmetic in {kind.numerics}.",
        "## What it reports",
        _metrics(made),
        f"## {'Variants' if several else 'Definition'}",
        _definitions(made),
    ]
    seen = {spec.id: spec for protocol in made for spec in _specs(protocol)}
    if seen:
        parts += ["## What it looks through", _features(seen.values())]
    if kind.moved_by:
        parts += ["## What moves it", "\n".join(f"- {reason}" for reason in kind.moved_by)]
    parts += ["## What must be had for it", _needs(made), "## To run it", _commands(made)]
    functions = _functions(kind, kinds)
    if functions:
        parts += ["## In Python", *(_function(function, kind) for function in functions)]
    return BREAK.join(parts) + "\n"


def _variants(kind: type[Protocol]) -> list[Protocol]:
    return [kind(variant) for variant in kind.variants]


def _specs(protocol: Protocol) -> list[FeatureSpec]:
    return [features.load(name).spec for name in protocol.features]


def _metrics(made: list[Protocol]) -> str:
    """A row a metric, with the variants that report it where not all do."""
    reported: dict[MetricCard, list[str]] = {}
    for protocol in made:
        for metric in protocol.metrics:
            reported.setdefault(metric, []).append(protocol.variant)
    differ = any(len(variants) < len(made) for variants in reported.values())
    rows = [
        (
            m.label, f"`{m.name}`", "higher" if m.higher_is_better else "lower", _range(m), m.unit or "-",
            "-" if m.real is None else f"{m.real:g}", *([", ".join(f"`{v}`" for v in variants)] if differ else []),
        )
        for m, variants in reported.items()
    ]  # fmt: skip
    columns = ["score", "metric", "better is", "range", "unit", "real images get", *(["variants"] if differ else [])]
    return table(columns, rows)


def _definitions(made: list[Protocol]) -> str:
    known = any(p.card.used_by for p in made)
    rows = [
        (
            f"`{p.variant}`", p.card.definition, ", ".join(f"`{f}`" for f in p.features) or "no network",
            *([p.card.used_by or "-"] if known else []),
        )
        for p in made
    ]  # fmt: skip
    return table(["variant", "definition", "looks through", *(["used by"] if known else [])], rows)


def _features(seen: Iterable[FeatureSpec]) -> str:
    rows = [
        (
            f"`{spec.id}`", spec.preprocessing, ", ".join(f"`{name}`" for name in spec.weights) or "its library's own",
            f"{spec.backend} {spec.dtype}", spec.version,
        )
        for spec in seen
    ]  # fmt: skip
    return table(["feature", "preprocessing", "weights", "numerics", "version"], rows)


def _needs(made: list[Protocol]) -> str:
    """Weights with where they come from, and what a benchmark must hold; by variant where variants differ."""
    lines = []
    needed: dict[str, list[str]] = {}
    asked: dict[str, list[str]] = {}
    for protocol in made:
        names = [*protocol.weights, *(name for spec in _specs(protocol) for name in spec.weights)]
        for name in dict.fromkeys(names):
            needed.setdefault(name, []).append(protocol.variant)
        lacking = protocol.lacks(BARE)
        if lacking:
            asked.setdefault(lacking, []).append(protocol.variant)
    if needed:
        rows = []
        for name, variants in needed.items():
            spec = weights.specs()[name]
            places = "; or ".join(f"`{s.file}`, {_size(s.size)}, {s.origin}" for s in spec.sources)
            rows.append((f"`{name}`", spec.description, places, spec.licence, _of(variants, made)))
        lines += [
            table(["weights", "what", "from", "licence", "for"], rows),
            "The first run that needs them fetches them, as `fhpt-bench weights fetch` does; each file may lie in "
            "`FHPT_WEIGHTS_DIR`. Without them the protocol is skipped, and says what it lacks.",
        ]
    for lacking, variants in asked.items():
        lines.append(f"On an empty benchmark, `{BARE.id}`, {_of(variants, made)} would be skipped: “{lacking}”")
    return BREAK.join(lines) or "Nothing beyond the installed package."


def _of(variants: list[str], made: list[Protocol]) -> str:
    whole = len(variants) == len(made)
    return ("all variants" if len(made) > 1 else "it") if whole else ", ".join(f"`{variant}`" for variant in variants)


def _commands(made: list[Protocol]) -> str:
    first, *others = made
    lines = [f"fhpt-bench run --model warp --protocols {first.id}"]
    if others:
        lines.append(f"fhpt-bench run --model warp --protocols {others[0].id}:{others[0].variant}")
    return "```\n" + "\n".join(lines) + "\n```"


def _functions(kind: type[Protocol], kinds: dict[str, type[Protocol]]) -> list[Callable[..., object]]:
    """What the protocol's room exports and its module defines or uses; another protocol's own function is not."""
    module = sys.modules[kind.__module__]
    room = importlib.import_module(kind.__module__.rpartition(".")[0])
    known = {name: getattr(room, name) for name in getattr(room, "__all__", ())}
    own = kind.id.replace("-", "_")
    strangers = {name.replace("-", "_") for name in kinds} - {own}
    used = [name for name, function in known.items() if getattr(module, name, None) is function]
    names = sorted((name for name in used if name not in strangers), key=lambda name: (name != own, name))
    return [known[name] for name in names if inspect.isfunction(known[name])]


def _function(function: Callable[..., object], kind: type[Protocol]) -> str:
    """How to import it, its signature, its first sentence and its example."""
    name, room = function.__name__, kind.__module__.rpartition(".")[0]
    text = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters.values()
    call = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters)
    lead = f"`{name}({call})`: {_line(text.partition(BREAK)[0])}"
    examples = doctest.DocTestParser().get_examples(text)
    code = [*([">>> import numpy as np"] if examples else []), f">>> from {room} import {name}"]
    for example in examples:
        first, *more = example.source.splitlines()
        code += [f">>> {first}", *(f"... {line}" for line in more), *example.want.splitlines()]
    return f"{lead}{BREAK}```python\n" + "\n".join(code) + "\n```"


def _summary(kind: type[Protocol]) -> str:
    return _line((inspect.getdoc(kind) or kind.title).partition(BREAK)[0])


def _line(text: str) -> str:
    return " ".join(text.split())


def _arrow(metric: MetricCard) -> str:
    return "↑" if metric.higher_is_better else "↓"


def _range(metric: MetricCard) -> str:
    ends = [f"{end:g}" if math.isfinite(end) else "any" for end in metric.range]
    return "any number" if ends == ["any", "any"] else f"{ends[0]} or more" if ends[1] == "any" else " to ".join(ends)


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def main() -> None:
    """Write all pages, and remove those of protocols that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"{len(made)} pages are in {FOLDER}\n")


if __name__ == "__main__":
    main()
