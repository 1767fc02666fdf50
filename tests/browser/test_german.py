"""The page in German: all that a reader sees of it is walked through, and none of it is English."""

import re
from collections.abc import Iterator, Sequence

import pytest

from footnote.eval.pages import write_report
from footnote.eval.report import make_report
from footnote.rag.core.config import Config
from footnote.ui.wording import texts_of
from tests.browser.conftest import CHROMIUM, Open, ask, served, sync_api
from tests.eval.made import DATASET, RUN
from tests.ui.serving import EMBEDDER, VARIABLES, made_index

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
# What is seen or read aloud, but for what papers and people wrote.
SEEN = """() => {
  const seen = [];
  const isOurs = (each) => each.checkVisibility() && !each.closest("[lang=en], code, script, style");
  for (const each of document.body.querySelectorAll("*")) {
    if (!isOurs(each)) continue;
    for (const child of each.childNodes) {
      if (child.nodeType === Node.TEXT_NODE && child.data.trim()) seen.push(child.data.trim());
    }
    for (const name of ["aria-label", "title", "placeholder"]) {
      if (each.getAttribute(name)) seen.push(each.getAttribute(name));
    }
  }
  return seen;
}"""


def pattern(text: str) -> str:
    """What a text matches, whatever is put into it."""
    return ".+".join(map(re.escape, re.split(r"\{\w+\}", text)))


ENGLISH, GERMAN = texts_of("en"), texts_of("de")
# Few letters beside what is put in say nothing about the language.
FOREIGN = [
    pattern(text)
    for key, text in ENGLISH.items()
    if key in GERMAN
    and key != "own_name"
    and text not in GERMAN.values()
    and len(re.sub(r"\{\w+\}|\W", "", text)) > 3
]


def english(page: "sync_api.Page") -> Sequence[str]:
    seen: list[str] = page.evaluate(SEEN)
    assert len(seen) > 10
    return [text for text in seen if any(re.fullmatch(each, text) for each in FOREIGN)]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("german")
    report = make_report(
        RUN, DATASET, system="footnote", settings="", index=folder / "none", n_papers=2
    )
    write_report(folder / "reports" / "by-hand", report, RUN)
    return made_index(folder)


@pytest.fixture(scope="module")
def url(config: Config) -> Iterator[str]:
    reports = str(config.index.with_name("reports"))
    variables = {**VARIABLES, "FOOTNOTE_WEB__REPORTS": reports}
    with served(config.index, FOOTNOTE_EMBEDDER__NAME=EMBEDDER, **variables) as url:
        yield url


def test_no_word_of_the_page_is_english_to_a_german_browser(visit: Open):
    page = visit(locale="de-AT")
    found = {"start": english(page)}
    assert page.get_by_role("tab").all_inner_texts() == ["Fragen", "Arbeiten", "Güte"]
    for name in ("Einstellungen", "Tastenkürzel"):
        page.get_by_role("button", name=name).click()
        found[name] = english(page)
        page.keyboard.press("Escape")
    turn = ask(page, "Which papers keep a cache on disk or fuse loops?")
    turn.locator(".fn-marker:visible").first.click()
    found["answer"] = english(page)
    turn.get_by_role("button", name="Diese Frage beobachten").click()
    turn.locator(".fn-acts .fn-facts").wait_for()
    turn.get_by_role("button", name="Noch einmal fragen und vergleichen").click()
    turn.locator(".fn-difference").wait_for()
    found["compared"] = english(page)
    page.fill("#fn-question", "cache on disk")
    page.get_by_role("button", name="Bericht", exact=True).click()
    page.locator(".fn-report-title").wait_for()
    found["report"] = english(page)
    page.get_by_role("button", name="Dauerfragen").click()
    page.locator(".fn-watch").wait_for()
    found["standing questions"] = english(page)
    page.get_by_role("button", name="Nicht mehr beobachten").click()
    found["a question before it is done"] = english(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Neue Frage").click()
    ask(page, "Who won the football cup of Ruritania?").locator(".fn-refused").wait_for()
    found["a refusal"] = english(page)

    page.get_by_role("tab", name="Arbeiten").click()
    page.locator(".fp-sheet").wait_for()
    page.locator(".fp-growth svg").first.wait_for()
    found["papers"] = english(page)
    page.get_by_label("Einen Dienst fragen").fill("nowhere:1")
    page.get_by_role("button", name="Aufnehmen", exact=True).click()
    page.locator(".fp-error").wait_for()
    found["papers that cannot be added"] = english(page)
    page.locator(".fp-open").first.click()
    page.locator(".fp-papers .fp-back").wait_for()
    found["a paper"] = english(page)
    page.get_by_role("button", name="Entfernen").click()
    found["a removal"] = english(page)
    page.get_by_role("button", name="Weiter").click()
    page.locator(".fp-done").wait_for()
    found["removed"] = english(page)

    page.get_by_role("tab", name="Güte").click()
    page.get_by_role("heading", name="by-hand").wait_for()
    for summary in page.locator(".fp-quality summary").all():
        summary.click()
    found["quality"] = english(page)
    page.get_by_role("button", name="How fast is Alpha?").click()
    page.locator(".fp-quality .fp-back").wait_for()
    found["a judged question"] = english(page)
    assert {where: texts for where, texts in found.items() if texts} == {}
