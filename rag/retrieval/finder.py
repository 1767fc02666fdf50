"""Find papers for a text: search, fuse with further searches, rerank, read from the catalogue."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Filters, Request
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import Found, Reranker, Retriever, SentenceSignal
from footnote.rag.retrieval.queries import fuse_queries


class Searched(NamedTuple):
    """What was found for a request."""

    request: Request
    query: Query
    """Its question, with its vector."""
    hits: Sequence[Hit]
    """Best first."""
    queries: tuple[str, ...] = ()
    """What was searched for beside the question."""
    unordered: str | None = None
    """Why the papers are not in the order that a model was to give; goes on after its name."""


class Finder:
    """Finds papers in one state of the index."""

    def __init__(
        self,
        catalogue: Catalogue,
        embed: Callable[[str], Query],
        retriever: Retriever,
        rerankers: Sequence[Reranker],
        sentences: SentenceSignal,
        words: BM25Index,
        *,
        last: Reranker | None = None,
        most_queries: int = 0,
    ):
        """Find with these.

        Args:
            catalogue: The papers.
            embed: Embeds a text that is searched for.
            retriever: Finds papers.
            rerankers: Change the order of what a search finds, one after the other.
            sentences: Finds the passage of a paper that was found by its words alone.
            words: The words of the papers.
            last: Changes the order of what all searches for a question found; None to leave it.
            most_queries: Searches that are made beside one for a request, at most.
        """
        self.catalogue = catalogue
        self.words = words
        self.most_queries = most_queries
        self._embed = embed
        self._retriever = retriever
        self._rerankers = rerankers
        self._sentences = sentences
        self._last = last

    def search(self, request: Request, k: int, without: Collection[str] = ()) -> Searched:
        """Find papers for what is asked, at most `k`.

        Args:
            request: Its filters say which papers may be found.
            k: Papers at most.
            without: Papers, by their ids, that are held out as if they were not here.
        """
        query, queries = (
            self.query(request.searched_for, request.filters, without),
            self.beside(request),
        )
        return Searched(request, query, self.find(query, k, queries), queries)

    def beside(self, request: Request) -> tuple[str, ...]:
        """Return what is searched for beside the question."""
        return request.queries[: self.most_queries]

    def query(
        self, text: str, filters: Filters | None = None, without: Collection[str] = ()
    ) -> Query:
        """Embed a text, and note which papers may be found for it."""
        query = self._embed(text)
        if not filters and not without:
            return query
        only = self.asked(filters or Filters())
        return replace(query, only=only.difference(without))

    def asked(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the papers that may answer; all where nothing is filtered."""
        matching = self.catalogue.matching(filters)
        for text in self.catalogue.words_left_out(filters):
            terms = {*self.words.terms(text)}
            saying = self.catalogue.facts(self.words.holding(text))
            matching -= {p.paper_id for p in saying if terms <= {*self.words.terms(p.title)}}
        return matching

    def find(self, query: Query, k: int, queries: Sequence[str] = ()) -> list[Hit]:
        """Find papers for a query and for what is searched for beside it; best first."""
        found = self._found(query)
        if queries:
            found = fuse_queries(found, [self._found(self._like(query, q)) for q in queries])
        if self._last:
            found = self._last.rerank(found, query)
        best = {each.paper_id: each for each in found[:k]}
        papers = self.catalogue.served(best)
        passages = self._passages(query, best, papers)
        return [
            Hit(
                paper=papers[paper_id],
                score=min(each.score, 1.0),
                passage=papers[paper_id].sentences[passages[paper_id]],
                signals=dict(each.signals),
            )
            for paper_id, each in best.items()
            if paper_id in papers
        ]

    def named(self, paper_ids: Sequence[str]) -> list[Hit]:
        """Return papers by their ids, in this order, as if they had been found."""
        papers = self.catalogue.served(paper_ids)
        return [
            Hit(paper=papers[each], score=1.0, passage=papers[each].sentences[0])
            for each in paper_ids
            if each in papers
        ]

    def glance(self, text: str, k: int) -> list[Paper]:
        """Find papers by their words alone, best first: for what is still being typed."""
        ids = [paper_id for paper_id, _ in self.words.search(text, depth=k)]
        papers = self.catalogue.served(ids)
        return [papers[each] for each in ids if each in papers]

    def _found(self, query: Query) -> list[Found]:
        found = self._retriever.retrieve(query)
        for reranker in self._rerankers:
            found = reranker.rerank(found, query)
        return found

    def _like(self, query: Query, text: str) -> Query:
        """Embed what is searched for beside a query, among the papers that it may find."""
        return replace(self._embed(text), only=query.only)

    def _passages(
        self, query: Query, best: Mapping[str, Found], papers: Mapping[str, Paper]
    ) -> dict[str, int]:
        """Return the number of the best sentence of each paper, by paper id."""
        found = {paper_id: _passage(best[paper_id], paper) for paper_id, paper in papers.items()}
        # A paper found by its words alone has no passage yet.
        unread = [paper for paper_id, paper in papers.items() if found[paper_id] is None]
        for paper_id, scores in self._sentences.sentence_scores(query, unread).items():
            found[paper_id] = int(scores.argmax())
        return {paper_id: number or 0 for paper_id, number in found.items()}


def _passage(found: Found, paper: Paper) -> int | None:
    # A passage may be of a version that is being replaced, or not in force yet.
    place = found.passage
    return place.sentence if place and place.version == paper.version else None
