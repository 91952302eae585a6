"""The JSON schema of a record, made from its classes: `python -m tools.docs.record_schema`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fhpt_bench.records.schema import SCHEMA_VERSION, Record

FILE = Path(__file__).parents[2] / "docs" / "record.schema.json"
COMMAND = "python -m tools.docs.record_schema"


def schema_text() -> str:
    """The content of docs/record.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Record.model_json_schema(),
        "title": f"fhpt-bench record, schema version {SCHEMA_VERSION}",
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file."""
    FILE.write_text(schema_text(), encoding="utf-8")
    sys.stdout.write(f"written: {FILE}\n")


if __name__ == "__main__":
    main()
