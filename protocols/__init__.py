"""Metrics as pure functions on arrays and as `Protocol` classes: one file per metric, grouped by what it measures.

`as_images` converts tensors, float arrays and PIL images to the uint8 arrays that the metric functions take. It is
imported when it is first used, so that `fhpt-bench --help` stays fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protocols.inputs import as_images

__all__ = ["as_images"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'protocols' has no attribute {name!r}")
    from protocols import inputs

    return getattr(inputs, name)


def __dir__() -> list[str]:
    return list(__all__)
