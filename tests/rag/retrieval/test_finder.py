"""What is found for a request: among which papers, with which passages, and beside what."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from footnote.rag.build import open_index
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Filters, Kind, Request
from footnote.rag.index.chunking import Place
from footnote.rag.index.index import Index
from footnote.rag.index.query import Query
from footnote.rag.retrieval.finder import Finder
from footnote.rag.retrieval.found import Found, best_first
from tests.rag.test_build import PAPERS
from tests.rag.test_live import config_for, take_in

ALPHA, BRAVO = (paper["title"] for paper in PAPERS)


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    config = config_for(tmp_path_factory.mktemp("finder") / "index")
    take_in(config, *PAPERS)
    return open_index(config)


class Scored:
    """Finds the papers that a text has a score for, and notes what it was asked."""

    def __init__(self, scores: Mapping[str, Mapping[str, float]], places: Sequence[Place] = ()):
        self.asked: list[Query] = []
        self._scores = scores
        self._places = {place.paper_id: place for place in places}

    def retrieve(self, query: Query) -> list[Found]:
        self.asked.append(query)
        found = self._scores.get(query.text, {}).items()
        return best_first(Found(each, score, self._places.get(each)) for each, score in found)


class SecondSentence:
    """Says that the second sentence of each paper speaks best to a question."""

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        return {paper.paper_id: np.array([0.1, 0.9]) for paper in papers}


def finder(index: Index, retriever: Scored, most_queries: int = 0) -> Finder:
    words = index.snapshot().bm25
    return Finder(
        index.catalogue, embed, retriever, [], SecondSentence(), words, most_queries=most_queries
    )


def embed(text: str) -> Query:
    return Query(text, [0.0])


@pytest.fixture
def ids(index: Index) -> dict[str, str]:
    return {paper.title: paper.paper_id for paper in index.catalogue.papers()}


def asked(question: str, *queries: str) -> Request:
    return Request(question=question, kind=Kind.FACT, queries=queries)


def test_the_passage_is_the_one_found_and_else_the_best_sentence(index: Index, ids: dict[str, str]):
    papers = index.catalogue.served(ids.values())
    alpha, bravo = papers[ids[ALPHA]], papers[ids[BRAVO]]
    place = Place(alpha.paper_id, alpha.version, 0)
    outdated = Place(bravo.paper_id, "another", 0)
    scores = {"q": {alpha.paper_id: 0.9, bravo.paper_id: 1.0000001}}
    found = finder(index, Scored(scores, [place, outdated])).search(asked("q"), 10)
    assert [hit.paper.title for hit in found.hits] == [BRAVO, ALPHA]
    assert [hit.passage for hit in found.hits] == [bravo.sentences[1], alpha.sentences[0]]
    assert found.hits[0].score == 1.0


def test_what_is_searched_for_beside_a_question_is_so_many_searches_and_no_more(
    index: Index, ids: dict[str, str]
):
    retriever = Scored({"q": {ids[ALPHA]: 0.9}, "one": {ids[BRAVO]: 0.8}})
    own = finder(index, retriever, most_queries=1)
    found = own.search(asked("q", "one", "two"), 10)
    assert found.queries == ("one",)
    assert [query.text for query in retriever.asked] == ["q", "one"]
    assert [hit.paper.title for hit in found.hits] == [ALPHA, BRAVO]
    assert finder(index, retriever).search(asked("q", "one"), 10).queries == ()


def test_every_search_is_among_the_papers_that_may_answer(index: Index, ids: dict[str, str]):
    retriever = Scored({})
    own = finder(index, retriever, most_queries=1)
    own.search(asked("q", "one"), 10, without={ids[ALPHA]})
    assert [query.only for query in retriever.asked] == [{ids[BRAVO]}] * 2
    assert own.query("q", Filters(author="Nobody")).only == frozenset()
    assert own.query("q").only is None
    # An abstract speaks of much that its paper is not about.
    assert own.query("q", Filters(without=("cached disks",))).only == {ids[BRAVO]}
    assert own.query("q", Filters(without=("blocks",))).only == {*ids.values()}


def test_papers_that_are_named_come_in_their_order_and_unknown_ones_not_at_all(
    index: Index, ids: dict[str, str]
):
    hits = finder(index, Scored({})).named([ids[BRAVO], "unknown", ids[ALPHA]])
    assert [hit.paper.title for hit in hits] == [BRAVO, ALPHA]


def test_a_glance_finds_by_words_alone(index: Index):
    retriever = Scored({})
    assert [paper.title for paper in finder(index, retriever).glance("routes", 5)] == [BRAVO]
    assert not retriever.asked
