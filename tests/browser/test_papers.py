"""The Papers and Quality tabs in Chromium: find a paper, add some and ask about them, look back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from footnote.eval.pages import write_report
from footnote.eval.report import make_report
from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from tests.browser.conftest import CHROMIUM, ask, served, sync_api
from tests.eval.made import DATASET, RUN

EMBEDDER = "tests.hashing:HashEmbedding"
BIBTEX = """\
@article{zebra, title = {Zebra: Striped Storage},
  abstract = {Zebra stripes attention states over eight disks. It raises throughput by 3.7x.}}
@article{empty, title = {Nothing <b>Here</b>}}
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def record(number: int, **more: object) -> dict[str, object]:
    return {
        "title": f"System {number:04} of many",
        "abstract": f"System {number} keeps block {number} on disk. It is fast.",
        "date": f"20{10 + number % 15}-0{1 + number % 9}-01",
        "organisation": ("ACME", "Zeta Labs", None)[number % 3],
        **more,
    }


QUAGGA = {"title": "Quagga Blankets", "abstract": "Grey wool keeps quaggas warm. It is dry."}
SHORT = {"title": "Twin: <i>One</i> Work", "abstract": "Twin is one work in two places. It is."}
LONG = {**SHORT, "abstract": f"{SHORT['abstract']} It was seen again.", "authors": ["Ada Lee"]}


def write(file: Path, *records: dict[str, object]) -> Path:
    file.write_text("\n".join(map(json.dumps, records)))
    return file


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    config = load_config(index=folder / "index", embedder={"name": EMBEDDER})
    file = write(folder / "base.jsonl", *map(record, range(130)), SHORT, LONG)
    ingest([file], open_index(config, create=True), lambda *_: None)
    report = make_report(
        RUN, DATASET, system="footnote", settings="", index=folder / "none", n_papers=2
    )
    write_report(folder / "reports" / "by-hand", report, RUN)
    variables = {
        "FOOTNOTE_EMBEDDER__NAME": EMBEDDER,
        "FOOTNOTE_WEB__REPORTS": str(folder / "reports"),
        "FOOTNOTE_WEB__UPLOAD_MB": "2",
        "GRADIO_TEMP_DIR": str(folder / "uploads"),
    }
    with served(config.index, **variables) as url:
        yield url


@pytest.fixture
def page(url: str, browser: "sync_api.Browser") -> Iterator["sync_api.Page"]:
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.set_default_timeout(20_000)
    sync_api.expect.set_options(timeout=20_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    page.get_by_role("tab", name="Papers").click()
    page.locator(".fp-sheet").wait_for()
    yield page
    page.close()
    assert errors == []


def count_is(page: "sync_api.Page", text: str) -> None:
    sync_api.expect(page.locator(".fp-count")).to_have_text(text)


def first_title(page: "sync_api.Page", title: str) -> None:
    sync_api.expect(page.locator(".fp-sheet .fp-open").first).to_have_text(title)


def add(page: "sync_api.Page", file: Path) -> None:
    page.set_input_files(".fp-add [type=file]", file)
    page.get_by_role("button", name="Add", exact=True).click()


def search(page: "sync_api.Page", text: str) -> None:
    page.locator(".fp-papers").get_by_role("searchbox").fill(text)


def test_the_table_is_sorted_searched_filtered_and_turned(page: "sync_api.Page"):
    n = int((page.locator(".fp-count").text_content() or "").split()[0])
    page.get_by_role("button", name="Title").click()
    first_title(page, "System 0000 of many")
    assert page.locator("[aria-sort=ascending]").inner_text().startswith("Title")
    page.keyboard.press("Enter")  # the focus stays on the heading
    sync_api.expect(page.locator("[aria-sort=descending]")).to_contain_text("Title")
    page.get_by_role("button", name="Title").click()
    page.get_by_role("button", name="Next").click()
    sync_api.expect(page.locator(".fp-pages span")).to_have_text(f"51–100 of {n}")
    first_title(page, "System 0050 of many")
    search(page, "block 77")
    count_is(page, "1 paper")
    search(page, "nothing like it")
    page.get_by_text("No paper is like that").wait_for()
    page.get_by_role("button", name="Clear").click()
    count_is(page, f"{n} papers")
    page.locator(".fp-papers").get_by_label("Organisation").select_option("Zeta Labs")
    count_is(page, "43 papers")
    page.locator(".fp-papers").get_by_label("From").fill("2023-01-01")
    count_is(page, "8 papers")


def test_a_paper_has_its_own_page_and_esc_leads_back(page: "sync_api.Page"):
    search(page, "System 0042")
    row = page.get_by_role("button", name="System 0042 of many")
    row.click()
    heading = page.get_by_role("heading", name="System 0042 of many")
    sync_api.expect(heading).to_be_focused()
    shown = page.locator(".fp-shown")
    assert "keeps block 42 on disk" in shown.inner_text()
    assert "base.jsonl" in shown.inner_text()
    assert shown.get_by_role("link").first.get_attribute("rel") == "noopener noreferrer"
    page.keyboard.press("Escape")
    sync_api.expect(row).to_be_focused()


def test_an_uploaded_file_is_asked_and_what_was_refused_is_listed(
    page: "sync_api.Page", url: str, tmp_path: Path
):
    file = tmp_path / "zebra.bib"
    file.write_text(BIBTEX)
    add(page, file)
    ended = page.locator(".fp-done")
    sync_api.expect(ended).to_contain_text("zebra.bib: 1 added, 0 updated, 0 unchanged, 1 refused")
    ended.locator("summary").click()
    sync_api.expect(ended.locator("li")).to_have_text("zebra.bib: Nothing <b>Here</b>: no abstract")
    search(page, "zebra")
    count_is(page, "1 paper")
    page.get_by_role("tab", name="Ask").click()
    turn = ask(page, "What does Zebra do with attention states?")
    sync_api.expect(turn).to_contain_text("over eight disks")


def test_news_that_are_open_tell_of_what_is_added_meanwhile(page: "sync_api.Page", tmp_path: Path):
    page.get_by_role("tab", name="Ask").click()
    ask(page, "What do okapis eat?").get_by_role("button", name="Watch this question").click()
    page.locator("#fn-standing").click()
    watch = page.locator(".fn-watch")
    sync_api.expect(watch).to_contain_text("No news yet")
    page.get_by_role("tab", name="Papers").click()
    okapi = {
        "title": "Okapi Meals",
        "abstract": "Okapis eat leaves and what okapis find. It is green.",
    }
    add(page, write(tmp_path / "okapi.jsonl", record(8_000, **okapi)))
    page.locator(".fp-done", has_text="okapi.jsonl").wait_for()
    page.get_by_role("tab", name="Ask").click()
    sync_api.expect(watch.locator("q").first).to_contain_text("eat leaves")
    watch.get_by_role("button", name="Stop watching").click()
    page.get_by_role("button", name="OK", exact=True).click()


def test_an_answer_is_asked_again_and_what_changed_is_told(
    page: "sync_api.Page", url: str, tmp_path: Path
):
    page.get_by_role("tab", name="Ask").click()
    ask(page, "What keeps quaggas warm?")
    page.reload()
    page.wait_for_selector(".fn-app.fn-ready")
    turn = page.locator(".fn-turn")
    turn.get_by_role("button", name="Ask again and compare").click()
    sync_api.expect(turn.locator(".fn-difference")).to_contain_text("Nothing changed")
    page.get_by_role("tab", name="Papers").click()
    add(page, write(tmp_path / "quagga.jsonl", record(7_000, **QUAGGA)))
    page.locator(".fp-done", has_text="quagga.jsonl").wait_for()
    page.get_by_role("tab", name="Ask").click()
    turn.get_by_role("button", name="Ask again and compare").click()
    difference = turn.locator(".fn-difference")
    sync_api.expect(difference.locator(".fn-papers_now")).to_contain_text("Quagga Blankets")
    sync_api.expect(difference.locator(".fn-said_now")).to_contain_text("wool keeps quaggas warm")
    sync_api.expect(difference.locator(".fn-rests_on")).to_contain_text("There were")
    assert "Quagga" in turn.locator(".fn-marker").first.get_attribute("aria-label")
    difference.get_by_role("button", name="Show the earlier answer").click()
    sync_api.expect(turn).not_to_contain_text("wool keeps quaggas warm")
    assert turn.locator(".fn-difference").count() == 0


def test_an_addition_is_cancelled_and_seen_by_who_comes_back(
    page: "sync_api.Page", url: str, tmp_path: Path
):
    n = int((page.locator(".fp-count").text_content() or "").split()[0])
    more = (record(number, title=f"Later {number}") for number in range(1_000, 6_000))
    add(page, write(tmp_path / "later.jsonl", *more))
    page.locator("progress").wait_for()
    page.reload()
    page.get_by_role("tab", name="Papers").click()
    running = page.locator(".fp-running")
    sync_api.expect(running).to_contain_text("Adding later.jsonl")
    add(page, write(tmp_path / "other.jsonl", SHORT))
    sync_api.expect(page.locator(".fp-error")).to_contain_text("another job is under way")
    page.get_by_role("button", name="Cancel").click()
    page.locator(".fp-cancelled").wait_for(timeout=60_000)
    page.get_by_role("button", name="Dismiss").click()
    count = page.locator(".fp-count").text_content() or ""
    assert n <= int(count.split()[0].replace(",", "")) < n + 5_000
    # The index is free again.
    page.set_input_files(".fp-add [type=file]", [])
    page.get_by_label("Ask a service").fill("nowhere:1")
    page.get_by_role("button", name="Add", exact=True).click()
    sync_api.expect(page.locator(".fp-error")).to_contain_text("names no service")


def test_a_file_that_is_too_large_is_refused(page: "sync_api.Page", tmp_path: Path):
    large = tmp_path / "large.jsonl"
    large.write_bytes(b" " * 2_500_000)
    add(page, large)
    refusal = page.locator(".fp-error")
    sync_api.expect(refusal).to_contain_text("not taken: large.jsonl is larger")


def test_a_paper_is_split_and_removed_after_a_question(page: "sync_api.Page"):
    search(page, "Twin")
    count_is(page, "1 paper")
    page.get_by_role("button", name="Twin").click()
    sync_api.expect(page.locator(".fp-shown li").first).to_contain_text("1 and 2 have")
    page.get_by_role("button", name="Split").click()
    page.get_by_role("button", name="Keep it as it is").click()
    assert page.locator(".fp-shown h3").inner_text() == "Twin: <i>One</i> Work"
    page.get_by_role("button", name="Split").click()
    page.get_by_role("button", name="Go on").click()
    count_is(page, "2 papers")
    page.get_by_role("button", name="Twin").first.click()
    page.locator(".fp-shown").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Go on").click()
    count_is(page, "1 paper")


def test_a_report_and_its_questions_are_opened_and_refusals_listed(page: "sync_api.Page"):
    page.get_by_role("tab", name="Ask").click()
    ask(page, "Who won the football cup of Ruritania?")
    page.get_by_role("tab", name="Quality").click()
    page.get_by_role("heading", name="by-hand").wait_for()
    assert page.locator(".fp-plots svg").count() == 1
    page.get_by_role("button", name="How fast is Alpha?").click()
    shown = page.locator(".fp-quality .fp-shown")
    sync_api.expect(shown).to_contain_text("It is 2.5× faster. [1]")
    sync_api.expect(shown).to_contain_text("not in this index")
    page.get_by_role("button", name="All questions").click()
    sync_api.expect(page.locator(".fp-readers")).to_contain_text("football cup of Ruritania")


def test_on_a_phone_nothing_is_wider_than_the_screen(page: "sync_api.Page"):
    page.set_viewport_size({"width": 390, "height": 844})
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 390
    small = page.evaluate(
        "[...document.querySelectorAll('.fp-papers :is(button, input, select, summary)')]"
        ".filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
        ".filter(([, r]) => r.height < 23.9 || r.width < 23.9).map(([h]) => h)"
    )
    assert small == []
    page.get_by_role("tab", name="Quality").click()
    page.locator(".fp-readers h3").first.wait_for()
    assert page.evaluate(width) <= 390


LOOKS = {
    "light": ((1440, 900), "light"),
    "dark": ((1440, 900), "dark"),
    "phone": ((390, 844), "light"),
    "zoom": ((720, 450), "light"),  # 1440 by 900 at 200%
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_no_serious_fault_in_papers_and_quality(page: "sync_api.Page", look: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    (width, height), scheme = LOOKS[look]
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)  # pyright: ignore[reportArgumentType]
    states = {"table": axe.run(page)}
    page.locator(".fp-open").first.click()
    page.locator(".fp-papers .fp-back").wait_for()
    states["paper"] = axe.run(page)
    # The bar above the tabs does not hide the way back.
    assert page.locator(".fp-papers .fp-back").evaluate(
        "e => document.elementFromPoint(e.getBoundingClientRect().left + 9, e.getBoundingClientRect().top + 9) === e"
    )
    page.get_by_role("tab", name="Quality").click()
    page.get_by_role("heading", name="by-hand").wait_for()
    for summary in page.locator(".fp-quality summary").all():
        summary.click()
    states["report"] = axe.run(page)
    page.get_by_role("button", name="How fast is Alpha?").click()
    page.locator(".fp-quality .fp-back").wait_for()
    states["question"] = axe.run(page)
    assert all(len(found.response["passes"]) > 20 for found in states.values())
    faults = [
        (state, fault["id"], fault["nodes"][0]["target"])
        for state, found in states.items()
        for fault in found.response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
