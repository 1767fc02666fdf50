"""Embed papers when a question finds them, before the writer has come to them.

Papers that are being taken in are found by their words first (`rag.index.writer`), and take minutes
to be embedded. What a question finds best by words is embedded at once, and then found, compared
and quoted as all else is. It is kept until the index has changed, and never written.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.core.stages import stage
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.chunking import best_of_shards, sentence_id, version_id
from footnote.rag.index.dense import DenseIndex, of_whole_papers
from footnote.rag.index.embedding import Embedder
from footnote.rag.index.memmap import Rows
from footnote.rag.index.multivector import MultiVectorIndex, compacted, matched, projection_of
from footnote.rag.index.passages import embed_now
from footnote.rag.index.query import Query
from footnote.rag.index.token_embeddings import TokenEmbeddings, unit_rows
from footnote.rag.index.token_scores import NONE, Matches, TokenScores, end_to_end
from footnote.rag.index.two_stage import TwoStageSearch

# Papers that are embedded for a search.
_READ = 8
# Of so many that it finds by words, the best of those that are not embedded.
_AMONG = 50
# Papers that are kept, of some 50 KB each.
_KEPT = 1_000

Found = list[tuple[str, float]]


class _Embedded(NamedTuple):
    """A paper that was embedded for a question."""

    version: str
    """Its `version_id`."""
    vectors: np.ndarray
    """Of its sentences; float32, (n_sentences, dimension), unit norm."""
    tokens: Rows | None
    """None where the embedder gives none."""


class OnDemand:
    """The papers that questions had embedded. Safe to use from several threads."""

    def __init__(self, catalogue: Catalogue, embedder: Embedder, tokens: MultiVectorIndex):
        """Embed papers of a catalogue.

        Args:
            catalogue: Says which are found by their words alone.
            embedder: Reads questions, and these papers.
            tokens: Of the papers that are embedded; theirs are cut as these are. Before there are
                any, as fits the first that a question has embedded.
        """
        self._catalogue = catalogue
        self._embedder = embedder
        self._projection = tokens.projection
        self._lock = threading.Lock()
        self._papers: OrderedDict[str, _Embedded] = OrderedDict()

    @stage("embedding papers")
    def read(self, paper_ids: Sequence[str]) -> None:
        """Embed the first few of those papers that are found by their words alone.

        Args:
            paper_ids: What words found, best first.
        """
        wanted = self._catalogue.by_words(paper_ids[:_AMONG])[:_READ]
        with self._lock:
            unread = [each for each in wanted if each not in self._papers]
        papers = list(self._catalogue.served(unread).values())
        if not papers:
            return
        vectors, tokens = embed_now(self._embedder, papers)
        rows = self._compacted(papers, tokens) if tokens else [None] * len(papers)
        read = {
            paper.paper_id: _Embedded(
                version_id(paper.paper_id, paper.version), unit_rows(sentences), own
            )
            for paper, sentences, own in zip(papers, vectors, rows, strict=True)
        }
        with self._lock:
            self._papers |= read
            while len(self._papers) > _KEPT:
                self._papers.popitem(last=False)

    def among(self, paper_ids: Iterable[str]) -> list[_Embedded]:
        """Return those of these papers that were embedded, in this order."""
        with self._lock:
            return [self._papers[each] for each in paper_ids if each in self._papers]

    def all(self) -> dict[str, _Embedded]:
        """Return all that were embedded, by paper id."""
        with self._lock:
            return dict(self._papers)

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with those of these papers that were embedded."""
        tokens = [own.tokens for own in self.among(paper_ids) if own.tokens]
        return NONE if self._projection is None else matched(self._projection, question, tokens)

    def _compacted(self, papers: Sequence[Paper], tokens: Sequence[TokenEmbeddings]) -> list[Rows]:
        with self._lock:
            if self._projection is None:
                self._projection = projection_of(tokens)
        return [
            compacted(self._projection, paper, own, pools=False)
            for paper, own in zip(papers, tokens, strict=True)
        ]


class WordsFirst:
    """The words of all papers; what a search finds best by them alone is embedded."""

    def __init__(self, words: BM25Index, on_demand: OnDemand):
        self._words = words
        self._on_demand = on_demand

    def search(self, question: str, *, depth: int, only: frozenset[str] | None = None) -> Found:
        """Return ids and scores of papers that share words with a question; see `BM25Index`."""
        found = self._words.search(question, depth=depth, only=only)
        self._on_demand.read([paper_id for paper_id, _ in found])
        return found


class VectorsMeanwhile:
    """The sentences of the index, and of what was embedded on demand, by their vectors."""

    def __init__(self, indexed: DenseIndex | TwoStageSearch, on_demand: OnDemand):
        self._indexed = indexed
        self._on_demand = on_demand

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        """Find the sentences nearest to a vector; see `DenseIndex.nearest`."""
        [asked] = unit_rows(np.array([vector], np.float32))
        own = self._on_demand.all()
        found = [
            (sentence_id(paper.version, number), cosine)
            for paper_id, paper in own.items()
            if only is None or paper_id in only
            for number, cosine in enumerate((paper.vectors @ asked).tolist())
        ]
        nearest = self._indexed.nearest(vector, depth=depth, only=only)
        # The writer may have come to one of them since.
        here = {chunk for chunk, _ in nearest}
        added = [(chunk, min(cosine, 1.0)) for chunk, cosine in found if chunk not in here]
        return best_of_shards([nearest, added], depth)

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question, by paper id; see `DenseIndex`."""
        [asked] = unit_rows(np.array([query.vector], np.float32))
        read = self._on_demand.among(paper.paper_id for paper in papers)
        own = of_whole_papers({each.version: each.vectors @ asked for each in read}, papers)
        return {**own, **self._indexed.sentence_scores(query, papers)}


class TokensMeanwhile(TokenScores):
    """The tokens of the index, and of what was embedded on demand."""

    def __init__(self, indexed: TokenScores, on_demand: OnDemand):
        self._indexed = indexed
        self._on_demand = on_demand

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers, first with those of the index."""
        wanted = list(paper_ids)
        found = self._indexed.matches(question, wanted)
        rest = self._on_demand.matches(question, _others(wanted, found.paper_ids))
        return end_to_end([each for each in (found, rest) if each.paper_ids])

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens; see `TokenScores`."""
        wanted = list(paper_ids)
        found = self._indexed.means(wanted)
        rest = self._on_demand.among(_others(wanted, found))
        return found | {own.tokens.owner: own.tokens.note for own in rest if own.tokens}


def _others(paper_ids: Iterable[str], found: Iterable[str]) -> list[str]:
    known = set(found)
    return [each for each in paper_ids if each not in known]
