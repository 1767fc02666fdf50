"""The terminal and the page with a model: sentences appear as they pass, and stopping stops it."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, FLAGS, ask, sync_api
from tests.conftest import footnote_command, started
from tests.llm.servers import KEY, Faults, fault_server

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
QUESTION = "What throughput improvement does NanoFlow achieve?"
SAID = (
    "NanoFlow delivers 1.91x the throughput of state-of-the-art serving systems [1]. "
    "It was written by forty pirates in Lisbon [1]. Across the ported models, NanoFlow attains "
    "59% to 72% of optimal throughput [1]."
)


@pytest.fixture(scope="module")
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        faults.text = SAID
        yield faults


Start = Callable[..., "AbstractContextManager[subprocess.Popen[str]]"]


@pytest.fixture
def footnote(server: Faults, sample_config: Config, tmp_path: Path) -> Start:
    """Start the command line as a process, with a model that answers in the way named."""

    def start(
        *arguments: str, answers: str, stdout: int = subprocess.PIPE, profile: str = "small"
    ) -> "AbstractContextManager[subprocess.Popen[str]]":
        llm: dict[str, object] = {"backend": "openai-compatible", "model": "small", "cache": False}
        llm |= {"base_url": server.url(answers), "profile": profile}
        file = tmp_path / "footnote.yaml"
        file.write_text(yaml.safe_dump({"index": str(sample_config.index), "llm": llm}))
        return started(
            footnote_command(*arguments, "--config", file),
            stdout=stdout,
            FOOTNOTE_LLM__API_KEY=KEY,
            PYTHONUNBUFFERED="1",
        )

    return start


def left_soon(server: Faults, before: int) -> bool:
    """Return True if the model's stream is left by its reader within ten seconds."""
    for _ in range(100):
        if server.hung_up["slow"] > before:
            return True
        time.sleep(0.1)
    return False


def shown(screen: int) -> str:
    """All that a terminal is shown until the program on it ends."""
    said = b""
    while True:
        try:
            piece = os.read(screen, 4_096)
        except OSError:  # as Linux tells that nobody writes to it
            piece = b""
        if not piece:
            return said.decode().replace("\r\n", "\n")
        said += piece


@pytest.fixture
def rejected(server: Faults) -> Iterator[None]:
    """The model writes what is dropped at the end."""
    server.text = (
        "It was written by forty pirates. They live in Lisbon. NanoFlow delivers 1.91x the "
        "throughput of state-of-the-art serving systems [1]."
    )
    yield
    server.text = SAID


@pytest.mark.usefixtures("rejected")
def test_a_file_holds_the_answer_alone_and_no_draft_that_was_dropped(footnote: Start):
    with footnote("ask", QUESTION, answers="good", profile="strong") as asked:
        said, errors = asked.communicate(timeout=60)
    assert errors.startswith("Quotes only: the model small wrote what the sources do not say.")
    assert "pirates" not in said
    assert said.startswith("On NVIDIA GPUs with models")


@pytest.mark.usefixtures("rejected")
def test_a_terminal_is_told_that_the_draft_it_shows_was_dropped(footnote: Start):
    screen, end = pty.openpty()
    with (
        os.fdopen(screen, "rb", buffering=0),
        footnote("ask", QUESTION, answers="good", profile="strong", stdout=end) as asked,
    ):
        os.close(end)
        said = shown(screen)
        asked.communicate(timeout=60)
    draft, answer = said.split("\nThe draft above was dropped; the answer:\n")
    assert "pirates" in draft
    assert "pirates" not in answer


def test_a_file_is_written_the_answer_of_a_model(footnote: Start):
    with footnote("ask", QUESTION, answers="good") as asked:
        said, errors = asked.communicate(timeout=60)
    assert errors.startswith("Written by small.")
    assert said.startswith("NanoFlow delivers 1.91x")
    assert "\n\n[1] NanoFlow" in said


def test_the_terminal_prints_sentences_as_they_pass_and_stops_at_ctrl_c(
    server: Faults, footnote: Start
):
    before = server.hung_up["slow"]
    screen, end = pty.openpty()
    with (
        os.fdopen(screen, "rb", buffering=0),
        footnote("ask", QUESTION, answers="slow", stdout=end) as asked,
    ):
        os.close(end)
        assert asked.stderr
        first = os.read(screen, 70).decode()
        assert asked.poll() is None
        asked.send_signal(signal.SIGINT)
        rest, errors = shown(screen), asked.stderr.read()
        asked.wait(20)
    assert first.startswith("NanoFlow delivers 1.91x")
    assert "59%" not in rest
    assert asked.returncode == 130
    assert "Traceback" not in errors
    assert left_soon(server, before)


@pytest.fixture
def page(footnote: Start, request: pytest.FixtureRequest) -> Iterator["sync_api.Page"]:
    """The page, over a model that answers in the way the test names."""
    with (
        footnote("serve", "--port", "0", answers=request.param) as served,
        sync_api.sync_playwright() as playwright,
    ):
        assert served.stdout
        address = re.search(r"http://\S+", served.stdout.readline())
        assert address
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(20_000)
        page.goto(address.group())
        page.wait_for_selector(".fn-app.fn-ready")
        yield page


@in_chromium
@pytest.mark.browser
@pytest.mark.parametrize("page", ["good"], indirect=True)
def test_the_page_says_who_wrote_it_and_what_was_left_out(page: "sync_api.Page"):
    turn = ask(page, QUESTION)
    said = turn.inner_text()
    assert "Written by small. Of its statements: " in said
    assert "1 statement of the draft was left out: no sentence here says so." in said
    assert "pirates" not in said
    turn.locator(".fn-marker").first.click()
    card = page.locator(".fn-card.fn-on")
    assert "1.91" in card.locator("mark.fn-on").inner_text()
    # What was found of each statement stands with the quote that it rests on.
    verdicts = card.locator(".fn-verdicts li").all_inner_texts()
    assert verdicts[0] == "1a bound to this quote, not judged"
    assert len(verdicts) == card.locator("mark").count()


@in_chromium
@pytest.mark.browser
@pytest.mark.parametrize("page", ["good"], indirect=True)
def test_who_wants_quotes_alone_in_this_browser_gets_them(page: "sync_api.Page"):
    assert page.locator("#fn-mode").inner_text() == "Written by small"
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Answers").select_option("quotes only")
    page.get_by_role("button", name="Close").click()
    assert page.locator("#fn-mode").inner_text() == "Quotes only · model off"
    turn = ask(page, QUESTION)
    assert "every sentence is a quote" in turn.inner_text()
    assert "Written by" not in turn.inner_text()


@in_chromium
@pytest.mark.browser
@pytest.mark.parametrize("page", ["500"], indirect=True)
def test_the_page_says_why_there_are_quotes(page: "sync_api.Page"):
    said = ask(page, QUESTION).inner_text()
    assert "1.91" in said
    assert "Quotes only: the model small failed (500)." in said


@in_chromium
@pytest.mark.browser
@pytest.mark.parametrize("page", ["slow"], indirect=True)
def test_sentences_appear_as_they_pass_and_stop_stops_the_model(
    page: "sync_api.Page", server: Faults
):
    before = server.hung_up["slow"]
    page.fill("#fn-question", QUESTION)
    page.press("#fn-question", "Enter")
    turn = page.locator(".fn-turn").first
    # It looks for papers first, and writes a word at a time.
    sync_api.expect(turn).to_contain_text("1.91", timeout=30_000)
    sync_api.expect(turn).to_have_attribute("aria-busy", "true")
    page.locator("#fn-stop").click()
    assert left_soon(server, before)
    sync_api.expect(turn).not_to_have_attribute("aria-busy", "true")
    assert "1.91" in turn.inner_text()  # what was shown stays
    sync_api.expect(page.locator("#fn-question")).to_be_focused()
    asked = server.asked["slow"]
    again = turn.get_by_role("button", name="Try again")
    again.click()
    sync_api.expect(again).to_have_count(0)
    sync_api.expect(turn.locator(".fn-marker").first).to_be_visible()
    assert server.asked["slow"] == asked + 1
