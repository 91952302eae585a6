"""The sizes in docs/drn-architecture.md match the networks."""

from __future__ import annotations

from tools.docs import drn_networks
from tools.docs.pages import fill


def test_the_sizes_on_the_page_match_the_networks() -> None:
    page = drn_networks.PAGE.read_text(encoding="utf-8")
    assert fill(page, {"sizes": drn_networks.sizes()}) == page
