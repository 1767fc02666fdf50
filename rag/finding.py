"""Put together what finds papers, as the settings say: the retriever, the rerankers, the finder."""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from typing import NamedTuple

from footnote.rag.answering.roles import gist
from footnote.rag.core.config import BY_THE_MODEL, Config
from footnote.rag.core.errors import ConfigError, IndexDamagedError
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.embedding import Embedder
from footnote.rag.index.holders import Lines
from footnote.rag.index.index import Index
from footnote.rag.index.on_demand import OnDemand, TokensMeanwhile, VectorsMeanwhile, WordsFirst
from footnote.rag.index.query import Query
from footnote.rag.index.shard import TokensOf, VectorsOf, WordsOf
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.token_scores import TokenScores
from footnote.rag.index.two_stage import TwoStageSearch
from footnote.rag.retrieval.cross_encoder import CrossEncoded, load_cross_encoder
from footnote.rag.retrieval.finder import Finder
from footnote.rag.retrieval.found import Reranker, Retriever
from footnote.rag.retrieval.hybrid import (
    Fusion,
    HybridRetriever,
    WordSearch,
    fuse_ranks,
    fuse_scores,
    only_vectors,
    only_words,
)
from footnote.rag.retrieval.listwise import Listwise
from footnote.rag.retrieval.rerank import LateInteraction, LateSentences, Neighbours

# Papers that a reranker reads where the settings leave that open, and those that the language model
# puts in order, with the time that it has for it.
_READ, _ORDERED, _ORDER_S = 30, 40, 30.0
# An index that has changed is opened anew; the model is not.
_cross_encoder = cache(load_cross_encoder)


class Parts(NamedTuple):
    """What a question asks of an index, of one snapshot."""

    snapshot: Snapshot
    vectors: DenseIndex | TwoStageSearch | VectorsOf | VectorsMeanwhile
    tokens: TokenScores
    words: BM25Index
    found_by_words: WordSearch
    """The same words; of shards elsewhere, those of papers whose shards answer. While papers are
    taken in, what embeds the best that it finds."""
    n_not_asked: int = 0


def open_parts(index: Index, lines: Lines | None) -> Parts:
    """Open the parts of an index as it is now, here or where they are held.

    Raises:
        IndexDamagedError: It was made anew meanwhile.
        ShardLostError: Nobody who holds any of it answers.
    """
    state, snapshot = index.catalogue.state(), index.snapshot()
    words = snapshot.bm25
    if lines is None:
        vectors, tokens = snapshot.vector_search(index.exact_up_to), snapshot.multivector
        if not index.catalogue.count_by_words():
            return Parts(snapshot, vectors, tokens, words, words)
        meanwhile = OnDemand(index.catalogue, index.embedder, tokens)
        return Parts(
            snapshot,
            VectorsMeanwhile(vectors, meanwhile),
            TokensMeanwhile(tokens, meanwhile),
            words,
            WordsFirst(words, meanwhile),
        )
    shards = lines.shards(state, snapshot.card.shards)
    if not state.snapshot == snapshot.name == index.catalogue.state().snapshot:
        raise IndexDamagedError(f"index {index.folder} was made anew meanwhile", "ask again")
    vectors = VectorsOf(shards)
    is_exact = shards.count_sentences() <= index.exact_up_to
    served = () if shards.is_whole else index.catalogue.served_versions()
    return Parts(
        snapshot,
        vectors if is_exact else TwoStageSearch(shards.nearest_papers, vectors),
        TokensOf(shards),
        words,
        WordsOf(words, shards),
        sum(not shards.holds(each) for each in served),
    )


def open_finder(
    config: Config,
    index: Index,
    parts: Parts,
    late: LateSentences,
    retriever: Callable[[Index], Retriever] | None,
) -> Finder:
    """Make a finder over the parts of an index.

    Args:
        config: The settings.
        index: Its catalogue has the papers, its embedder reads the questions.
        parts: What is searched.
        late: Finds the passage of a paper that was found by its words alone.
        retriever: Gives what finds papers in the index, in place of what the settings say.

    Raises:
        ConfigError: The cross-encoder cannot be loaded.
    """
    embed = partial(_read_question, index, parts.snapshot, index.embedder)
    return Finder(
        index.catalogue,
        lru_cache(maxsize=8)(embed),
        retriever(index) if retriever else _retriever(config, parts),
        [] if retriever else _rerankers(config, parts),
        late,
        parts.words,
        last=None if retriever else _cross_encoded(config, index),
        most_queries=config.llm.queries,
    )


def open_listwise(config: Config) -> Listwise | None:
    """Return what has the language model put the best papers in order; None where it is not to.

    Raises:
        ConfigError: There is no model that is strong enough.
    """
    settings, llm = config.retrieval, config.llm
    if settings.system != "footnote" or settings.reranker != BY_THE_MODEL:
        return None
    if llm.backend == "none" or llm.profile != "strong":
        raise ConfigError(
            "`retrieval.reranker: model` needs a strong language model; name one under `llm`, with "
            "`profile: strong`"
        )
    depth = _ORDERED if settings.reranker_depth == "auto" else settings.reranker_depth
    return Listwise(gist, depth=depth, timeout_s=min(llm.timeout_s, _ORDER_S))


def _read_question(index: Index, snapshot: Snapshot, embedder: Embedder, text: str) -> Query:
    query = embedder.query(text)
    index.check_dimension(query.vector, snapshot)
    return query


def _retriever(config: Config, parts: Parts) -> Retriever:
    fusions: dict[str, Fusion] = {
        "footnote": partial(fuse_scores, weight=config.retrieval.dense_weight),
        "hybrid-rrf": fuse_ranks,
        "dense": only_vectors,
        "bm25": only_words,
    }
    return HybridRetriever(
        parts.vectors,
        parts.found_by_words,
        depth=config.retrieval.depth,
        fuse=fusions[config.retrieval.system],
    )


def _rerankers(config: Config, parts: Parts) -> list[Reranker]:
    if config.retrieval.system != "footnote":
        return []
    settings = config.retrieval
    return [
        LateInteraction(parts.tokens, parts.words, weight=settings.late_weight),
        Neighbours(parts.tokens, weight=settings.neighbour_weight),
    ]


def _cross_encoded(config: Config, index: Index) -> Reranker | None:
    settings = config.retrieval
    if settings.system != "footnote" or settings.reranker in ("", BY_THE_MODEL):
        return None
    depth = _READ if settings.reranker_depth == "auto" else settings.reranker_depth
    return CrossEncoded(_cross_encoder(settings.reranker), index.catalogue.served, depth=depth)
