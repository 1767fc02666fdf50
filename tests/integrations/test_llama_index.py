"""Footnote inside LlamaIndex's own engines."""

import asyncio

import pytest
from llama_index.core.chat_engine import CondensePlusContextChatEngine, CondenseQuestionChatEngine
from llama_index.core.llms import MockLLM

from footnote import Library
from footnote.integrations.llama_index import FootnoteQueryEngine, FootnoteRetriever
from footnote.rag.core.config import Config

pytestmark = pytest.mark.slow

QUESTION = "What throughput improvement does NanoFlow achieve?"


@pytest.fixture(scope="module")
def library(sample_config: Config) -> Library:
    return Library.open(sample_config.index, sample_config)


def test_the_retriever_gives_what_search_finds(library: Library):
    found = FootnoteRetriever(library, k=4).retrieve(QUESTION)
    hits = library.search(QUESTION, 4)
    assert [(n.node_id, n.score) for n in found] == [(h.paper.paper_id, h.score) for h in hits]
    assert found[0].text == hits[0].paper.abstract
    start, end = found[0].metadata["start"], found[0].metadata["end"]
    assert found[0].text[start:end] == hits[0].paper.quote(hits[0].passage)


def test_the_query_engine_gives_the_answer_and_its_quotes(library: Library):
    answer = library.ask(QUESTION)
    response = FootnoteQueryEngine(library).query(QUESTION)
    assert str(response) == answer.answer
    quotes = [c.quote for s in answer.sentences for c in s.citations]
    assert [node.text for node in response.source_nodes] == list(dict.fromkeys(quotes))
    assert response.metadata == {"refused": False, "reason": None, "mode": "quote"}


def test_a_refusal_says_so(library: Library):
    question = "How many decoding heads does Medusa use?"
    response = FootnoteQueryEngine(library).query(question)
    assert response.metadata
    assert response.metadata["refused"]
    nearest = [c.quote for s in library.ask(question).sentences for c in s.citations]
    assert [node.text for node in response.source_nodes] == nearest


def test_both_answer_without_blocking_the_loop(library: Library):
    async def both() -> tuple[str, int]:
        response = await FootnoteQueryEngine(library).aquery(QUESTION)
        return str(response), len(await FootnoteRetriever(library, k=2).aretrieve(QUESTION))

    assert asyncio.run(both()) == (library.ask(QUESTION).answer, 2)


def test_llama_indexs_chat_engine_answers_from_the_query_engine(library: Library):
    # The mock model condenses nothing, so the question is the chat's own template; what matters is
    # that the engine's answer and sources come through.
    engine = CondenseQuestionChatEngine.from_defaults(
        query_engine=FootnoteQueryEngine(library), llm=MockLLM()
    )
    said = engine.chat(QUESTION)
    assert said.response == library.ask(QUESTION).answer
    assert said.source_nodes


def test_llama_indexs_context_engine_reads_the_papers_found(library: Library):
    engine = CondensePlusContextChatEngine.from_defaults(
        retriever=FootnoteRetriever(library, k=2), llm=MockLLM(), skip_condense=True
    )
    said = engine.chat(QUESTION)
    assert len(said.source_nodes) == 2
    assert library.search(QUESTION, 1)[0].paper.abstract in said.response
