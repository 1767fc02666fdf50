"""An assistant that goes on answering, and notices what becomes of its index folder."""

import gc
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from footnote.ingest.pipeline import ingest
from footnote.rag.answering.generative import Event, Status
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    PaperDamagedError,
)
from footnote.rag.core.records import Sentence
from footnote.rag.core.request import Depth, Manner
from footnote.rag.index.writer import IndexWriter
from footnote.rag.live import LiveAssistant

HASHING = {"name": "tests.hashing:HashEmbedding"}
ALPHA = {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps blocks on disk. It is fast."}
BRAVO = {"title": "Bravo: Routing", "abstract": "Bravo routes questions to models. It is cheap."}


def config_for(folder: Path, **settings: object) -> Config:
    defaults = {"embedder": HASHING, "answering": {"min_confidence": 0}}
    return load_config(index=folder, **(defaults | settings))


def take_in(config: Config, *records: dict[str, str]) -> None:
    file = config.index.parent / "papers.jsonl"
    file.write_text("\n".join(map(json.dumps, records)))
    ingest([file], open_index(config, create=True), lambda *_: None)


def titles(assistant: Assistant) -> set[str]:
    return {hit.paper.title for hit in assistant.search("Alpha or Bravo")}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = config_for(tmp_path / "index")
    take_in(config, ALPHA)
    return config


def test_who_asks_in_a_manner_of_their_own_hears_of_new_papers_too(config: Config):
    assistant = open_assistant(config).in_manner(Manner(depth=Depth.SHORT))
    assert titles(assistant) == {ALPHA["title"]}
    take_in(config, BRAVO)
    assert titles(assistant) == {ALPHA["title"], BRAVO["title"]}


@pytest.fixture
def assistant(config: Config) -> Assistant:
    assistant = open_assistant(config)
    assert titles(assistant) == {ALPHA["title"]}
    return assistant


@pytest.mark.parametrize("how", ["deleted", "moved", "catalogue"])
def test_a_folder_that_is_gone_is_said_at_the_next_question(
    config: Config, assistant: Assistant, how: str
):
    [paper] = assistant.catalogue.papers()
    if how == "deleted":
        shutil.rmtree(config.index)
    elif how == "moved":
        config.index.rename(config.index.with_name("elsewhere"))
    else:
        (config.index / "catalogue.sqlite").unlink()
    for ask in (
        lambda: assistant.ask("where does Alpha keep blocks?"),
        lambda: list(assistant.ask_stream("where does Alpha keep blocks?")),
        lambda: assistant.search("Alpha"),
        lambda: assistant.paper(paper.paper_id),
    ):
        with pytest.raises(
            IndexMissingError, match=rf"^index {config.index} is gone: .*; put it back, or take the"
        ):
            ask()
    assert not config.index.exists() or how == "catalogue"


def test_a_folder_that_was_put_back_answers_again(config: Config, assistant: Assistant):
    away = config.index.rename(config.index.with_name("away"))
    with pytest.raises(IndexMissingError):
        titles(assistant)
    away.rename(config.index)
    assert titles(assistant) == {ALPHA["title"]}


@pytest.mark.parametrize("how", ["moved", "made anew"])
def test_another_index_in_its_place_is_answered_from(
    config: Config, assistant: Assistant, tmp_path: Path, how: str
):
    if how == "moved":
        other = config_for(tmp_path / "other")
        take_in(other, BRAVO)
        shutil.rmtree(config.index)
        other.index.rename(config.index)
    else:
        shutil.rmtree(config.index)
        take_in(config, BRAVO)
    assert titles(assistant) == {BRAVO["title"]}
    assert [paper.title for paper in assistant.catalogue.papers()] == [BRAVO["title"]]
    assert "routes" in assistant.ask("what does Bravo route?").answer
    [paper] = assistant.catalogue.papers()
    assert assistant.paper(paper.paper_id) == paper
    take_in(config, ALPHA, BRAVO)
    assert titles(assistant) == {ALPHA["title"], BRAVO["title"]}


def test_another_index_that_is_being_filled_is_waited_for(config: Config, assistant: Assistant):
    shutil.rmtree(config.index)
    index = open_index(config, create=True)
    with pytest.raises(IndexMissingError, match="is empty; run `footnote ingest PATH`"):
        titles(assistant)
    with (
        IndexWriter(index).writing(),
        pytest.raises(IndexBusyError, match=rf"is being written by process {os.getpid()} since"),
    ):
        titles(assistant)
    take_in(config, BRAVO)
    assert titles(assistant) == {BRAVO["title"]}


def test_another_index_made_with_what_this_one_cannot_take_up_is_said(
    config: Config, assistant: Assistant
):
    shutil.rmtree(config.index)
    take_in(config_for(config.index, embedder={"name": "tests.hashing:WideHashEmbedding"}), BRAVO)
    assert titles(assistant) == {BRAVO["title"]}
    [card] = config.index.glob("snapshots/*/card.json")
    card.write_text(card.read_text().replace("WideHashEmbedding", "NoEmbedding"))
    (config.index / "catalogue.sqlite").rename(config.index / "other")
    (config.index / "other").rename(config.index / "catalogue.sqlite")
    shutil.copy(config.index / "catalogue.sqlite", config.index / "other")
    (config.index / "other").replace(config.index / "catalogue.sqlite")
    with pytest.raises(IndexMismatchError, match="was made anew meanwhile: start this program"):
        titles(assistant)


@pytest.mark.parametrize("n_saved", [0, 1])
def test_a_question_during_the_first_ingest_says_who_is_writing(tmp_path: Path, n_saved: int):
    config = config_for(tmp_path / "index")
    index = open_index(config, create=True)
    whose = rf"^index {config.index} is being written by process {os.getpid()} since 20\d\d-"
    with IndexWriter(index).writing():
        if n_saved:
            take_in(config_for(tmp_path / "other"), ALPHA)
            [paper] = open_index(config_for(tmp_path / "other")).catalogue.papers()
            index.catalogue.save([(paper, ())], {})
        with pytest.raises(IndexBusyError, match=whose):
            open_assistant(config)
        if not n_saved:
            assert "is being written by process" in index.problems()[0]
    if not n_saved:
        with pytest.raises(IndexMissingError, match="is empty"):
            open_assistant(config)


@contextmanager
def two_threads() -> Iterator[None]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        yield


def test_opening_leaves_the_process_as_it_was(config: Config):
    gc.unfreeze()
    with two_threads():
        before = [(pool["filepath"], pool["num_threads"]) for pool in threadpool_info()]
        assistant = open_assistant(config)
        assistant.search("Alpha")
        after = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert [(file, after[file]) for file, _ in before] == before
    assert gc.get_freeze_count() == 0


class Unchanged:
    """A catalogue to which nothing is written."""

    def is_in_place(self) -> bool:
        return True

    def state(self) -> tuple[str, int]:
        return "one", 1


class Fails:
    """An assistant whose searches fail so often before they succeed."""

    def __init__(self, times: int, error: Exception):
        self.times = times
        self.error = error

    def search(self, question: str, k: int, history: object, filters: object) -> list[str]:
        if self.times:
            self.times -= 1
            raise self.error
        return [question]


@pytest.mark.parametrize(
    ("error", "times", "n_opened", "succeeds"),
    [
        (IndexDamagedError("cut off"), 0, 1, True),
        (IndexDamagedError("cut off"), 3, 4, True),
        (IndexDamagedError("cut off"), 4, 4, False),
        (PaperDamagedError(Path("c"), ["a"], restorable=True), 1, 1, False),
    ],
)
def test_what_is_replaced_while_it_is_read_is_opened_anew_and_a_damaged_paper_is_not(
    monkeypatch: pytest.MonkeyPatch, error: Exception, times: int, n_opened: int, succeeds: bool
):
    monkeypatch.setattr("footnote.rag.live._PAUSE_S", 0)
    opened: list[Fails] = []
    below = Fails(times, error)

    def make() -> Fails:
        opened.append(below)
        return below

    assistant = LiveAssistant(Unchanged(), make)  # type: ignore[arg-type]
    if succeeds:
        assert assistant.search("Alpha") == ["Alpha"]
    else:
        with pytest.raises(type(error)):
            assistant.search("Alpha")
    assert len(opened) == n_opened


def test_every_question_that_an_assistant_takes_is_asked_of_the_index_as_it_is():
    public = {name for name in vars(Assistant) if not name.startswith("_")}
    assert public <= vars(LiveAssistant).keys()


class Twice:
    """Stands for an assistant whose index is replaced under it at its first question."""

    def __init__(self, *before: Event):
        self._before = before
        self.n_asked = 0

    def ask_stream(self, *_: object, **__: object) -> Iterator[Event]:
        self.n_asked += 1
        yield from self._before
        if self.n_asked == 1:
            raise IndexDamagedError("index was replaced", "ask again")
        yield Status("is writing")


def test_a_question_begins_anew_while_no_more_than_progress_was_told(config: Config):
    def asked(stand_in: Twice) -> Iterator[Event]:
        catalogue = open_index(config).catalogue
        return LiveAssistant(catalogue, lambda: stand_in).ask_stream("what?")  # pyright: ignore

    told = asked(Twice(Status("is reading")))
    assert list(told) == [Status("is reading"), Status("is reading"), Status("is writing")]
    once = Twice(Sentence(text="A.", verdict="unbound", citations=()))
    with pytest.raises(IndexDamagedError):
        list(asked(once))
    assert once.n_asked == 1
