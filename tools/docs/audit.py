"""Keep the results of an audit of studio, and write docs/audit.md from them: `python -m tools.docs.audit`.

First `fhpt-bench audit` with `--model` for each trained model, which writes runs/audit/studio.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from fhpt_bench.files import write_bytes, write_text
from fhpt_bench.reading import LIST_BYTES, read_file
from fhpt_bench.records.pair_table import PAIRS_FILE
from fhpt_bench.records.schema import RECORD_FILE
from leaderboards.page.audit import AUDIT
from protocols.audit.agreement import of_results
from protocols.audit.campaign import IMAGES, REAL
from protocols.audit.claims import claims_table
from protocols.audit.damages import DAMAGES
from protocols.audit.pictures import plot_agreement, plot_matrix
from protocols.audit.report import headlines, page
from protocols.audit.results import FILES, Results

DOCS = Path(__file__).parents[2] / "docs"
MATRIX, AGREEMENT = "images/audit-matrix.png", "images/audit-agreement.png"
_CLAIMS = """## What the paper claims

Yang et al., arXiv:2005.12494, call SSIM and the inception score limited judges and propose protocols for structure and
meaning. What the audit says of that, on rendered people and with these networks:
"""


def text(results: Results) -> str:
    """The text of docs/audit.md.

    Args:
        results: of the audit of studio.
    """
    found = {finding.damage for finding in results.findings}
    damages = [damage for damage in DAMAGES if damage.name in found]
    lines = page(results, damages, {}, {}, of_results(results)).splitlines()
    lines[1:1] = [
        "",
        "Made by `fhpt-bench audit` and `python -m tools.docs.audit`; do not edit. `fhpt-bench audit --benchmark ...`",
        "makes the same report for your own benchmark. Rendered people and a small set: this says what a score sees,",
        "not how good a model is on photographs.",
        "",
        f"![Scores by damage]({MATRIX})",
    ]
    body = "\n".join(lines) + "\n"
    agree = "## Which scores agree\n"
    return body.replace(agree, f"{_CLAIMS}\n{claims_table(results)}\n{agree}\n![Rank correlations]({AGREEMENT})\n")


@click.command()
@click.option("--audit", type=click.Path(path_type=Path), default=Path("runs/audit/studio"), show_default=True)
def main(audit: Path) -> None:
    """Copy the results of an audit to the package and write the page."""
    for name in FILES:
        write_bytes(AUDIT / name, read_file(audit / name, LIST_BYTES))
    write_bytes(AUDIT / REAL / PAIRS_FILE, read_file(audit / "records" / REAL / PAIRS_FILE, LIST_BYTES))
    record = json.loads(read_file(audit / "records" / REAL / RECORD_FILE, LIST_BYTES))
    record["model"]["origin"] = f"{IMAGES}/{REAL}"  # not the folder on the machine that measured
    write_text(AUDIT / REAL / RECORD_FILE, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    results = Results.read(AUDIT)
    write_text(DOCS / "audit.md", text(results))
    names = list(dict.fromkeys(finding.damage for finding in results.findings))
    write_bytes(DOCS / MATRIX, plot_matrix(headlines(results), names, results.heading))
    if (agreed := of_results(results)) is not None:
        write_bytes(DOCS / AGREEMENT, plot_agreement(agreed, results.heading))


if __name__ == "__main__":
    main()
