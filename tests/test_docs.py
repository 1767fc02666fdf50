"""What the pages of docs/ show is what happens, and they build."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest

from footnote.rag.core.config import Config
from footnote.ui import cli
from tests.conftest import ROOT
from tests.ui.serving import made_index, served

BLOCK = re.compile(r'^```(\w+)(?: title="([\w.-]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
RUN = ("console", "python")
PAGES = [
    page.name
    for page in sorted((ROOT / "docs").glob("*.md"))
    if any(language in RUN for language, _, _ in BLOCK.findall(page.read_text()))
]
SERVED_AT = "http://127.0.0.1:7860"


def commands(block: str) -> Iterator[tuple[str, str]]:
    for shown in block.removeprefix("$ ").split("\n$ "):
        command, _, printed = shown.partition("\n")
        yield command, printed


def words(printed: str) -> list[str]:
    """How long it took is another number each time, and lines end where a page does."""
    return re.sub(r"in [\d.]+ s$", "in N s", printed, flags=re.MULTILINE).split()


def ran(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    name, *arguments = shlex.split(command)
    assert name == "footnote"
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    done = capsys.readouterr()
    assert not done.err.startswith("footnote: "), done.err
    return done.out


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_happens(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cli, "_quieten", lambda: None)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    page = (ROOT / "docs" / name).read_text()
    asks_a_server = SERVED_AT in "".join(
        code for lang, _, code in BLOCK.findall(page) if lang in RUN
    )
    serving = served(made_index(tmp_path), tmp_path / "log") if asks_a_server else nullcontext()
    names: dict[str, object] = {}
    with serving as server:
        for language, title, text in BLOCK.findall(page):
            if title:
                (tmp_path / title).write_text(text)
            elif language == "console":
                for command, printed in commands(text):
                    assert words(ran(command, capsys, monkeypatch)) == words(printed), command
            elif language == "python":
                exec(text.replace(SERVED_AT, server.url if server else SERVED_AT), names)  # noqa: S102


def test_there_are_pages_that_show_something():
    assert {"doors.md", "embedders.md", "first-answer.md", "plugins.md", "tour.md"} <= set(PAGES)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built strictly: a link to nothing fails."""
    if not find_spec("mkdocs") or not find_spec("mkdocstrings"):
        pytest.skip("mkdocs is not installed; `make docs` installs it")
    out = tmp_path_factory.mktemp("site")
    subprocess.run(["make", "links"], cwd=ROOT, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", out],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_no_page_fetches_anything_from_elsewhere(site: Path):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        loads = re.findall(r"<(?:script|link|img|iframe|source)\b[^>]*>", page.read_text())
        elsewhere = [tag for tag in loads if re.search(r"(?:src|href)=[\"']?(?:https?:)?//", tag)]
        assert elsewhere == [], page


@pytest.mark.slow
def test_every_setting_has_its_row(site: Path):
    page = (site / "settings.html").read_text()
    for name, field in Config.model_fields.items():
        assert f"<code>{name}</code>" in page or f'id="{name}"' in page
        for key in getattr(field.annotation, "model_fields", {}):
            assert re.search(rf"<code>{key}(\.\w+)?</code>", page), f"{name}.{key}"


@pytest.mark.slow
def test_every_public_name_is_described(site: Path):
    page = (site / "api.html").read_text()
    for name in ("Library.ask", "Answer.receipt", "Filters", "PluginError", "FootnoteRetriever"):
        assert re.search(rf'id="[\w.]*\.{re.escape(name)}"', page), name
