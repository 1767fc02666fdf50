"""What the browser keeps: a record a turn, beside each other from two windows, and of old."""

from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, Open, ask, served, sync_api
from tests.ui.serving import EMBEDDER, VARIABLES, made_index

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
FIRST, SECOND, THIRD = (f"What does {name}?" for name in ("Alpha keep", "Beta put", "Gamma fuse"))
# What the first version kept: a conversation with all its turns in one record.
KEEP_AS_OF_OLD = """async ([turns, staysOpen]) => {
  const opening = indexedDB.open("footnote", 1);
  opening.onupgradeneeded = () =>
    opening.result.createObjectStore("conversations", { keyPath: "id" });
  const db = await new Promise((done) => (opening.onsuccess = () => done(opening.result)));
  const changing = db.transaction("conversations", "readwrite");
  const all = changing.objectStore("conversations");
  all.put({ id: "old", name: "Of old", at: 1, turns });
  all.put({ id: "none", name: "Without turns", at: 2 });
  await new Promise((done) => (changing.oncomplete = done));
  if (!staysOpen) db.close();
}"""

COUNT_TURNS = """async () => {
  const opening = indexedDB.open("footnote");
  const db = await new Promise((done) => (opening.onsuccess = () => done(opening.result)));
  const counting = db.transaction("turns").objectStore("turns").count();
  await new Promise((done) => (counting.onsuccess = done));
  db.close();
  return counting.result;
}"""


def n_kept(page: "sync_api.Page") -> int:
    """Count the turns that are kept, after those that are being written."""
    return page.evaluate(COUNT_TURNS)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return made_index(tmp_path_factory.mktemp("kept"))


@pytest.fixture(scope="module")
def url(config: Config) -> Iterator[str]:
    with served(config.index, FOOTNOTE_EMBEDDER__NAME=EMBEDDER, **VARIABLES) as url:
        yield url


def test_two_windows_write_one_conversation_and_nothing_is_lost(visit: Open, url: str):
    one = visit()
    ask(one, FIRST)
    names = one.locator(".fn-conversations .fn-name")
    expect(names).to_have_text([FIRST])
    other = one.context.new_page()
    other.goto(url)
    other.locator(".fn-name").click()
    other.locator(".fn-turn .fn-marker").first.wait_for()
    ask(other, SECOND)
    other.locator(".fn-conversations summary").click()
    other.get_by_role("button", name="Rename").click()
    other.fill("dialog input", "Three systems")
    other.get_by_role("button", name="OK").click()
    expect(other.locator(".fn-conversations .fn-name")).to_have_text("Three systems")
    ask(one, THIRD)
    assert n_kept(one) == 3
    one.reload()
    expect(one.locator(".fn-asked")).to_have_text([FIRST, SECOND, THIRD])
    expect(one.locator(".fn-turn:last-child .fn-marker").first).to_be_visible()
    expect(names).to_have_text("Three systems")
    one.fill("#fn-search", "beta")
    expect(names).to_have_count(1)
    one.fill("#fn-search", "delta")
    expect(names).to_have_count(0)


def test_what_another_window_deletes_is_gone_from_the_list(visit: Open, url: str):
    one = visit()
    errors: list[str] = []
    one.on("pageerror", lambda error: errors.append(str(error)))
    ask(one, FIRST)
    one.get_by_role("button", name="New question").click()
    names = one.locator(".fn-conversations .fn-name")
    expect(names).to_have_text([FIRST])
    # The list is as it was: what a click names may be gone by then.
    gone = names.evaluate("(name) => name.dataset.id")
    other = one.context.new_page()
    other.goto(url)
    other.get_by_role("button", name="Delete all").click()
    other.get_by_role("button", name="OK").click()
    expect(names).to_have_count(0)
    for do in ("open", "rename", "keep", "delete"):
        one.evaluate(
            """([id, what]) => {
              const button = document.createElement("button");
              Object.assign(button.dataset, { do: what, id });
              document.querySelector(".fn-conversations").append(button);
              button.click();
              button.remove();
            }""",
            [gone, do],
        )
        expect(one.locator("[aria-live]", has_text="deleted in another window")).to_have_count(1)
    assert one.locator("dialog[open]").count() == 0
    assert errors == []


def test_an_edited_question_keeps_its_place_and_what_is_deleted_is_gone(page: "sync_api.Page"):
    for question in (FIRST, SECOND):
        ask(page, question)
    page.locator(".fn-turn").first.get_by_role("button", name="Edit").click()
    page.fill("#fn-question", THIRD)
    page.press("#fn-question", "Enter")
    expect(page.locator(".fn-turn").first.locator(".fn-body")).to_contain_text("loops")
    assert n_kept(page) == 2
    page.reload()
    expect(page.locator(".fn-asked")).to_have_text([THIRD, SECOND])
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("button", name="OK").click()
    expect(page.locator(".fn-conversations .fn-name")).to_have_count(0)
    assert n_kept(page) == 0


def test_what_an_older_version_kept_is_there_and_goes_on(browser: "sync_api.Browser", url: str):
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}health")
    turns: list[object] = []
    for n, question in enumerate((SECOND, FIRST)):
        answer = page.request.post(f"{url}v1/ask", data={"question": question}).json()
        turns.append({"id": f"old-{n}", "question": question, "answer": answer, "changed": None})
    page.evaluate(KEEP_AS_OF_OLD, [turns, False])
    page.goto(url)
    names = page.locator(".fn-conversations .fn-name")
    expect(names).to_have_text(["Without turns", "Of old"])
    page.fill("#fn-search", "alpha")
    expect(names).to_have_text(["Of old"])
    names.click()
    expect(page.locator(".fn-asked")).to_have_text([SECOND, FIRST])
    expect(page.locator(".fn-turn:last-child .fn-marker").first).to_be_visible()
    ask(page, THIRD)
    assert n_kept(page) == 3
    page.reload()
    expect(page.locator(".fn-asked")).to_have_text([SECOND, FIRST, THIRD])
    context.close()


def test_a_window_of_an_older_version_is_named_and_no_answer_waits_for_it(
    browser: "sync_api.Browser", url: str
):
    context = browser.new_context()
    old = context.new_page()
    old.goto(f"{url}health")
    old.evaluate(KEEP_AS_OF_OLD, [[], True])
    page = context.new_page()
    page.goto(url)
    expect(page.get_by_role("dialog")).to_contain_text("Close the other windows of Footnote")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(ask(page, FIRST).locator(".fn-marker").first).to_be_visible()
    expect(page.locator("#fn-send")).to_be_visible()
    names = page.locator(".fn-conversations .fn-name")
    expect(names).to_have_count(0)
    old.close()
    expect(names).to_have_text([FIRST, "Without turns", "Of old"])
    context.close()
