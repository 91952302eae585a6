"""Which score notices which damage, for the page: the audit that ships with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocols.audit.advice import advice
from protocols.audit.report import headlines
from protocols.audit.results import Results

AUDIT = Path(__file__).parents[1] / "audit" / "studio"  # its files, by `python -m tools.docs.audit`


def audit_content(folder: Path = AUDIT) -> dict[str, Any] | None:
    """An audit as JSON; None if there is none.

    Args:
        folder: of its files.

    Returns:
        heading, damages; rows with label, key, cells by damage [weakest strength that is noticed or 0, whether the
        score is better with damage, rank correlation] and what the score may be used for.
    """
    if not folder.is_dir():
        return None
    results = Results.read(folder)
    names = list(dict.fromkeys(finding.damage for finding in results.findings))
    rows = []
    for score, row in headlines(results).items():
        found = [row.get(name) for name in names]
        cells = [
            None
            if f is None or not any(f.decided)
            else [f.noticed_from or 0, int(any(f.better)), None if f.tau is None else round(f.tau, 2)]
            for f in found
        ]
        confused = [item for item in results.confusions if item.score == score]
        rows.append({"label": score.label, "key": score.key, "cells": cells, "use": advice(row, confused)})
    return {"heading": results.heading, "damages": names, "rows": rows}
