"""Settings to objects, over an index whose embedder costs nothing."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.answering.generative import problem_of
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import (
    ConfigError,
    IndexMismatchError,
    IndexMissingError,
    VerifierError,
)
from footnote.rag.index.chroma import CosineChroma, open_chroma
from footnote.rag.writing import load_writing_model
from tests.llm.servers import Faults, fault_server
from tests.made import Says

PAPERS = [
    {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps blocks on disk. It is fast."},
    {"title": "Bravo: Routing", "abstract": "Bravo routes questions to models. It is cheap."},
]


def config_for(folder: Path, **settings: object) -> Config:
    defaults: dict[str, object] = {
        "embedder": {"name": "tests.hashing:HashEmbedding"},
        "answering": {"min_confidence": 0},
    }
    return load_config(index=folder, **(defaults | settings))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    (folder / "papers.jsonl").write_text("\n".join(map(json.dumps, PAPERS)))
    index = open_index(config_for(folder / "index"), create=True)
    ingest([folder / "papers.jsonl"], index, lambda *_: None)
    return folder / "index"


@pytest.mark.parametrize("system", ["footnote", "hybrid-rrf", "dense", "bm25"])
def test_every_system_finds_the_paper_that_is_named(folder: Path, system: str):
    assistant = open_assistant(config_for(folder, retrieval={"system": system}))
    hits = assistant.search("What does Alpha keep on disk?")
    assert hits[0].paper.title == PAPERS[0]["title"]
    assert all(0 <= hit.score <= 1 for hit in hits)


def test_what_is_checked_at_the_start_is_what_answers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A graph of neighbours takes a gigabyte for 500,000 papers: it is loaded once."""
    opened: list[Path] = []

    def noted(folder: Path, *, create: bool = False) -> CosineChroma:
        opened.append(folder)
        return open_chroma(folder, create=create)

    monkeypatch.setattr("footnote.rag.index.chroma.open_chroma", noted)
    shutil.copytree(folder, tmp_path / "index")
    config = config_for(tmp_path / "index", store={"exact_up_to": 0})
    assistant = open_assistant(config)
    assert assistant.search("What does Alpha keep on disk?")[0].paper.title == PAPERS[0]["title"]
    assert len(opened) == 1
    # What changes later is opened anew, all of it.
    charlie = {"title": "Charlie: Zebras", "abstract": "Charlie keeps zebras. It is a stable."}
    (tmp_path / "more.jsonl").write_text(json.dumps(charlie))
    ingest([tmp_path / "more.jsonl"], open_index(config), lambda *_: None)
    opened.clear()
    assert assistant.search("What keeps zebras?")[0].paper.title == charlie["title"]
    assert len(opened) == 1


def test_a_question_that_leans_on_the_one_before_is_rewritten_with_its_paper(folder: Path):
    assistant = open_assistant(config_for(folder))
    answer = assistant.ask("and is it fast?", ["Where does Alpha keep blocks?"])
    assert answer.question == "and is it fast?"
    assert answer.understood_as == "Alpha: A Cache on Disk: and is it fast?"
    assert answer.sources[0].title == PAPERS[0]["title"]
    assert assistant.ask("Is Alpha fast?", ["What of Bravo?"]).understood_as is None


def test_a_follow_up_is_written_out_by_the_language_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    asked = "and is it fast?"
    said = open_assistant(config_for(folder)).ask("Where does Alpha keep blocks?")
    for full, meant in (("Is Alpha fast?",) * 2, ("no idea", f"{PAPERS[0]['title']}: {asked}")):
        monkeypatch.setattr("footnote.rag.build.load_writing_model", lambda _, s=full: Says(s))
        request = open_assistant(config_for(folder)).understand(asked, [said])
        assert request.question == meant
        # Written out in full it needs no words of its own beside a title.
        assert request.own_words == ("" if meant == full else asked)


def test_a_name_that_no_paper_has_is_refused_by_name(folder: Path):
    answer = open_assistant(config_for(folder)).ask("What speedup does QuantumFlow reach?")
    assert answer.reason == "Nothing in the 2 papers here mentions QuantumFlow."


def test_no_model_is_loaded_unless_one_is_named():
    assert load_writing_model(load_config()) is None
    with pytest.raises(ConfigError, match="names no model"):
        load_writing_model(load_config(llm={"backend": "ollama"}))


def test_an_index_that_is_not_there_or_was_made_otherwise_is_not_opened(
    folder: Path, tmp_path: Path
):
    with pytest.raises(IndexMissingError):
        open_assistant(config_for(tmp_path / "none"))
    other = config_for(folder, embedder={"name": "tests.hashing:WideHashEmbedding"})
    with pytest.raises(IndexMismatchError):
        open_assistant(other)


@pytest.mark.slow
def test_a_judge_is_loaded_by_what_asks_it_alone(folder: Path, monkeypatch: pytest.MonkeyPatch):
    config = config_for(folder, llm={"judge": str(folder / "gone")})
    assistant = open_assistant(config, writes=False)
    assert assistant.search("a cache on disk", 1)
    with pytest.raises(VerifierError, match="gone"):
        assistant.check("Alpha keeps blocks on disk.")
    # With a model that writes it is missed before anything is asked of it.
    monkeypatch.setattr("footnote.rag.build.load_writing_model", lambda _config: Says("x"))
    with pytest.raises(VerifierError, match="gone"):
        open_assistant(config).ask("What does Alpha keep?")


QUESTION = "Where does Alpha keep blocks?"


@pytest.fixture
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        faults.text = "Alpha keeps blocks on disk [1.1]."
        faults.usage = {"prompt_tokens": 1000, "completion_tokens": 100}
        yield faults


def served(folder: Path, server: Faults, fault: str = "good", **llm: Any) -> Config:
    url = server.url(fault)
    known = {"backend": "openai-compatible", "model": "small", "base_url": url, "profile": "strong"}
    return config_for(folder, llm=known | llm)


def copied(folder: Path, to: Path) -> Path:
    """An index in which no reply is kept yet."""
    return Path(shutil.copytree(folder, to / "index", ignore=shutil.ignore_patterns("replies*")))


def test_all_calls_of_a_question_are_told_and_then_none_is_made(
    folder: Path, server: Faults, tmp_path: Path
):
    config = served(copied(folder, tmp_path), server, price_in=3, price_out=15)
    first, again = (open_assistant(config).ask(QUESTION).writing for _ in range(2))
    assert first
    assert again
    # It reads the question, and writes the answer.
    assert (first.tokens_in, first.tokens_out, first.cost) == (2000, 200, 0.009)
    assert not first.estimated
    assert (again.cached, again.tokens_in, again.tokens_out, again.cost) == (True, 0, 0, 0)
    assert server.asked["good"] == 2
    assert (tmp_path / "index" / "replies.sqlite").is_file()
    # `footnote doctor` asks whatever was said before.
    assert problem_of(load_writing_model(config, remembers=False) or Says(), timeout_s=9) is None
    assert server.asked["good"] == 3


@pytest.mark.parametrize(
    "llm",
    [
        {"cache": False},
        {"cache": True, "temperature": 0.7},
        {"cache": True, "arguments": {"temperature": None}},
    ],
    ids=["off", "warm", "as-its-server-has-it"],
)
def test_where_answers_may_differ_each_time_or_it_is_off_none_is_kept(
    folder: Path, server: Faults, tmp_path: Path, llm: dict[str, Any]
):
    config = served(copied(folder, tmp_path), server, **llm)
    for _ in range(2):
        writing = open_assistant(config).ask(QUESTION).writing
        assert writing
        assert not writing.cached
    assert not (tmp_path / "index" / "replies.sqlite").exists()


@pytest.mark.parametrize("fault", ["500", "cut-later", "full", "hang"])
def test_failures_and_replies_cut_off_are_not_kept(
    folder: Path, server: Faults, tmp_path: Path, fault: str
):
    kept = tmp_path / "kept"
    config = served(folder, server, fault, cache=str(kept), timeout_s=1, profile="small")
    for _ in range(2):
        writing = open_assistant(config).ask(QUESTION).writing
        assert writing
        assert writing.fault
        assert not writing.cached
    assert not kept.exists()


def test_an_index_that_cannot_be_written_answers_all_the_same(
    folder: Path, server: Faults, tmp_path: Path
):
    (tmp_path / "file").touch()
    config = served(folder, server, cache=str(tmp_path / "file"))
    for _ in range(2):
        assert open_assistant(config).ask(QUESTION).mode == "llm"
