"""Write docs/claims.md from the records that ship: `python -m tools.docs.claims`."""

from __future__ import annotations

from pathlib import Path

from fhpt_bench.files import write_text
from fhpt_bench.reporting.formatting import describe_pairs
from leaderboards.measured import REFERENCE, read_measured
from leaderboards.paper.choice import choose_records
from leaderboards.paper.claims import claims_page

PAGE = Path(__file__).parents[2] / "docs" / "claims.md"
BENCHMARK = "studio"


def page(reference: Path = REFERENCE, benchmark: str = BENCHMARK) -> str:
    """The text of the page.

    Args:
        reference: the folder of the reference records.
        benchmark: the benchmark whose records are used.
    """
    choice = choose_records(read_measured([str(reference)]), benchmark)
    return claims_page(choice, describe_pairs(choice.benchmark))


if __name__ == "__main__":
    write_text(PAGE, page())
