"""The page in Chromium, by what a reader sees: ask, read the evidence, change, keep, come back."""

import re
from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, Open, answered, ask, served, sync_api

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
SURVEY = "Which papers deal with KV cache compression?"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def url(sample_config: Config) -> Iterator[str]:
    with served(sample_config.index) as url:
        yield url


def test_a_marker_opens_its_sentence_in_its_abstract(page: "sync_api.Page"):
    turn = ask(page, "What throughput improvement does NanoFlow achieve?")
    assert "1.91" in turn.inner_text()
    assert "1 paper answers" in turn.inner_text()
    marker = turn.locator(".fn-marker").first
    assert marker.inner_text() == "1a"
    marker.click()
    card = page.locator(".fn-card.fn-on")
    assert "NanoFlow" in card.locator("h3").inner_text()
    open_mark = card.locator("mark.fn-on")
    assert open_mark.inner_text().removesuffix("1a") in turn.inner_text()
    assert card.locator("mark").count() > 1  # every quote of the answer is marked
    assert page.url.endswith("#1a")


def test_hovering_a_marker_shows_its_sentence_and_where_it_is_from(page: "sync_api.Page"):
    turn = ask(page, "Compare S-LoRA and DeltaZip")
    turn.locator(".fn-marker").nth(1).hover()
    hover = page.locator("#fn-hover")
    hover.wait_for()
    assert "DeltaZip" in hover.locator("b").inner_text()  # the next column of the same row
    assert hover.locator("mark").count() == 1
    page.keyboard.press("Escape")
    expect(hover).to_be_hidden()


def test_an_answer_can_be_read_as_a_table_as_prose_and_as_its_papers(page: "sync_api.Page"):
    turn = ask(page, SURVEY)
    assert turn.locator("table").first.is_visible()
    for name, inside in (("Prose", "p"), (re.compile("All papers"), "ol")):
        turn.get_by_role("button", name=name).click()
        assert turn.locator(f".fn-view:visible > {inside}").count()
        assert not turn.locator("table").first.is_visible()


def test_a_chip_changes_how_a_question_is_understood_and_the_answer_follows(page: "sync_api.Page"):
    turn = ask(page, "Which papers since 2024 deal with KV cache compression?")
    chip = turn.locator(".fn-chip", has_text="since 2024")
    assert page.locator("select[data-filter=since]").input_value() == "2024"
    chip.get_by_role("button").click()
    expect(turn.locator(".fn-chip", has_text="since")).to_have_count(0)
    answered(page, 0)
    assert page.locator("select[data-filter=since]").input_value() == ""
    turn.locator("select[data-do=kind]").select_option("number")
    expect(turn.locator("table")).to_have_count(0)
    assert page.locator(".fn-turn").count() == 1


def test_what_is_asked_of_the_records_is_taken_away_chip_by_chip(page: "sync_api.Page"):
    turn = ask(page, "the 3 newest papers with pipeline parallelism in the title")
    rows = turn.locator("tbody tr:visible")
    expect(turn.locator(".fn-chip", has_text="in the title")).to_have_count(1)
    turn.locator(".fn-chip", has_text="in the title").get_by_role("button").click()
    expect(turn.locator(".fn-chip", has_text="in the title")).to_have_count(0)
    answered(page, 0)
    turn.locator(".fn-chip", has_text="3 papers").get_by_role("button").click()
    expect(turn.locator(".fn-chip", has_text="3 papers")).to_have_count(0)
    answered(page, 0)
    assert rows.count()


def test_a_further_question_has_its_own_heading_and_goes_with_its_chip(page: "sync_api.Page"):
    turn = ask(page, "How many papers are there on quantization, and which is the newest?")
    heading = turn.get_by_role("heading", name="Which is the newest", exact=True)
    expect(heading).to_be_visible()
    tables = turn.locator("table:visible").count()
    turn.locator(".fn-chip", has_text="also: which is the newest").get_by_role("button").click()
    expect(heading).to_have_count(0)
    answered(page, 0)
    assert turn.locator("table:visible").count() == tables - 1


def test_a_filter_beside_the_thread_asks_the_open_question_again(page: "sync_api.Page"):
    turn = ask(page, SURVEY)
    page.locator("select[data-filter=since]").select_option("2025")
    turn.locator(".fn-chip", has_text="since 2025").wait_for()
    answered(page, 0)
    dates = re.findall(r"\b20\d\d-\d\d-\d\d\b", turn.inner_text())
    assert dates
    assert all(date.startswith("2025") for date in dates)
    page.get_by_role("button", name="Clear").click()
    expect(turn.locator(".fn-chip", has_text="since")).to_have_count(0)


def test_only_papers_that_report_a_figure_answer_where_that_is_asked(page: "sync_api.Page"):
    turn = ask(page, SURVEY)
    only = page.get_by_label("that report a figure")
    only.check()
    chip = turn.locator(".fn-chip", has_text="reports a figure")
    chip.wait_for()
    answered(page, 0)
    assert turn.locator("tbody tr:visible").count()
    for abstract in page.locator(".fn-abstract").all_inner_texts():
        assert re.search(r"\d", abstract)
    chip.get_by_role("button").click()
    expect(turn.locator(".fn-chip", has_text="reports a figure")).to_have_count(0)
    expect(only).not_to_be_checked()


def test_only_pinned_papers_answer_where_that_is_asked(page: "sync_api.Page"):
    ask(page, SURVEY)
    page.locator(".fn-card").nth(1).get_by_role("button", name="Pin").click()
    page.get_by_label("Only pinned papers").check()
    turn = page.locator(".fn-turn")
    turn.get_by_text("1 paper answers").wait_for()
    assert turn.get_by_text("only 1 pinned paper").is_visible()


def test_an_example_is_asked_by_a_click_and_each_is_of_another_kind(page: "sync_api.Page"):
    examples = page.locator(".fn-start button")
    kinds = examples.locator(".fn-label").all_inner_texts()
    assert len(kinds) == len(set(kinds)) == 4
    examples.nth(1).click()
    answered(page, 0).locator(".fn-marker").first.wait_for()


def test_what_cannot_be_answered_is_said_plainly(page: "sync_api.Page"):
    turn = ask(page, "How many decoding heads does Medusa use?")
    assert "mentions Medusa" in turn.locator(".fn-refused").inner_text()
    assert turn.locator("li .fn-marker").count() == 3


def test_nothing_is_asked_by_an_empty_line_and_a_long_one_is_refused(page: "sync_api.Page"):
    page.fill("#fn-question", "   ")
    page.press("#fn-question", "Enter")
    assert page.locator(".fn-turn").count() == 0
    assert "at most 4,000" in ask(page, "q" * 5_000).inner_text()


def test_a_long_conversation_shows_each_question_at_its_top(page: "sync_api.Page"):
    for question in (SURVEY, "Compare S-LoRA and DeltaZip"):
        turn = ask(page, question)
        frame, heading = (
            page.locator("#fn-scroll").bounding_box(),
            turn.locator("h2").bounding_box(),
        )
        assert frame
        assert heading
        assert 0 <= heading["y"] - frame["y"] < 60


def test_a_follow_up_can_be_asked_on_its_own(page: "sync_api.Page"):
    ask(page, "What is NanoFlow?")
    turn = ask(page, "And its throughput?")
    turn.get_by_text("Understood as").wait_for()
    turn.get_by_role("button", name="Ask it on its own").click()
    expect(turn.get_by_text("Understood as")).to_have_count(0)


def test_papers_are_found_while_a_question_is_typed(page: "sync_api.Page"):
    page.locator("#fn-question").press_sequentially("NanoFlow")
    page.locator("#fn-found button", has_text="NanoFlow").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("#fn-found")).to_be_hidden()


def test_conversations_are_kept_found_renamed_and_deleted(page: "sync_api.Page"):
    ask(page, "What is NanoFlow?")
    page.get_by_role("button", name="New question").click()
    ask(page, "Compare S-LoRA and DeltaZip")
    page.reload()
    page.locator(".fn-turn .fn-marker").first.wait_for()
    assert page.locator(".fn-asked").inner_text() == "Compare S-LoRA and DeltaZip"
    page.fill("#fn-search", "nano")
    names = page.locator(".fn-conversations .fn-name")
    expect(names).to_have_count(1)
    names.first.click()
    expect(page.locator(".fn-asked")).to_have_text("What is NanoFlow?")
    page.locator(".fn-conversations summary").click()
    page.get_by_role("button", name="Rename").click()
    page.fill("dialog input", "Nano things")
    page.get_by_role("button", name="OK").click()
    expect(names).to_have_text("Nano things")
    page.locator(".fn-conversations summary").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="OK").click()
    # Deleted: the page gives the focus to the question, where a key pressed before would have gone.
    expect(page.locator("#fn-question")).to_be_focused()
    # A question that is new is listed, whatever was looked for before it.
    expect(page.locator("#fn-search")).to_have_value("")
    expect(names).to_have_count(1)
    expect(page.locator(".fn-start")).to_be_visible()


def test_a_link_opens_its_question_and_its_quote(visit: Open):
    page = visit("?q=Compare+S-LoRA+and+DeltaZip#2a")
    turn = answered(page, 0)
    page.locator(".fn-card.fn-on", has_text="DeltaZip").wait_for()
    assert turn.locator(".fn-marker.fn-on:visible").inner_text() == "2a"
    ask(page, "What is NanoFlow?")
    page.go_back()
    page.locator(".fn-evidence .fn-card", has_text="DeltaZip").wait_for()


def test_the_keyboard_does_everything(page: "sync_api.Page"):
    turn = ask(page, "Compare S-LoRA and DeltaZip")
    page.locator("#fn-scroll").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert turn.locator(".fn-marker.fn-on:visible").inner_text() == "2a"
    page.keyboard.press("k")
    assert turn.locator(".fn-marker.fn-on:visible").inner_text() == "1a"
    page.keyboard.press("/")
    expect(page.locator("#fn-question")).to_be_focused()
    assert page.locator("#fn-question").input_value() == ""
    page.locator("#fn-scroll").focus()
    page.keyboard.press("?")
    assert page.get_by_role("dialog").locator("dt").count() == 6
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_settings_of_this_browser_are_kept_and_answers_follow_them(page: "sync_api.Page"):
    turn = ask(page, SURVEY)
    n_usual = turn.locator("tbody tr:visible").count()
    page.get_by_role("button", name="Settings").click()
    dialog = page.get_by_role("dialog")
    assert "No language model is configured" in dialog.inner_text()
    dialog.get_by_label("How much").select_option("short")
    dialog.get_by_label("Shown as").select_option("prose")
    expect(turn.locator(".fn-views button[aria-pressed=true]")).to_have_text("Prose")
    dialog.get_by_label("Colours").select_option("dark")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    dialog.get_by_role("button", name="Close").click()
    turn.get_by_role("button", name="Ask again and compare").click()
    answered(page, 0)
    expect(turn.locator(".fn-rests_on")).to_contain_text("depth")
    turn.get_by_role("button", name="Table").click()
    assert turn.locator("tbody tr:visible").count() == 6 < n_usual
    page.get_by_role("button", name="Settings").click()
    dialog.get_by_label("Language").select_option("de")
    page.wait_for_selector("html[lang=de] .fn-app.fn-ready")
    page.locator(".fn-turn .fn-marker:visible").first.wait_for()
    pressed = page.locator(".fn-turn .fn-views button[aria-pressed=true]")
    expect(pressed).to_have_text("Text")
    assert page.locator("html").get_attribute("data-theme") == "dark"


def test_on_a_phone_the_evidence_is_a_sheet_and_closing_it_returns_to_the_place(visit: Open):
    page = visit(**PHONE)
    turn = ask(page, SURVEY)
    marker = turn.locator(".fn-marker:visible").nth(2)
    marker.scroll_into_view_if_needed()
    before = page.locator("#fn-scroll").evaluate("e => e.scrollTop")
    marker.click()
    mark = page.locator("mark.fn-on")
    mark.wait_for()
    page.wait_for_timeout(400)
    assert mark.evaluate("e => e.getBoundingClientRect().bottom <= innerHeight")
    page.keyboard.press("Escape")
    expect(page.locator(".fn-evidence")).to_be_hidden()
    expect(marker).to_be_focused()
    assert page.locator("#fn-scroll").evaluate("e => e.scrollTop") == before


def test_the_page_speaks_german_to_a_german_browser(visit: Open):
    page = visit(locale="de-AT")
    assert page.locator("html").get_attribute("lang") == "de"
    turn = ask(page, "What is NanoFlow?")
    assert "jeder Satz ist ein Zitat" in turn.inner_text()


LOOKS = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "phone": PHONE,
    "zoom": {"viewport": {"width": 720, "height": 450}, "device_scale_factor": 2},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_no_serious_fault(visit: Open, look: str):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = visit(**LOOKS[look])
    states = {"start": axe.run(page)}
    turn = ask(page, SURVEY)
    states["answer"] = axe.run(page)
    turn.locator(".fn-marker:visible").first.click()
    page.wait_for_timeout(400)
    states["evidence"] = axe.run(page)
    faults = [
        (state, fault["id"], fault["nodes"][0]["target"])
        for state, found in states.items()
        for fault in found.response["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_asks_nothing_of_the_network(visit: Open, url: str):
    page = visit()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.reload()
    page.wait_for_selector(".fn-app.fn-ready")
    ask(page, "What is NanoFlow?")
    outside = [u for u in requested if not u.startswith((url, "data:", "blob:"))]
    assert requested
    assert outside == []
