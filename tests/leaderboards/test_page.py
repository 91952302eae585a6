"""The page: what it holds, that texts stay data, and that it works in a browser without a network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import fhpt_bench as fb
from fhpt_bench.cli import cli
from fhpt_bench.records.score_difference import compare_scores
from fhpt_bench.weights import WeightsMissing
from leaderboards.page.thumbnails import LIMIT
from tests.hostile.conftest import Done, Forger, call, forge, true_record  # noqa: F401

Call = Callable[..., Done]
CHROMIUM = shutil.which("chromium")
HOSTILE = (
    "</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "$x_{1}$ & <b>",
    "{{ 7 * 7 }}", "]]>", "<!--", "a\u202eb", "`${alert(1)}`", "' onclick='alert(1)",
)  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for model in ("copy-source", "warp", "real"):
        fb.run(model, "studio", ["ssim", "psnr"], limit=24, out=folder / model)
    return folder


def content(page: Path) -> dict[str, Any]:
    text = (page / "index.html").read_text(encoding="utf-8")
    (found,) = re.findall(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)
    loaded: dict[str, Any] = json.loads(found)
    return loaded


def test_the_page_says_what_the_table_says(runs: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    done = call("leaderboard", "--records", runs, "--format", "html", "--out", tmp_path / "page")
    assert done.code == 0, done.err
    assert f"page  {tmp_path / 'page/index.html'}" in done.out
    (table,) = content(tmp_path / "page")["tables"]
    assert [row["label"] for row in table["rows"]][-1] == "real (oracle)"
    assert (table["pairs"], table["people"]) == (24, 24)
    record = fb.read_record(runs / "warp")
    warp = next(row for row in table["rows"] if row["name"] == "warp")
    column = next(i for i, c in enumerate(table["columns"]) if c["key"] == "ssim:canonical:ssim")
    value, low, high, rank, _, n, status, reason = warp["cells"][column]
    assert record["ssim"].interval is not None
    assert (value, low, high) == pytest.approx((record["ssim"].value, *record["ssim"].interval[:2]), rel=1e-8)
    assert (n, status, reason) == (24, "ok", "")
    assert rank == 1
    assert (
        table["columns"][column] | {"headline": True, "group": "perceptual", "pose": True} == table["columns"][column]
    )
    compared = table["compare"]["0-1"]["scores"][str(column)]
    names = [row["name"] for row in table["rows"][:2]]
    comparison = compare_scores(
        *(fb.read_record(runs / name)["ssim"] for name in names),
        *(fb.records.comparison.read_values(fb.read_record(runs / name))["ssim:canonical:ssim"] for name in names),
        True,
    )
    assert compared[:2] == pytest.approx([comparison.value_a, comparison.value_b], rel=1e-8)
    assert compared[2] == pytest.approx(comparison.value_a - comparison.value_b, rel=1e-7)
    assert compared[5] == comparison.verdict
    assert compared[7] + compared[8] <= 24
    assert not [note for note in table["notes"] if "bold" in note or "--format csv" in note], "of text tables"


def test_a_second_call_writes_what_changed(runs: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    place, words = tmp_path / "page", ["leaderboard", "--format", "html", "--out", tmp_path / "page", "--records"]
    assert " 0 written" not in call(*words, runs).out
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()}
    assert ", 0 written)" in call(*words, runs).out
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*") if path.is_file()} == before
    fewer = tmp_path / "fewer"
    shutil.copytree(runs / "warp", fewer / "warp")
    assert call(*words, fewer).code == 0
    sprites = {name for table in content(place)["tables"] for name in table["sprites"].values()}
    assert {f"sprites/{path.name}" for path in (place / "sprites").iterdir()} == sprites, "no sprite of the first page"


def test_foreign_folders_are_refused(runs: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/index.html").write_text("mine")
    done = call("leaderboard", "--records", runs, "--format", "html", "--out", tmp_path / "mine")
    assert done.code == 2
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["index.html"]
    assert call("leaderboard", "--records", runs, "--single-file").code == 2


def test_one_file_without_images(runs: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    done = call("leaderboard", "--records", runs, "--format", "html", "--out", tmp_path / "p", "--single-file")
    assert done.code == 0
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [".lock", "index.html", "page.json"]
    assert (tmp_path / "p/index.html").stat().st_size < 3 << 20
    assert "img-src 'none'" in (tmp_path / "p/index.html").read_text()


def test_sprites_fit(runs: Path, tmp_path: Path, call: Call) -> None:  # noqa: F811
    from PIL import Image

    call("leaderboard", "--records", runs, "--format", "html", "--out", tmp_path / "p")
    files = list((tmp_path / "p/sprites").iterdir())
    assert sum(file.stat().st_size for file in files) <= LIMIT
    assert len(files) == 3 + 3
    for file in files:
        with Image.open(file) as image:
            assert image.format == "WEBP"


def test_the_extremes_of_every_model_are_on_the_page(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,  # noqa: F811
) -> None:
    """Few pairs fit: `worst first` must still begin with the worst ones of all pairs."""
    monkeypatch.setattr("leaderboards.page.thumbnails.LIMIT", 2600 * 6 * 20)
    monkeypatch.setattr("leaderboards.page.comparisons._EXTREMES", 0)
    call("leaderboard", "--records", runs, "--format", "html", "--out", tmp_path / "page")
    (table,) = content(tmp_path / "page")["tables"]
    shown = {pair[0] for pair in table["pairs_shown"]}
    assert len(shown) < 24
    assert table["extreme"] == 3
    for model in ("warp", "copy-source"):
        for key in ("ssim", "psnr"):
            values = fb.read_record(runs / model)[key].per_pair.sort_values(kind="stable")
            assert {*values.index[:3], *values.index[-3:]} <= shown


@pytest.fixture(scope="module")
def retrieving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two models with a score of retrieval."""
    place = tmp_path_factory.mktemp("retrieving")
    for model in ("copy-source", "warp", "real"):
        fb.run(model, "studio", "retrieval:unique-efficientnet-lite0", limit=60, out=place / "runs" / model)
    words = ["leaderboard", "--records", str(place / "runs"), "--format", "html", "--out", str(place / "page")]
    assert CliRunner().invoke(cli, words).exit_code == 0
    return place


def test_galleries_show_what_was_measured(retrieving: Path) -> None:
    (table,) = content(retrieving / "page")["tables"]
    shown = table["retrieval"]
    assert (shown["variant"], shown["depth"]) == ("unique-efficientnet-lite0", 10)
    assert set(table["sprites"]) >= {"gallery", "source", "target"}
    names = [row["name"] for row in table["rows"]]
    assert 1 <= len(shown["examples"]) <= 4
    for pair, rows in shown["examples"]:
        assert [names[row] if row >= 0 else "target" for row, *_ in rows] == [*names[:2], "target"], "no oracle"
        for row, found, right, total in rows:
            assert sum(same for _, same in found) == right <= total
            # The target queries as the oracle's images do.
            record = fb.read_record(retrieving / "runs" / (names[row] if row >= 0 else "real"))
            measured = record["retrieval"].per_pair[pair]
            assert right / min(total, 10) == pytest.approx(measured)


def test_without_the_network_the_page_has_no_galleries(
    retrieving: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,  # noqa: F811
) -> None:
    def missing(*_: object) -> None:
        raise WeightsMissing("The weights efficientnet-lite0 are not here.")

    monkeypatch.setattr("fhpt_bench.weights.fetch", missing)
    done = call("leaderboard", "--records", retrieving / "runs", "--format", "html", "--out", tmp_path / "page")
    assert done.code == 0
    assert "no retrieval galleries: The weights" in " ".join((done.out + done.err).split())
    assert "retrieval" not in content(tmp_path / "page")["tables"][0]


@pytest.fixture
def hostile(forge: Forger, tmp_path: Path, call: Call) -> Path:  # noqa: F811
    """A page of records with a hostile text in every field."""
    for number, text in enumerate(HOSTILE):

        def change(record: dict[str, Any], text: str = text) -> None:
            record["model"] |= {"name": text, "title": text, "paper": text, "licence": text, "codec": text}
            record["model"]["conditioning"] = [text]
            record["benchmark"]["title"] = text

        forge(str(number), change)
    done = call("leaderboard", "--records", tmp_path / "records", "--format", "html", "--out", tmp_path / "page")
    assert done.code == 0, done.err
    return tmp_path / "page"


class Tags(HTMLParser):
    """The tags of a page and their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_texts_stay_data(hostile: Path) -> None:
    page = (hostile / "index.html").read_text(encoding="utf-8")
    assert page.count("<script") == page.count("</script>") == 2
    tags = Tags(page)
    assert not tags.found & {"img", "b", "iframe", "object", "embed", "image", "foreignobject"}
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert "\u202e" not in page
    (table,) = content(hostile)["tables"]
    assert {row["title"] for row in table["rows"]} == {fb.errors.plain(text) for text in HOSTILE}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield started
        started.close()


@pytest.fixture(scope="module")
def made(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from click.testing import CliRunner

    from fhpt_bench.cli import cli

    place = tmp_path_factory.mktemp("page") / "p"
    done = CliRunner().invoke(cli, ["leaderboard", "--records", str(runs), "--format", "html", "--out", str(place)])
    assert done.exit_code == 0, done.output
    return place


class Seen:
    """A page that was opened, with everything that it said and asked for."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *raised: object) -> None:
        self.context.close()
        if raised[0] is None:
            assert self.messages == []
            assert all(url.startswith("file:") for url in self.requests), self.requests

    def models(self) -> list[str]:
        found: list[str] = self.page.locator("tbody th b").all_inner_texts()
        return found


def test_sort_filter_and_links(browser: Any, made: Path) -> None:
    address = (made / "index.html").as_uri()
    with Seen(browser, address) as seen:
        page = seen.page
        assert seen.models() == ["warp", "copy-source", "real"]
        page.get_by_role("button", name="PSNR (dB) ↑").click()
        page.get_by_role("button", name="PSNR (dB) ↑").click()
        assert seen.models() == ["copy-source", "warp", "real"], "the worst first; an oracle is last"
        assert page.locator('th[aria-sort="ascending"]').count() == 1
        page.get_by_label("Filter by model").fill("copy")
        assert seen.models() == ["copy-source"]
        assert page.evaluate("document.activeElement.id") == "filter"
        page.get_by_role("button", name="perceptual").click()
        assert page.locator("thead th").count() == 1
        link = page.url
    with Seen(browser, link) as again:
        assert again.models() == ["copy-source"]
        assert again.page.locator("thead th").count() == 1


def test_long_lists_in_notes_are_folded(browser: Any, made: Path) -> None:
    with Seen(browser, (made / "index.html").as_uri()) as seen:
        keys = ", ".join(f"retrieval:hit:retrieval@{k}" for k in range(20))
        for text in (f"{keys}: cannot see the pose.", f"cannot see the pose.: {keys}"):
            folded = (
                "text => { const d = note(text).querySelector('details'); return [d.open, d.firstChild.textContent]; }"
            )
            assert seen.page.evaluate(folded, text) == [False, "cannot see the pose."]
        assert seen.page.evaluate("note('ssim: a short note').innerHTML") == "ssim: a short note"


def test_cards_compare_and_pairs(browser: Any, made: Path) -> None:
    with Seen(browser, (made / "index.html").as_uri()) as seen:
        page = seen.page
        page.get_by_role("button", name="What SSIM computes").click()
        assert "Wang" in page.locator("dialog").inner_text()
        page.keyboard.press("Escape")
        assert not page.locator("dialog").is_visible()
        page.get_by_role("button", name="Compare").click()
        rows = page.locator("tbody tr").all_inner_texts()
        assert any(row.startswith("SSIM") and "better" in row for row in rows)
        page.locator("#model-a").select_option("copy-source")
        page.locator("#model-b").select_option("warp")
        rows = page.locator("tbody tr").all_inner_texts()
        assert any(row.startswith("SSIM") and "worse" in row for row in rows)
        assert page.locator(".thumb").count() > 0
        page.get_by_role("button", name="Pairs", exact=True).click()
        assert page.locator("section").count() == 24
        assert page.locator("#more").count() == 0, "24 pairs, and all are shown"
        page.locator("#pair-order").select_option("disputed")
        page.get_by_label("Find pairs").fill("back")
        assert 0 < page.locator("section").count() < 24
        shown = page.locator(".thumb").first.evaluate("e => getComputedStyle(e).backgroundImage")
        assert shown.startswith('url("file:')
        assert any(url.endswith(".webp") for url in seen.requests)
        page.get_by_role("button", name="Plots").click()
        assert page.locator("main figure svg").count() >= 2
        page.get_by_role("button", name="Published numbers").click()
        assert "never ranked" in page.locator("main").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, made: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    for view in ("table", "compare", "pairs", "plots", "published"):
        address = f"{(made / 'index.html').as_uri()}#v={view}"
        with Seen(browser, address, color_scheme=scheme, bypass_csp=True) as seen:
            found = axe.run(seen.page).response["violations"]
            serious = [
                (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
            ]
            assert serious == [], view


def test_more_pairs_on_demand_and_the_menu_of_columns_on_a_phone(browser: Any, retrieving: Path) -> None:
    address = (retrieving / "page" / "index.html").as_uri()
    with Seen(browser, address, viewport={"width": 390, "height": 800}) as seen:
        page = seen.page
        page.locator("#columns").click()
        box = page.locator(".chooser div").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        page.get_by_label("Filter by model").fill("absent")
        assert 'No model has "absent" in its name.' in page.locator("main").inner_text()
        page.get_by_role("button", name="Pairs", exact=True).click()
        assert page.locator("section").count() == 24
        page.locator("#more").click()
        assert page.locator("section").count() == 48
        link = page.url
    with Seen(browser, link) as again:
        assert again.page.locator("section").count() == 48


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_galleries_in_a_browser(browser: Any, retrieving: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    address = f"{(retrieving / 'page' / 'index.html').as_uri()}#v=plots"
    with Seen(browser, address, color_scheme=scheme, bypass_csp=True) as seen:
        shown = content(retrieving / "page")["tables"][0]["retrieval"]
        tiles = sum(len(found) for _, rows in shown["examples"] for _, found, *_ in rows)
        assert seen.page.locator(".gallery .right, .gallery .wrong").count() == tiles
        assert "real target image: " in seen.page.locator("main").inner_text()
        serious = [
            one["id"] for one in axe.run(seen.page).response["violations"] if one["impact"] in ("serious", "critical")
        ]
        assert serious == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 800, 1440])
def test_sizes_and_schemes(browser: Any, made: Path, width: int, scheme: str) -> None:
    size = {"width": width, "height": 800}
    with Seen(browser, (made / "index.html").as_uri(), viewport=size, color_scheme=scheme) as seen:
        for view in ("Table", "Compare", "Pairs", "Plots and galleries", "Published numbers"):
            seen.page.get_by_role("button", name=view, exact=True).click()
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= width, view
        background = seen.page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(15, 18, 22)")


def test_hostile_texts_do_nothing(browser: Any, hostile: Path) -> None:
    with Seen(browser, (hostile / "index.html").as_uri()) as seen:
        shown = seen.page.locator("main").inner_text()
        assert all(fb.errors.plain(text) in shown for text in HOSTILE)
        for view in ("Compare", "Plots and galleries"):
            seen.page.get_by_role("button", name=view, exact=True).click()
        assert seen.page.locator("main img").count() == 0
