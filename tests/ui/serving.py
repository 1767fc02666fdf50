"""A server of a few papers, of its own process, for tests of its doors."""

import asyncio
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from fastapi import FastAPI
from starlette.testclient import TestClient

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.ui.guard import access_to
from tests.conftest import footnote_command, started

EMBEDDER = "tests.hashing:HashEmbedding"
PAPERS = """\
{"title": "Alpha: A Cache", "abstract": "Alpha keeps the cache on disk. It is fast.", "date": "2024-05-01", "authors": ["Ada Lovelace"], "url": "https://arxiv.org/abs/2405.00001"}
{"title": "Beta: A Scheduler", "abstract": "Beta puts short jobs first. Waiting falls by 40%.", "date": "2025-02-03"}
{"title": "Gamma: A Compiler", "abstract": "Gamma fuses loops of tensor programs. Memory falls by half.", "date": "2025-06-07"}
"""
VARIABLES = {"FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0"}


class Served(NamedTuple):
    url: str
    process: "subprocess.Popen[str]"
    log: Path

    def ended(self) -> int:
        """Ask the server to end, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def made_index(folder: Path, embedder: str = EMBEDDER) -> Config:
    (folder / "papers.jsonl").write_text(PAPERS)
    config = load_config(index=folder / "index", embedder={"name": embedder})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    return config


@contextmanager
def served(
    config: Config,
    log: Path,
    *options: object,
    host: str = "127.0.0.1",
    program: Path | None = None,
    **variables: str,
) -> Iterator[Served]:
    """Start `footnote serve` with options and variables of the environment, or another program."""
    command = footnote_command(
        "serve", "--port", "0", "--host", host, "--index", config.index, *options
    )
    if program:
        command[1:3] = [program]
    named = {"FOOTNOTE_EMBEDDER__NAME": config.embedder.name, **VARIABLES, **variables}
    with log.open("w") as stderr, started(command, stderr=stderr.fileno(), **named) as process:
        assert process.stdout
        line = process.stdout.readline()
        match = re.search(r"(https?)://\S+:(\d+)/\S* ?until", line)
        assert match, line + log.read_text()
        url = f"{match[1]}://127.0.0.1:{match[2]}"
        wait_for_page(f"{url}/")
        yield Served(url, process, log)


def wait_for_page(url: str, auth: tuple[str, str] | None = None) -> None:
    """Wait until the page is made, which begins when the server says where it listens."""
    for _ in range(600):
        # Its certificate, where it has one, is of the tests' own.
        if httpx.get(url, auth=auth, verify=False, timeout=60).status_code != 503:  # noqa: S501
            return
        time.sleep(0.1)
    raise TimeoutError(url)


def client_of(config: Config, *, page: bool = True, **web: object) -> TestClient:
    """A client of an application in this process, whose settings of `web` are changed so."""
    asked = config.model_copy(update={"web": config.web.model_copy(update=web)})

    # Gradio takes seconds to load, and most tests here make no application of their own.
    from footnote.ui.app import build_app

    async def made() -> FastAPI:  # gradio makes a loop where none runs, and closes it never
        access = access_to(asked, "127.0.0.1", page=page)
        return build_app(open_assistant(asked), asked, access, page=page)

    app = asyncio.run(made())
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)
