"""Settings to objects: the one place that knows which backend a setting means."""

from functools import partial

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.postprocessor.types import BaseNodePostprocessor

from rag.answer import QuoteAnswerer
from rag.assistant import Assistant
from rag.config import Config
from rag.embed import load_embedder, read_question
from rag.generate import Writer
from rag.index import Card, Index
from rag.lexical import LexicalRetriever
from rag.llm import load_model
from rag.prompts import load_prompts
from rag.rerank import LateInteraction, LateSentences
from rag.retrieve import (
    Fusion,
    HybridRetriever,
    fuse_ranks,
    fuse_scores,
    only_vectors,
    only_words,
)
from rag.stock import STOCK_TOKENS, StockRetriever
from rag.store import DenseRetriever
from rag.verify import Verifier


def open_index(config: Config, *, create: bool = False) -> Index:
    """Open the index folder of the settings; the embedder is loaded when first needed.

    Raises:
        IndexMissingError: There is none, and `create` is false.
        IndexDamagedError: It cannot be used.
    """
    embedder = config.embedder
    asked = Card(embedder=embedder.name)
    load = partial(
        load_embedder,
        embedder.name,
        max_tokens=embedder.max_tokens,
        dtype=embedder.dtype,
        batch=embedder.batch,
        arguments=embedder.arguments,
    )
    return Index(config.index, asked, load, create=create)


def open_assistant(config: Config, *, writes: bool = True) -> Assistant:
    """Open the index for questions; without `writes` no model is loaded, for searching alone.

    Raises:
        IndexMissingError: There is no index, or it is empty.
        IndexMismatchError: It was built with other settings.
        IndexDamagedError: It cannot be read.
        EmbeddingError: The embedder cannot be loaded.
        ConfigError: The language model cannot be loaded.
    """
    index = open_index(config)
    index.check_card()
    answering = config.answering
    return Assistant(
        index.catalogue,
        partial(read_question, index.embedder),
        _retriever(config, index),
        _rerankers(config, index),
        QuoteAnswerer(
            index.vectors,
            LateSentences(index.tokens, index.words),
            index.words,
            papers=answering.papers,
            max_sentences=answering.max_sentences,
            survey_papers=answering.survey_papers,
        ),
        keep=max(answering.papers, answering.survey_papers),
        min_confidence=answering.min_confidence,
        max_question_chars=answering.max_question_chars,
        writer=open_writer(config, index) if writes else None,
    )


def open_writer(config: Config, index: Index) -> Writer | None:
    """What has the configured model write answers; None when there is no model.

    Raises:
        ConfigError: The model cannot be loaded, or a prompt is wrong.
        EmbeddingError: The embedder cannot be loaded.
    """
    llm = config.llm
    if llm.backend == "none":
        return None
    prompts = load_prompts(llm.prompts)
    return Writer(
        load_model(
            llm.backend,
            model=llm.model,
            base_url=llm.base_url,
            api_key=llm.api_key,
            context_window=llm.context_window,
            max_tokens=llm.max_tokens,
            temperature=llm.temperature,
            timeout_s=llm.timeout_s,
            arguments=llm.arguments,
        ),
        Verifier(index.words, index.embedder),
        prompts,
        papers=config.answering.papers,
        timeout_s=llm.timeout_s,
        max_tokens=llm.max_tokens,
        unsupported=llm.unsupported,
    )


def _retriever(config: Config, index: Index) -> BaseRetriever:
    system, depth = config.retrieval.system, config.retrieval.depth
    if system == "stock":
        embedder = load_embedder(
            config.embedder.name,
            max_tokens=STOCK_TOKENS,
            dtype="float32",
            arguments=config.embedder.arguments,
        )
        return StockRetriever(index.catalogue.papers(), embedder, depth=depth)
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


def _rerankers(config: Config, index: Index) -> list[BaseNodePostprocessor]:
    weight = config.retrieval.late_weight
    if config.retrieval.system != "footnote" or not weight:
        return []
    return [LateInteraction(index.tokens, index.words, weight=weight)]
