"""The page in Chromium, by what a reader takes away and returns to: copies, files, paper, places."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, Open, answered, ask, served, sync_api

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
COMPARISON = "Compare S-LoRA and DeltaZip"
TITLES = ("S-LoRA: Serving Thousands of Concurrent LoRA Adapters", "DeltaZip")
A4 = {"width": 794, "height": 1123}


@pytest.fixture(scope="module")
def url(sample_config: Config) -> Iterator[str]:
    with served(sample_config.index) as url:
        yield url


def saved(page: "sync_api.Page", click: Callable[[], None]) -> tuple[str, str]:
    """Return the name and the text of the file that a click saves."""
    with page.expect_download() as download:
        click()
    return download.value.suggested_filename, Path(download.value.path()).read_text("utf-8")


def one_sentence(turn: "sync_api.Locator") -> str:
    """Return what a quote of the answer says, without its marker."""
    cell = turn.locator(".fn-view:visible td:has(.fn-marker)").first
    return re.sub(r"\s*\b\d+[a-z]\b\s*", "", cell.inner_text()).strip()


IN_FORM: dict[str, Callable[[str], object]] = {
    "Text": lambda text: TITLES[0] in text,
    "Markdown": lambda text: TITLES[0] in text,
    "HTML": lambda text: text.lstrip().lower().startswith("<!doctype html"),
    "BibTeX": lambda text: text.count("@") == 2,
    "RIS": lambda text: text.count("TY  - ") == 2,
    "CSL-JSON": lambda text: len(json.loads(text)) == 2,
    "CSV": lambda text: len(list(csv.reader(text.splitlines()))) > 2,
}


def test_an_answer_is_saved_in_each_form(page: "sync_api.Page"):
    turn = ask(page, COMPARISON)
    quote = one_sentence(turn)
    names = set[str]()
    for form, is_so in IN_FORM.items():
        turn.locator("summary", has_text="Export").click()
        choice = turn.get_by_role("button", name=form, exact=True)
        name, text = saved(page, choice.click)
        names.add(name)
        assert is_so(text), (form, text)
        assert all(title in text for title in TITLES), form
        if form in ("Text", "Markdown", "HTML"):
            assert quote in text
    assert len(names) == 7
    assert len({name.partition(".")[2] for name in names}) == 7


def test_a_conversation_is_saved_with_all_its_questions_and_sources(page: "sync_api.Page"):
    ask(page, "What is NanoFlow?")
    quote = one_sentence(ask(page, COMPARISON))
    page.locator(".fn-conversations summary").click()
    keep = page.locator(".fn-conversations").get_by_role("button", name="Export")
    name, text = saved(page, keep.click)
    assert name.endswith(".md")
    assert text.index("# What is NanoFlow?") < text.index(f"# {COMPARISON}")
    assert quote in text
    assert f"[1] {TITLES[0]}" in text


def test_an_answer_and_a_link_to_its_quote_are_copied(visit: Open, url: str):
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    turn = ask(page, COMPARISON)
    turn.get_by_role("button", name="Copy").click()
    expect(page.locator("#fn-live")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(COMPARISON)
    assert one_sentence(turn) in copied
    assert f"[1] {TITLES[0]}" in copied
    turn.locator(".fn-marker:visible", has_text="2a").click()
    turn.get_by_role("button", name="Link").click()
    expect(page.locator("#fn-live")).to_have_text("The link was copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{url}?q=Compare")
    assert link.endswith("#2a")


def test_an_edited_question_takes_the_place_of_the_first_and_esc_leaves_it(page: "sync_api.Page"):
    turn = ask(page, "What is NanoFlow?")
    box, note = page.locator("#fn-question"), page.locator("#fn-editing")
    edit = turn.get_by_role("button", name="Edit")
    edit.click()
    expect(box).to_be_focused()
    expect(box).to_have_value("What is NanoFlow?")
    expect(note).to_be_visible()
    page.keyboard.press("Escape")
    expect(box).to_have_value("")
    expect(note).to_be_hidden()
    ask(page, "What is DeltaZip?")
    assert page.locator(".fn-asked").all_inner_texts() == ["What is NanoFlow?", "What is DeltaZip?"]
    edit.click()
    page.fill("#fn-question", COMPARISON)
    page.press("#fn-question", "Enter")
    expect(page.locator(".fn-asked").first).to_have_text(COMPARISON)
    answered(page, 0)
    expect(turn.locator("td", has_text="DeltaZip").first).to_be_visible()
    assert page.locator(".fn-turn").count() == 2
    # An edit that is left by a new conversation changes nothing there.
    edit.click()
    page.get_by_role("button", name="New question").click()
    expect(box).to_have_value("")
    ask(page, "What is NanoFlow?")
    assert page.locator(".fn-turn .fn-marker").count()


def test_what_was_typed_before_an_edit_is_not_looked_up_over_it(page: "sync_api.Page"):
    turn = ask(page, "What is NanoFlow?")
    page.fill("#fn-question", "NanoFlow")
    turn.get_by_role("button", name="Edit").click()
    page.wait_for_timeout(600)
    expect(page.locator("#fn-found")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#fn-editing")).to_be_hidden()


def test_the_focus_stays_where_it_was_when_an_answer_is_drawn_again(page: "sync_api.Page"):
    turn = ask(page, "Which papers since 2024 deal with KV cache compression?")
    expect(page.locator("#fn-question")).to_be_focused()
    again = turn.get_by_role("button", name="Ask again", exact=True)
    again.focus()
    page.keyboard.press("Enter")
    answered(page, 0)
    expect(again).to_be_focused()
    turn.locator(".fn-chip button").last.focus()
    page.keyboard.press("Enter")
    expect(turn.locator(".fn-chip button")).to_have_count(0)
    answered(page, 0)
    expect(turn.locator(".fn-asked")).to_be_focused()  # the chip is gone
    kind = turn.get_by_label("Kind of question")
    kind.focus()
    kind.select_option("number")
    answered(page, 0)
    expect(kind).to_be_focused()
    page.locator(".fn-conversations summary").click()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="OK").click()
    expect(page.locator("#fn-question")).to_be_focused()


def test_keys_alone_lead_from_a_question_to_its_evidence_and_back(page: "sync_api.Page"):
    page.keyboard.type(COMPARISON)  # the box has the focus
    page.keyboard.press("Enter")
    answered(page, 0)
    # Back through the page to a marker, without the mouse.
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.matches('.fn-marker')"):
            break
    here = page.locator(".fn-marker:focus")
    label = here.inner_text()
    page.keyboard.press("Enter")
    expect(page.locator("mark.fn-on sup")).to_have_text(label)
    expect(here).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("mark.fn-on sup")).not_to_have_text(label)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(page.locator("#fn-question")).to_be_focused()


def test_a_paper_leads_to_those_like_it_and_is_asked_alone(page: "sync_api.Page"):
    ask(page, COMPARISON)
    card = page.locator(".fn-card").first
    similar = card.locator(".fn-similar button")
    card.get_by_role("button", name="Similar papers").click()
    expect(similar).to_have_count(5)
    titles = similar.all_inner_texts()
    assert len(set(titles)) == 5
    assert TITLES[0] not in titles
    card.get_by_role("button", name="Similar papers").click()
    expect(similar).to_have_count(0)
    card.get_by_role("button", name="Ask this paper").click()
    box = page.locator("#fn-question")
    expect(box).to_be_focused()
    expect(box).to_have_value(f"{TITLES[0]}: ")
    page.keyboard.type("what throughput does it reach?")
    page.keyboard.press("Enter")
    turn = answered(page, 1)
    assert "4 times" in turn.inner_text()
    assert page.locator(".fn-card").count() == 1
    page.locator(".fn-card").get_by_role("button", name="Similar papers").click()
    page.locator(".fn-similar button").first.click()
    answered(page, 2).locator(".fn-marker").first.wait_for()


def test_pins_are_kept_by_the_browser_and_dropped_at_the_side(page: "sync_api.Page"):
    ask(page, COMPARISON)
    page.locator(".fn-card").first.get_by_role("button", name="Pin").click()
    page.reload()
    page.locator(".fn-turn .fn-marker").first.wait_for()
    expect(page.locator("#fn-pins li")).to_contain_text(TITLES[0])
    pin = page.locator(".fn-card").first.get_by_role("button", name="Unpin")
    expect(pin).to_have_attribute("aria-pressed", "true")
    page.locator("#fn-pins button").click()
    expect(page.locator("#fn-pinned")).to_be_hidden()
    expect(page.locator(".fn-card").first.get_by_role("button", name="Pin")).to_be_visible()


def test_pinned_papers_alone_are_taken_away_where_that_is_asked(page: "sync_api.Page"):
    turn = ask(page, COMPARISON)
    menu, only = turn.locator("summary", has_text="Export"), turn.locator("[data-only]")
    menu.click()
    expect(only).to_be_hidden()
    menu.click()
    page.locator(".fn-card").first.get_by_role("button", name="Pin").click()
    menu.click()
    turn.get_by_label("Only pinned papers (1)").check()
    _, bibtex = saved(page, turn.get_by_role("button", name="BibTeX", exact=True).click)
    assert bibtex.count("@") == 1
    assert TITLES[0].split(":")[0] in bibtex
    menu.click()
    _, text = saved(page, turn.get_by_role("button", name="Text", exact=True).click)
    assert TITLES[0] in text
    assert "DeltaZip:" not in text


def test_a_table_is_put_in_order_by_what_its_rows_state(page: "sync_api.Page"):
    turn = ask(page, "Which paper since 2024 reports the largest speed-up?")
    order, rows = turn.locator("select[data-do=order]:visible"), "tbody:visible tr"
    found = turn.locator(rows).all_inner_texts()
    order.select_option(label="largest × first")
    said = turn.locator(rows).evaluate_all("rows => rows.map((row) => row.dataset.factor)")
    factors = [float(each) for each in said if each is not None]
    assert len(factors) >= 3
    assert factors == sorted(factors, reverse=True)
    assert None not in said[: len(factors)]  # those that state none stand last
    order.select_option(label="as found")
    assert turn.locator(rows).all_inner_texts() == found


def test_back_and_forward_keep_the_conversation_and_its_place(page: "sync_api.Page"):
    for question in ("What is NanoFlow?", COMPARISON):
        ask(page, question)
    page.go_back()
    expect(page.locator(".fn-evidence .fn-card h3").first).to_contain_text("NanoFlow")
    page.go_forward()
    expect(page.locator(".fn-evidence .fn-card h3").first).to_contain_text("S-LoRA")
    assert page.locator(".fn-turn").count() == 2
    page.goto("about:blank")
    page.go_back()
    page.locator(".fn-turn .fn-marker").first.wait_for()
    assert page.locator(".fn-asked").all_inner_texts() == ["What is NanoFlow?", COMPARISON]
    expect(page.locator(".fn-evidence .fn-card h3").first).to_contain_text("S-LoRA")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_paper_are_questions_answers_and_each_paper_with_its_quotes(visit: Open, theme: str):
    page = visit(color_scheme=theme)
    ask(page, "What is NanoFlow?")
    ask(page, COMPARISON)
    sheets = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    assert 1 < sheets < 6
    page.emulate_media(media="print")
    page.set_viewport_size(A4)  # pyright: ignore[reportArgumentType]
    for turn, paper in zip(page.locator(".fn-turn").all(), ("NanoFlow", "S-LoRA"), strict=True):
        expect(turn.locator("h2")).to_be_visible()
        expect(turn.locator(".fn-card", has_text=paper).first).to_be_visible()
        assert turn.locator("mark:visible").count()
        assert turn.locator(".fn-marker:visible").first.inner_text() == "1a"
    for left_out in (
        ".fn-side",
        "#fn-box",
        ".fn-top",
        "[role=tab]",
        ".fn-acts",
        ".fn-links button",
    ):
        assert page.locator(f"{left_out}:visible").count() == 0, left_out
    colour = page.locator(".fn-asked").first.evaluate("e => getComputedStyle(e).color")
    assert colour == "rgb(28, 32, 36)"  # dark ink, also where the screen is dark
    page.emulate_media(media="screen")
    expect(page.locator(".fn-evidence .fn-card").first).to_contain_text("S-LoRA")
    assert page.locator(".fn-turn .fn-card").count() == 0


def test_nothing_moves_where_that_is_asked_for(visit: Open):
    page = visit(reduced_motion="reduce")
    page.evaluate(
        "new MutationObserver(() => window.moved ||= document.getAnimations().length)"
        ".observe(document.body, { subtree: true, childList: true, attributes: true })"
    )
    turn = ask(page, COMPARISON)
    turn.locator(".fn-marker:visible").last.click()
    assert page.locator("mark.fn-on").is_visible()
    assert not page.evaluate("window.moved || document.getAnimations().length")


def test_help_and_lists_are_reached_from_every_tab(visit: Open):
    page = visit(viewport={"width": 390, "height": 844})
    ask(page, "What is NanoFlow?")
    for tab in ("Papers", "Quality"):
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("button", name="Shortcuts").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.get_by_role("button", name="Conversations and filters").click()
        expect(page.locator(".fn-conversations .fn-name")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".fn-asked")).to_be_visible()


def test_on_a_phone_a_row_says_which_paper_each_quote_is_of(visit: Open):
    page = visit(viewport={"width": 390, "height": 844})
    turn = ask(page, COMPARISON)
    cell = turn.locator(".fn-view:visible td:has(.fn-marker)").first
    assert cell.get_attribute("data-name") in ("S-LoRA", "DeltaZip")
    assert cell.evaluate("e => getComputedStyle(e, '::before').content") in (
        '"S-LoRA"',
        '"DeltaZip"',
    )
