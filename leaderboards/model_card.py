"""A record as results of a Hugging Face model card: the block `model-index`, and a file for `.eval_results/`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fhpt_bench.records.schema import Record, ScoreEntry
from fhpt_bench.reporting.formatting import describe_pairs, model_label

_TASK = {"type": "image-to-image", "name": "human pose transfer"}


def model_index(record: Record, dataset: str | None = None, full: bool = False) -> str:
    """The block `model-index` of a model card's front matter, as YAML.

    Args:
        record: a record.
        dataset: id of the benchmark on the Hub, OWNER/NAME; default: the benchmark's own id.
        full: all scores with a value, not only the headline scores.

    Returns:
        The text between the two lines `---` of a README.md.
    """
    part = record.benchmark
    arguments = {
        "version": part.version, "n_pairs": part.n_pairs, "limit": part.limit, "missing": part.missing,
        "image_size": list(part.image_size), "pairs_sha256": part.pairs_sha256, "data_sha256": part.data_sha256,
        "shown_as": model_label(record.model),
    }  # fmt: skip
    place = {"type": dataset or part.id, "name": describe_pairs(part), "config": part.subset or "all", "split": "test"}
    metrics = [
        {
            "type": score.protocol, "value": score.value, "name": f"{score.label} ({score.variant})",
            "config": score.variant,
            "args": {
                "metric": score.metric, "unit": score.unit, "higher_is_better": score.higher_is_better,
                "low": score.interval[0] if score.interval else None,
                "high": score.interval[1] if score.interval else None,
                "n": score.n, "fingerprint": score.fingerprint, "fhpt_bench": record.provenance.fhpt_bench,
            },
        }
        for score in _with_value(record, full)
    ]  # fmt: skip
    result = {"task": _TASK, "dataset": {**place, "args": arguments}, "metrics": metrics}
    return block_yaml({"model-index": [{"name": record.model.name, "results": [result]}]})


def eval_results(record: Record, dataset: str | None = None, full: bool = False) -> str:
    """A file for the folder `.eval_results` of a model repository, as YAML: one entry per score.

    Args:
        record: a record.
        dataset: id of the benchmark on the Hub, OWNER/NAME; default: the benchmark's own id.
        full: all scores with a value, not only the headline scores.
    """
    entries = [
        {
            "dataset": {"id": dataset or record.benchmark.id, "task_id": score.key},
            "value": score.value,
            "date": record.provenance.created,
            "notes": _notes(record, score),
        }
        for score in _with_value(record, full)
    ]
    return block_yaml(entries)


def _with_value(record: Record, full: bool) -> Sequence[ScoreEntry]:
    return [score for score in (record.scores if full else record.headlines) if score.value is not None]


def _notes(record: Record, score: ScoreEntry) -> str:
    unit = f", {score.unit}" if score.unit else ""
    interval = f"95 % interval {score.interval[0]!r} to {score.interval[1]!r}, " if score.interval else ""
    return (
        f"{model_label(record.model)}, {describe_pairs(record.benchmark)}: {score.label}{unit}, "
        f"{'higher' if score.higher_is_better else 'lower'} is better, {interval}n {score.n}; "
        f"fhpt-bench {record.provenance.fhpt_bench}, fingerprint {score.fingerprint}"
    )


def block_yaml(content: dict[str, Any] | list[Any]) -> str:
    """Dictionaries, lists and scalars as YAML with one entry per line.

    Texts are quoted and escaped as in JSON, so that none can be read as anything else; keys must be plain words.

    Args:
        content: dictionaries with plain words as keys, lists, texts, numbers, booleans and None; not empty.

    Examples:
        >>> print(block_yaml([{"a": [1, 1e-07], "b": {"c": 'no "yes": #'}}]), end="")
        - a:
          - 1
          - 1.0e-07
          b:
            c: "no \\"yes\\": #"
    """
    return "".join(f"{line}\n" for line in _lines(content))


def _lines(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, dict | list) and value:
                yield f"{key}:"
                # A list may stand at the indentation of its key, since its dashes set it apart.
                yield from (f"{'' if isinstance(value, list) else '  '}{line}" for line in _lines(value))
            else:
                yield f"{key}: {_scalar(value)}"
    elif isinstance(content, list):
        for value in content:
            first, *rest = _lines(value)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(content)


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e-07 for a text
    return text
