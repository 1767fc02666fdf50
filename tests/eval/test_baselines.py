"""The starter as a baseline: a paper once, best first, whatever its nodes are."""

from pathlib import Path

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

from footnote.eval.baselines import StockRetriever
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.foreign import ForeignEmbedder
from tests.hashing import HashEmbedding


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="a")))


# Longer than a node of the starter's, so that one paper is several.
PAPERS = [
    paper("Alpha", "Alpha keeps the cache on disk. " * 400),
    paper("Bravo", "Bravo routes questions to models that cost less."),
    paper("Charlie", "Charlie sends gradients in two bits between workers."),
]


@pytest.fixture
def retriever() -> StockRetriever:
    embedder: BaseEmbedding = HashEmbedding()
    return StockRetriever(PAPERS, embedder, depth=10)


def test_a_paper_of_several_nodes_is_found_once_with_the_best_of_their_scores(
    retriever: StockRetriever,
):
    found = retriever.search("where does Alpha keep the cache")
    assert len(retriever._index.docstore.docs) > len(PAPERS)
    ids = [each.paper_id for each in found]
    assert sorted(ids) == sorted(p.paper_id for p in PAPERS)
    scores = [each.score for each in found]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)


def test_the_paper_asked_about_comes_first(retriever: StockRetriever):
    asked = "gradients in two bits between workers"
    query = ForeignEmbedder(HashEmbedding()).query(asked)
    for found in (retriever.search(asked), retriever.retrieve(query)):
        assert found[0].paper_id == PAPERS[2].paper_id


def test_it_is_written_as_its_starter_writes_it(retriever: StockRetriever, tmp_path: Path):
    retriever.save(tmp_path / "stock")
    assert (tmp_path / "stock" / "docstore.json").stat().st_size > 0
