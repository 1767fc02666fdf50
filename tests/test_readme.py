"""What the README shows is what happens."""

import asyncio
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from llama_index.core.llms import MockLLM

from footnote.rag.core.config import Config, load_config
from footnote.ui.cli import app
from tests.conftest import ROOT, Run

README = (ROOT / "README.md").read_text()
PAGES_OF_TEXT = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    *sorted(map(str, ROOT.glob("docs/**/*.md"))),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shown() -> list[tuple[str, str]]:
    """Give each command of the console blocks with what it is said to print."""
    return [
        (command, printed)
        for block in blocks("console")
        for command, _, printed in (s.partition("\n") for s in block.split("$ ")[1:])
    ]


def test_the_readme_shows_commands_python_and_settings():
    assert shown()
    assert blocks("python")
    assert blocks("yaml")


@pytest.mark.parametrize(("command", "printed"), shown(), ids=lambda text: text[:40])
def test_a_command_prints_what_the_readme_says(
    footnote: Run, sample_config: Config, command: str, printed: str
):
    name, *arguments = shlex.split(command)
    assert name == "footnote"
    done = footnote("--index", sample_config.index, *arguments)
    assert done.stdout.split() == printed.split()


@pytest.mark.parametrize("line", [line for b in blocks("yaml") for line in b.splitlines()])
def test_each_line_of_settings_is_taken(line: str):
    load_config(**(yaml.safe_load(line) or {}))


def test_the_table_of_commands_names_each_of_them():
    rows = re.findall(r"^\| (`footnote .*?) \|", README, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`footnote ([a-z]+)", row)]
    commands = [c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands]
    groups = [group.name or "" for group in app.registered_groups]
    assert sorted(named) == sorted([*commands, *groups])


@pytest.mark.parametrize("page", PAGES_OF_TEXT)
def test_what_a_page_links_to_is_there(page: str):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#:\s]+)\)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_its_python_runs(sample_config: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    # The README's reader took the sample in before; what it adds goes to a copy.
    shutil.copytree(sample_config.index, tmp_path / "papers")
    (tmp_path / "references.bib").write_text(
        "@article{alpha, title = {Alpha}, abstract = {Alpha keeps the cache on disk. It is fast.}}"
    )
    names: dict[str, object] = {"llm": MockLLM()}
    # LlamaIndex makes a loop where there is none, and leaves it open.
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        for block in blocks("python"):
            exec(block, names)  # noqa: S102
    asyncio.set_event_loop(None)
    said = capsys.readouterr().out
    assert "1.91x" in said
    assert "NanoFlow" in said
