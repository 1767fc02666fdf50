"""A real model in llama.cpp, as a child and as a server of its own, from question to cited answer."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from footnote.rag.answering.generative import Status
from footnote.rag.build import open_assistant
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Answer, Paper, Sentence, Writing
from footnote.rag.llm.load import load_model
from footnote.rag.llm.local_server import bundled_model
from footnote.rag.llm.meter import Meter, Price
from footnote.rag.llm.port import Message
from footnote.rag.llm.stored import Replies, Stored
from footnote.rag.llm.talk import Reply
from footnote.rag.llm.turns import InTurn
from footnote.ui import cli
from tests.conftest import ROOT
from tests.llm.servers import KEY, free_port, llama_server
from tests.llm.test_finding import PAPERS
from tests.rag.test_live import config_for, take_in

pytest.importorskip("llama_cpp", reason="footnote-papers[local] is not installed")
LOG = logging.getLogger(__name__)
GGUF = bundled_model()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(GGUF is None, reason="footnote-papers[local] is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
QUESTION = "What throughput improvement does NanoFlow achieve?"
HELLO = [Message("user", "Say in one sentence what a cache is.")]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with llama_server(str(GGUF), KEY) as url:
        yield url


@pytest.fixture
def settings(sample_config: Config, tmp_path: Path) -> Callable[..., Path]:
    """A settings file with this model, over the index of the sample."""

    def write(**llm: object) -> Path:
        file = tmp_path / "footnote.yaml"
        known = {"index": str(sample_config.index), "answering": {"papers": 1}}
        # On a busy machine the model takes minutes.
        bounds = {"max_tokens": 120, "timeout_s": 300, "cache": False}
        file.write_text(yaml.safe_dump(known | {"llm": bounds | llm}))
        return file

    return write


def hosted(url: str) -> dict[str, object]:
    # Its server would else press a model this small to vary its words, and it then invents some.
    plain = {"repeat_penalty": 1.0}
    return {
        "backend": "openai-compatible",
        "model": "small",
        "base_url": url,
        "arguments": plain,
    }


def test_a_gguf_file_is_asked_through_its_chat_template():
    model = load_model("llama.cpp", max_tokens=60)
    reply = Reply(model, HELLO, timeout_s=60, max_tokens=60)
    pieces = [piece for piece in reply if piece]
    assert len(pieces) > 5
    assert "cache" in "".join(pieces).lower()
    assert reply.complete
    assert reply.first_token_s
    assert reply.tokens_per_s


def test_it_stops_when_it_is_told_to():
    model = load_model("llama.cpp", max_tokens=3000)
    asked = [Message("user", "Write a very long story about a river.")]
    with closing(iter(Reply(model, asked, timeout_s=60, max_tokens=3000))) as pieces:
        next(piece for piece in pieces if piece)
    # It is free for the next question at once.
    again = Reply(model, HELLO, timeout_s=20, max_tokens=3)
    assert any(list(again))
    assert not again.complete


def test_a_file_that_llama_cpp_cannot_read(tmp_path: Path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF but not really")
    model = load_model("llama.cpp", model=str(bad))
    with pytest.raises(GenerationError, match=r"could not be started: .*exit 1"):
        list(Reply(model, HELLO, timeout_s=60, max_tokens=3))


def test_more_than_it_reads_at_once_is_no_answer():
    model = load_model("llama.cpp", context_window=256)
    with pytest.raises(GenerationError, match="gave an empty answer"):
        list(Reply(model, [Message("user", "word " * 400)], timeout_s=60, max_tokens=3))


@pytest.mark.parametrize("name", ["PORT", "HOST", "API_KEY", "CONFIG_FILE"])
def test_no_variable_of_the_person_moves_the_server(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(name, "1")
    assert any(Reply(load_model("llama.cpp"), HELLO, timeout_s=60, max_tokens=3))


def test_nothing_is_left_behind_when_its_parent_is_killed():
    asks = (
        "from footnote.rag.llm.local_server import LocalServer; import asyncio, os, signal\n"
        "server = LocalServer('', context_window=256, options={})\n"
        "print(asyncio.run(server.ready()).url, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", asks], capture_output=True, text=True, env=environment
    )
    assert done.returncode == -signal.SIGKILL
    port = int(done.stdout.split(":")[2].split("/")[0])
    for _ in range(50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    raise AssertionError("the server lives on")


def test_the_server_streams(server: str):
    model = load_model(
        "openai-compatible", model="small", base_url=server, api_key=SecretStr(KEY), max_tokens=60
    )
    reply = Reply(model, HELLO, timeout_s=60, max_tokens=60)
    pieces = [piece for piece in reply if piece]
    assert len(pieces) > 5
    assert reply.complete
    assert "cache" in "".join(pieces).lower()


def test_a_real_reply_is_counted_and_kept(server: str, tmp_path: Path):
    limits = {"max_tokens": 60, "arguments": {"repeat_penalty": 1.0}}
    asked = load_model(
        "openai-compatible", model="small", base_url=server, api_key=SecretStr(KEY), **limits
    )
    assert asked.context_window == 4096  # which this server does not say
    said: list[str] = []
    counted: list[Writing] = []
    for _ in range(2):
        meter = Meter(Price(1.0, 1.0))
        model = meter.watch(Stored(InTurn(asked, 1), Replies(tmp_path), "a"))
        reply = Reply(model, HELLO, timeout_s=120, max_tokens=60)
        said.append("".join(reply))
        counted += filter(None, [meter.noted(None)])
    first, again = counted
    assert first.estimated  # this server says nothing of a stream
    assert (first.tokens_in or 0) > 0
    assert said[0] == said[1]
    assert reply.cached
    assert (again.tokens_in, again.tokens_out, again.cost) == (0, 0, 0)


@pytest.mark.parametrize("where", ["local", "hosted"])
def test_an_answer_is_streamed_and_each_sentence_is_checked(
    where: str,
    server: str,
    settings: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    file = settings(**(hosted(server) if where == "hosted" else {"backend": "llama.cpp"}))
    assistant = open_assistant(load_config(file))
    events = list(assistant.ask_stream(QUESTION))
    *before, answer = events
    assert isinstance(answer, Answer)
    assert any(isinstance(event, Status) for event in before)
    assert answer.mode == "llm", answer.writing
    assert answer.writing
    assert answer.writing.first_token_s
    assert answer.writing.tokens_per_s
    assert [e for e in before if isinstance(e, Sentence)] == list(answer.sentences)
    for sentence in answer.sentences:
        assert sentence.verdict in ("quoted", "differs")
        assert sentence.citations
        for citation in sentence.citations:
            paper = assistant.paper(citation.paper_id)
            assert isinstance(paper, Paper)
            assert paper.abstract[citation.start : citation.end] == citation.quote
    # What is refused is refused before the model is asked.
    [refusal] = assistant.ask_stream("How many decoding heads does Medusa use?")
    assert isinstance(refusal, Answer)
    assert (refusal.refused, refusal.writing) == (True, None)


Run = Callable[..., tuple[str, str]]


@pytest.fixture
def footnote(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setattr(cli, "_quieten", lambda: None)

    def run(*arguments: object, expect: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["footnote", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        done = capsys.readouterr()
        assert stopped.value.code == expect, done.err
        return done.out, done.err

    return run


def test_the_command_line_with_a_model(
    footnote: Run, server: str, settings: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    file = settings(**hosted(server))
    out, err = footnote("ask", QUESTION, "--config", file)
    assert "[1] NanoFlow" in out
    assert "throughput" in out
    assert err.startswith("Written by small. Of its statements: ")
    out, err = footnote("ask", QUESTION, "--config", file, "--json")
    answer = json.loads(out)
    assert (answer["mode"], answer["refused"], err) == ("llm", False, "")
    assert footnote("doctor", "--config", file)[0] == "all is well\n"


def test_a_model_too_small_for_it_harms_nothing_where_it_is_to_help_to_find(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    llm = hosted(server) | {"profile": "strong", "max_tokens": 120, "timeout_s": 60, "cache": False}
    config = config_for(tmp_path / "index", llm=llm, retrieval={"reranker": "model"})
    take_in(config, *PAPERS)
    *before, answer = open_assistant(config).ask_stream("Where does Alpha keep blocks?")
    assert isinstance(answer, Answer)
    LOG.info("%s", [event for event in before if isinstance(event, Status)])
    assert answer.receipt
    assert len({each.paper_id for each in answer.receipt.papers}) == len(PAPERS)
    assert len(answer.receipt.queries) <= 4
    assert answer.sources[0].title.startswith("Alpha")


def test_doctor_says_what_is_wrong_with_the_model(
    footnote: Run, server: str, settings: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", "sk-not-that-one")
    out, _ = footnote("doctor", "--config", settings(**hosted(server)), expect=1)
    assert "model small refused the key (401)" in out
    assert "sk-not" not in out
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    out, _ = footnote("doctor", "--config", settings(**hosted(nowhere)), "--json", expect=1)
    [problem] = json.loads(out)["problems"]
    assert f"nothing answers at {nowhere}" in problem


def test_quotes_and_a_line_why_when_the_server_is_gone(
    footnote: Run, settings: Callable[..., Path]
):
    file = settings(**hosted(f"http://127.0.0.1:{free_port()}/v1"))
    out, err = footnote("ask", QUESTION, "--config", file)
    assert "1.91" in out
    assert err.startswith("Quotes only: the model small could not be reached")
    assert len(err.splitlines()) == 1
