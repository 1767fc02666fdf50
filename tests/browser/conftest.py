"""Chromium, and the page served by a process of its own."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import footnote_command, started
from tests.ui.serving import wait_for_page

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
Open = Callable[..., "sync_api.Page"]


@contextmanager
def served(index: Path, **variables: str) -> Iterator[str]:
    """`footnote serve` as a process of its own, as a person starts it."""
    command = footnote_command("serve", "--port", "0", "--index", index)
    with started(command, stderr=subprocess.DEVNULL, **variables) as server:
        assert server.stdout
        line = server.stdout.readline()
        match = re.search(r"papers answer at (http://\S+)", line)
        assert match, line
        wait_for_page(match.group(1))
        yield match.group(1)


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: "sync_api.Browser", url: str) -> Iterator[Open]:
    """Open the page, as a visitor who was never here."""
    contexts: list[sync_api.BrowserContext] = []

    def visit(query: str = "", **options: object) -> "sync_api.Page":
        size = {"viewport": {"width": 1440, "height": 900}} | options
        contexts.append(browser.new_context(**size))  # pyright: ignore[reportArgumentType]
        page = contexts[-1].new_page()
        page.set_default_timeout(30_000)
        page.goto(url + query)
        page.wait_for_selector(".fn-app.fn-ready")
        return page

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def page(visit: Open) -> "sync_api.Page":
    return visit()


def ask(page: "sync_api.Page", question: str) -> "sync_api.Locator":
    """Ask, and return the turn with its answer."""
    turns = page.locator(".fn-turn")
    n = turns.count()
    page.fill("#fn-question", question)
    page.press("#fn-question", "Enter")
    return answered(page, n)


def answered(page: "sync_api.Page", n: int) -> "sync_api.Locator":
    """Return the turn after so many when its answer is there."""
    turn = page.locator(".fn-turn").nth(n)
    turn.wait_for()
    sync_api.expect(turn).not_to_have_attribute("aria-busy", "true", timeout=30_000)
    return turn
