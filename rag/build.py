"""Settings to objects: the one place that knows which backend a setting means."""

from functools import partial

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.postprocessor.types import BaseNodePostprocessor

from rag.answer import QuoteAnswerer
from rag.assistant import Assistant
from rag.config import Config
from rag.embed import Question, load_embedder, read_question
from rag.generation import FOLDER, Card
from rag.index import Index
from rag.lexical import LexicalRetriever
from rag.live import LiveAssistant
from rag.rerank import LateInteraction, LateSentences, Neighbours
from rag.retrieve import (
    Fusion,
    HybridRetriever,
    fuse_ranks,
    fuse_scores,
    only_vectors,
    only_words,
)
from rag.stock import STOCK_BATCH, STOCK_TOKENS, StockRetriever
from rag.store import DenseRetriever


def open_index(config: Config, *, create: bool = False) -> Index:
    """Open the index folder of the settings; the embedder is loaded when first needed.

    Raises:
        IndexMissingError: There is none, and `create` is false.
        IndexDamagedError: It cannot be used.
    """
    embedder = config.embedder
    asked = Card(embedder=embedder.name, store=config.store.url or FOLDER)
    load = partial(
        load_embedder,
        embedder.name,
        max_tokens=embedder.max_tokens,
        dtype=embedder.dtype,
        batch=embedder.batch,
        arguments=embedder.arguments,
    )
    return Index(config.index, asked, load, create=create)


def open_assistant(config: Config) -> Assistant:
    """Open the index for questions.

    Raises:
        IndexMissingError: There is no index, or it is empty.
        IndexMismatchError: It was built with other settings.
        IndexDamagedError: It cannot be read.
        EmbeddingError: The embedder cannot be loaded.
    """
    index = open_index(config)
    index.make_whole()
    _ = index.embedder  # once, whatever is opened anew
    return LiveAssistant(index.catalogue, partial(_assemble, config, index))


def _assemble(config: Config, index: Index) -> Assistant:
    """Open every part of the index as it is now."""
    index = index.opened_anew()
    index.check_card()
    answering = config.answering
    late = LateSentences(index.tokens, index.words)
    return Assistant(
        index.catalogue,
        partial(_read_question, index),
        _retriever(config, index),
        _rerankers(config, index),
        late,
        QuoteAnswerer(
            index.vectors,
            late,
            index.words,
            papers=answering.papers,
            max_sentences=answering.max_sentences,
            survey_papers=answering.survey_papers,
        ),
        keep=max(answering.papers, answering.survey_papers),
        min_confidence=answering.min_confidence,
        max_question_chars=answering.max_question_chars,
    )


def _read_question(index: Index, text: str) -> Question:
    question = read_question(index.embedder, text)
    index.check_dimension(question.embedding or [])
    return question


def _retriever(config: Config, index: Index) -> BaseRetriever:
    system, depth = config.retrieval.system, config.retrieval.depth
    if system == "stock":
        return StockRetriever(index.catalogue.papers(), load_stock_embedder(config), depth=depth)
    fusions: dict[str, Fusion] = {
        "footnote": partial(fuse_scores, weight=config.retrieval.dense_weight),
        "hybrid-rrf": fuse_ranks,
        "dense": only_vectors,
        "bm25": only_words,
    }
    return HybridRetriever(
        DenseRetriever(index.vectors, index.embedder, depth=depth),
        LexicalRetriever(index.words, depth=depth),
        fuse=fusions[system],
    )


def load_stock_embedder(config: Config) -> BaseEmbedding:
    """The embedder of the settings as LlamaIndex's starter would use it.

    Raises:
        EmbeddingError: It cannot be loaded.
    """
    return load_embedder(
        config.embedder.name,
        max_tokens=STOCK_TOKENS,
        dtype="float32",
        batch=STOCK_BATCH,
        arguments=config.embedder.arguments,
    )


def _rerankers(config: Config, index: Index) -> list[BaseNodePostprocessor]:
    if config.retrieval.system != "footnote":
        return []
    return [
        LateInteraction(index.tokens, index.words, weight=config.retrieval.late_weight),
        Neighbours(index.tokens, weight=config.retrieval.neighbour_weight),
    ]
