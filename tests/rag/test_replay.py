"""Asking again: what an answer rested on, and in what a later one differs."""

import datetime
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config
from footnote.rag.core.records import (
    Answer,
    Block,
    Citation,
    Paper,
    Receipt,
    Sentence,
    Setup,
    Source,
)
from footnote.rag.core.text import Span
from footnote.rag.index.writer import IndexWriter
from footnote.rag.replay import replay, replayed
from tests.conftest import built_index
from tests.made import paper

ALPHA = paper("Alpha: A Cache", "Alpha keeps the cache on disk. It serves 40% more requests.")
BETA = paper("Beta: A Sort", "Beta sorts keys by radix on the device. It takes 3 ms.")
HERE = {each.paper_id: each for each in (ALPHA, BETA)}


def receipt(
    corpus: str = "c1", model: str | None = None, llm: str = "l1", n_not_asked: int = 0
) -> Receipt:
    return Receipt(
        asked_at=datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC),
        corpus=corpus,
        n_papers=2,
        setup=Setup(footnote="1.0", settings={"llm": llm}, model=model),
        n_not_asked=n_not_asked,
    )


def answer(*said: tuple[Paper, Span], rests_on: Receipt | None = None, text: str = "") -> Answer:
    papers = list(dict.fromkeys(each.paper_id for each, _ in said))
    sentences = tuple(
        Sentence(
            text=of.quote(span),
            verdict="quoted",
            citations=(Citation.of(of, span, marker=papers.index(of.paper_id) + 1, score=0.5),),
        )
        for of, span in said
    )
    return Answer(
        question="what?",
        answer=" ".join(s.text for s in sentences) or text,
        refused=not said and not text,
        reason=None if said or text else "Nothing here answers this.",
        sentences=sentences,
        sources=tuple(Source.of(HERE[i], papers.index(i) + 1) for i in papers),
        mode="quote",
        receipt=rests_on,
    )  # fmt: skip


FIRST, SECOND = ((ALPHA, span) for span in ALPHA.sentences)
OF_BETA = (BETA, BETA.sentences[0])


def test_the_same_answer_is_the_same_whatever_else_has_changed():
    before = answer(FIRST, OF_BETA, rests_on=receipt())
    after = answer(OF_BETA, FIRST, rests_on=receipt("c2", "qwen", "l2", n_not_asked=1))
    found = replayed(before, after, HERE.get)
    assert found.same
    assert [(c.what, c.before, c.now) for c in found.changed] == [
        ("corpus", "c1", "c2"),
        ("n_not_asked", "0", "1"),
        ("model", None, "qwen"),
        ("settings.llm", "l1", "l2"),
    ]


def test_sentences_and_papers_that_came_and_went_are_named():
    found = replayed(answer(FIRST, SECOND), answer(FIRST, OF_BETA), HERE.get)
    assert not found.same
    assert found.gone == ("It serves 40% more requests.",)
    assert found.said_now == ("Beta sorts keys by radix on the device.",)
    assert [source.title for source in found.papers_now] == [BETA.title]
    assert found.papers_gone == found.changed == ()


def test_a_refusal_that_is_answered_now_differs_and_one_that_stays_is_the_same():
    refused, told = answer(), answer(FIRST)
    found = replayed(refused, told, HERE.get)
    assert (found.same, found.refused_before, found.refused_now) == (False, True, False)
    assert replayed(refused, refused.model_copy(update={"reason": "other"}), HERE.get).same


def test_a_count_differs_where_its_number_does():
    counts = [
        answer(text=said).model_copy(update={"blocks": (Block(form="count", text=said, n=n),)})
        for said, n in (("There are 2 papers.", 2), ("There are 3 papers.", 3))
    ]
    found = replayed(*counts, HERE.get)
    assert (found.gone, found.said_now) == (("There are 2 papers.",), ("There are 3 papers.",))


def test_a_quote_whose_paper_says_otherwise_now_is_shown_beside_what_it_says():
    revised = paper(ALPHA.title, "Alpha keeps the cache in memory. It serves 40% more requests.")
    now = {ALPHA.paper_id: revised}
    found = replayed(answer(FIRST, SECOND), answer(FIRST, SECOND), now.get)
    [changed] = found.quotes_changed
    assert changed.quote.quote == "Alpha keeps the cache on disk."
    assert changed.now == "Alpha keeps the cache in memory."
    assert not found.same
    gone = replayed(answer(FIRST), answer(FIRST), {}.get)
    assert [c.now for c in gone.quotes_changed] == [None]


def test_a_paper_that_has_another_id_since_is_the_same_paper():
    renamed = ALPHA.model_copy(update={"paper_id": "arxiv:2401.00001"})
    after = answer(FIRST).model_copy(update={"sources": (Source.of(renamed, 1),)})
    assert replayed(answer(FIRST), after, {ALPHA.paper_id: renamed}.get).same


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    folder = tmp_path_factory.mktemp("replay")
    file = folder / "papers.jsonl"
    file.write_text(
        "\n".join(p.model_dump_json(include={"title", "abstract"}) for p in HERE.values())
    )
    return built_index(folder / "index", file)


@pytest.fixture(scope="module")
def asked(config: Config) -> Assistant:
    return open_assistant(config)


@pytest.mark.slow
def test_an_answer_says_what_it_rested_on(asked: Assistant):
    told = asked.ask("Where does Alpha keep the cache?").receipt
    assert told is not None
    assert told.n_papers == 2
    assert told.corpus == asked.catalogue.fingerprint()
    assert {(p.paper_id, p.version) for p in told.papers} == {
        (p.paper_id, p.version) for p in HERE.values()
    }
    scores = [p.score for p in told.papers]
    assert scores == sorted(scores, reverse=True)
    assert set(told.setup.settings) == {"embedder", "store", "retrieval", "answering", "llm"}
    refused, counted = asked.ask("How many heads does Medusa have?"), asked.ask("how many papers?")
    assert refused.receipt is not None
    assert refused.receipt.papers
    assert counted.receipt is not None
    assert counted.receipt.papers == ()


@pytest.mark.slow
def test_what_is_asked_again_is_the_same_until_the_papers_change(
    asked: Assistant, config: Config, tmp_path: Path
):
    question = "Where does Alpha keep the cache?"
    before = [asked.ask(question)]
    before.append(asked.ask("shorter", before))
    assert [d.same for d in replay(before, asked)] == [True, True]
    assert all(d.changed == () for d in replay(before, asked))
    file = tmp_path / "papers.jsonl"
    file.write_text('{"title": "Gamma", "abstract": "Gamma joins tables by hashing. It is quick."}')
    index = open_index(config)
    ingest([file], index, lambda *_: None)
    [grown, _] = replay(before, asked)
    assert [change.what for change in grown.changed] == ["corpus", "n_papers"]
    writer = IndexWriter(index)
    with writer.writing():
        writer.remove([ALPHA.paper_id])
    [gone, _] = replay(before, asked)
    assert not gone.same
    assert {changed.now for changed in gone.quotes_changed} == {None}
