"""What several rooms' tests share: the shared corpus, an index of the sample, and processes."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.ui import cli

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "ingest" / "sample" / "digests.jsonl"
SHARED = ROOT.parent / "shared"
PAGES = SHARED / "corpus" / "pages"

# What Linux keeps in memory; containers often have little of it.
MEMORY, ROOM = Path("/dev/shm"), 2 * 2**30  # noqa: S108 - a folder of our own is made there

ALL_SLOW = re.compile(r"^pytestmark = (?:\[[^\]]*)?pytest\.mark\.slow\b", re.MULTILINE)

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
# A quarter of the examples, where a test names no number: for `make quick`.
settings.register_profile("quick", deadline=None, max_examples=25)

needs_shared = pytest.mark.skipif(not PAGES.is_dir(), reason="../shared is not on this machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--in-memory",
        action="store_true",
        help=f"keep temporary files in memory ({MEMORY}) where there is room; no disk is waited for",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Have temporary files, those of the programs that tests start too, lie in memory if asked."""
    # A worker of pytest-xdist is told by the environment, like any other program.
    if not config.getoption("in_memory") or hasattr(config, "workerinput"):
        return
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= ROOM:
        folder = tempfile.mkdtemp(prefix="footnote-tests-", dir=MEMORY)
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["TMPDIR"] = tempfile.tempdir = folder


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a file of slow tests alone unread where none is asked for; to import them takes long."""
    if config.option.markexpr.startswith("not slow") and collection_path.suffix == ".py":
        return True if ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) else None
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses an index of the real embedder, which takes a minute to make, as slow."""
    for item in items:
        if {"sample_config", "pages_config"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tests see no settings file or variable of the person who runs them."""
    for name in ("FOOTNOTE_CONFIG", "FOOTNOTE_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a proxy where nothing answers, for whatever is asked."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def started(
    command: Sequence[object],
    *,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    **variables: str,
) -> Iterator["subprocess.Popen[str]"]:
    """Start a program of its own; whatever happens in the block, it is killed and closed after it.

    It can be interrupted. The tests may have been started in the background, where a shell has
    them ignore SIGINT, and a child ignores what its parent ignored when it was started.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            list(map(str, command)),
            stdout=stdout,
            stderr=stderr,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | variables,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def footnote_command(*arguments: object) -> list[object]:
    """What starts the command line as a process of its own."""
    return [sys.executable, "-m", "footnote.ui.cli", *arguments]


class Done(NamedTuple):
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def footnote(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in this process: the same code, without importing torch each time."""
    monkeypatch.setattr(cli, "_quieten", lambda: None)

    def run(*arguments: object, expect: int = 0) -> Done:
        monkeypatch.setattr(sys, "argv", ["footnote", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        done = Done(*capsys.readouterr())
        assert stopped.value.code == expect, done.stderr
        return done

    return run


def built_index(folder: Path, *paths: Path) -> Config:
    config = load_config(index=folder)
    ingest(paths, open_index(config, create=True), lambda *_: None)
    return config


@pytest.fixture(scope="session")
def sample_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings whose index holds the bundled sample; read it, do not change it."""
    return built_index(tmp_path_factory.mktemp("sample"), SAMPLE)


@pytest.fixture(scope="session")
def assistant(sample_config: Config) -> Assistant:
    return open_assistant(sample_config)


@pytest.fixture(scope="session")
def pages_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings whose index holds the five shared pages."""
    if not PAGES.is_dir():
        pytest.skip("../shared is not on this machine")
    return built_index(tmp_path_factory.mktemp("pages"), PAGES)
