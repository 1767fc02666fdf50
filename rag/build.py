"""Turn settings into objects: the one place that knows which backend a setting means."""

import json
from collections.abc import Callable, Sequence
from functools import cache, lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from footnote.rag.answering.answerability import SignalReader
from footnote.rag.answering.checking import ClaimChecker
from footnote.rag.answering.draft import Drafter
from footnote.rag.answering.generative import Writer
from footnote.rag.answering.quoting import Quoter
from footnote.rag.answering.receipts import Receipts
from footnote.rag.answering.roles import gist
from footnote.rag.answering.second_pass import judge_by
from footnote.rag.answering.sentences import SentenceRanker
from footnote.rag.assistant import Assistant
from footnote.rag.conversation import LineReader
from footnote.rag.core.config import Config
from footnote.rag.core.errors import (
    ConfigError,
    EmbeddingError,
    IndexDamagedError,
    IndexMismatchError,
)
from footnote.rag.core.records import Setup, fingerprint
from footnote.rag.core.request import Filters
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.chunking import CHUNKER, IN_CONTEXT
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.embedding import Embedder, load_embedder
from footnote.rag.index.holders import Lines
from footnote.rag.index.index import Index
from footnote.rag.index.query import Query
from footnote.rag.index.shard import TokensOf, VectorsOf, WordsOf
from footnote.rag.index.snapshot import FOLDER, Card, Snapshot
from footnote.rag.index.stored import State
from footnote.rag.index.token_scores import TokenScores
from footnote.rag.index.two_stage import TwoStageSearch
from footnote.rag.index.writer import IndexWriter
from footnote.rag.live import LiveAssistant
from footnote.rag.llm.load import load_model
from footnote.rag.llm.local_server import bundled_model
from footnote.rag.llm.meter import Price
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import load_prompts
from footnote.rag.llm.stored import Replies, Stored
from footnote.rag.llm.turns import InTurn
from footnote.rag.report import ReportWriter
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
from footnote.rag.understanding import request
from footnote.rag.verification.checker import Checker
from footnote.rag.verification.judges import Judgement, load_judge

# Papers read from the catalogue for a question: the right ones of a survey are nearly all among so
# many.
_KEPT = 60
# The judge, and the reranker, that is the language model itself.
_BY_THE_MODEL = "model"
# Papers that a reranker reads where the settings leave that open, and those that the language model
# puts in order, with the time that it has for it.
_READ, _ORDERED, _ORDER_S = 30, 40, 30.0
# In the index folder.
_REPORTS = "reports"


def open_index(config: Config, *, create: bool = False) -> Index:
    """Open the index folder of the settings; the embedder is loaded when first needed.

    Raises:
        IndexMissingError: There is none, and `create` is false.
        IndexDamagedError: It cannot be used.
    """
    embedder = config.embedder
    chunker = IN_CONTEXT if embedder.passes == 1 else CHUNKER
    asked = Card(
        embedder=embedder.name,
        chunker=chunker,
        store=config.store.url or FOLDER,
        shards=config.store.shards,
    )

    load, exact_up_to = embedder_loader(config), config.store.exact_up_to
    return Index(config.index, asked, load, exact_up_to=exact_up_to, create=create)


def embedder_loader(config: Config) -> Callable[[], Embedder]:
    """Return what loads the embedder of the settings; it can be sent to another process."""
    embedder = config.embedder
    return partial(
        load_embedder,
        embedder.name,
        max_tokens=embedder.max_tokens,
        dtype=embedder.dtype,
        batch=embedder.batch,
        one_pass=embedder.passes == 1,
        arguments=embedder.arguments,
    )


def open_assistant(
    config: Config,
    *,
    writes: bool = True,
    retriever: Callable[[Index], Retriever] | None = None,
    lines: Lines | None = None,
    waits: bool = False,
) -> Assistant:
    """Open the index for questions; without `writes` no model is loaded, for searching alone.

    Args:
        config: The settings.
        writes: False where no language model shall write.
        retriever: Gives what finds papers in the index, in place of what the settings say.
        lines: Asks other processes, which hold the shards; None reads them here.
        waits: True where another process takes in the first papers; until then there are none.

    Raises:
        IndexMissingError: There is no index, or it is empty.
        IndexMismatchError: It was built with other settings.
        IndexDamagedError: It cannot be read.
        EmbeddingError: The embedder cannot be loaded.
        ConfigError: The language model cannot be loaded.
    """
    index = open_index(config, create=waits)
    state = index.catalogue.state()
    if lines is None and not waits:  # else the holders have it open, and who began them has looked
        IndexWriter(index).recover()
    # Once, whatever is opened anew.
    request.load()
    _, model = index.embedder, load_writing_model(config) if writes else None
    followed = _Followed(config, index, state)
    return LiveAssistant(
        index.catalogue,
        lambda: _assemble(*followed.now(), model, retriever, lines),
        also=lambda: lines.lost if lines else None,
        model_name=model.name if model else None,
        waits=waits,
    )


def open_report(
    config: Config,
    assistant: Assistant,
    topic: str,
    *,
    papers: int,
    filters: Filters | None = None,
    folder: Path | None = None,
) -> ReportWriter:
    """Prepare a report on a topic; nothing is asked of the model yet.

    Args:
        config: The settings.
        assistant: The papers, and the model if there is one.
        topic: As a person typed it.
        papers: How many it is written from at most.
        filters: Which papers may be read; None for all.
        folder: Where its finished steps are kept; None for the index folder.

    Raises:
        QuestionError: The topic is empty or too long.
    """
    llm = config.llm
    return ReportWriter(
        assistant,
        topic,
        papers=papers,
        filters=filters,
        folder=folder or config.index / _REPORTS,
        timeout_s=llm.timeout_s,
        price_in=llm.price_in,
        price_out=llm.price_out,
    )


class _Followed:
    """An index that another process may rebuild with another embedder while this one answers.

    Or delete, and make another in its place.
    """

    def __init__(self, config: Config, index: Index, state: State):
        """Follow an index of which parts may have been opened since it was in a state."""
        self._started_with = config
        self._opened = config, index
        self._state: State | None = state

    def now(self) -> tuple[Config, Index]:
        """Return the index as it is now, and the settings that fit it.

        Raises:
            IndexMissingError: It was deleted, or the one in its place is empty.
            IndexBusyError: The one in its place is just taking in its first papers.
            IndexMismatchError: It was rebuilt with what this process cannot take up.
        """
        config, index = self._opened
        state, self._state = self._state, None
        if index.catalogue.is_in_place():
            # At first its parts are those just opened: a graph of neighbours is not loaded twice.
            if index.catalogue.state() != state:
                index = index.opened_anew()
        else:
            index = open_index(config)
            index.check_served()
        if (name := index.snapshot().card.embedder) != config.embedder.name:
            config = self._with_embedder(name)
            index = open_index(config)
        try:
            index.check_card()
            _ = index.embedder
        except (IndexMismatchError, EmbeddingError) as error:
            raise IndexMismatchError(
                error.what,
                "the index was made anew meanwhile: start this program again, with the settings it "
                "was made with",
            ) from error
        self._opened = config, index
        return config, index

    def _with_embedder(self, name: str) -> Config:
        embedder = self._started_with.embedder
        if name == embedder.name:
            return self._started_with
        # What the arguments of another class are is not known here.
        other = embedder.model_copy(update={"name": name, "arguments": {}})
        return self._started_with.model_copy(update={"embedder": other})


class _Parts(NamedTuple):
    """What a question asks of an index, of one snapshot."""

    snapshot: Snapshot
    vectors: DenseIndex | TwoStageSearch | VectorsOf
    tokens: TokenScores
    words: BM25Index
    found_by_words: WordSearch
    """The same words, or those of papers whose vectors and tokens can be asked too."""
    n_not_asked: int = 0


def _parts(index: Index, lines: Lines | None) -> _Parts:
    """Open the parts of an index as it is now, here or where they are held.

    Raises:
        IndexDamagedError: It was made anew meanwhile.
        ShardLostError: Nobody who holds any of it answers.
    """
    state, snapshot = index.catalogue.state(), index.snapshot()
    words = snapshot.bm25
    if lines is None:
        vectors = snapshot.vector_search(index.exact_up_to)
        return _Parts(snapshot, vectors, snapshot.multivector, words, words)
    shards = lines.shards(state, snapshot.card.shards)
    if not state.snapshot == snapshot.name == index.catalogue.state().snapshot:
        raise IndexDamagedError(f"index {index.folder} was made anew meanwhile", "ask again")
    vectors = VectorsOf(shards)
    is_exact = shards.count_sentences() <= index.exact_up_to
    served = () if shards.is_whole else index.catalogue.served_versions()
    return _Parts(
        snapshot,
        vectors if is_exact else TwoStageSearch(shards.nearest_papers, vectors),
        TokensOf(shards),
        words,
        WordsOf(words, shards),
        sum(not shards.holds(each) for each in served),
    )


def _assemble(
    config: Config,
    index: Index,
    model: Model | None,
    retriever: Callable[[Index], Retriever] | None,
    lines: Lines | None,
) -> Assistant:
    """Make an assistant over the parts of an index just opened."""
    answering, parts = config.answering, _parts(index, lines)
    late = LateSentences(parts.tokens, parts.words)
    checker = open_checker(config, index, model)
    finder = _finder(config, index, parts, late, retriever)
    quoter = Quoter(
        finder,
        Drafter(
            SentenceRanker(parts.vectors, late, parts.words),
            SignalReader(late, parts.words),
            parts.words,
            papers=answering.papers,
            max_sentences=answering.max_sentences,
            survey_papers=answering.survey_papers,
        ),
        Receipts(index.catalogue, _setup(config, model), n_not_asked=parts.n_not_asked),
        keep=_KEPT,
        min_confidence=answering.min_confidence,
    )
    return Assistant(
        finder,
        LineReader(finder, max_chars=answering.max_question_chars),
        quoter,
        ClaimChecker(finder, quoter, checker, max_chars=answering.max_question_chars),
        writer=open_writer(config, checker, model) if model else None,
        listwise=None if retriever else _listwise(config),
    )


def _finder(
    config: Config,
    index: Index,
    parts: _Parts,
    late: LateSentences,
    retriever: Callable[[Index], Retriever] | None,
) -> Finder:
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


# What of the settings no answer depends on, and what may hold a password: a receipt is given away.
_LEFT_OUT = {
    "embedder": {"batch", "arguments"},
    "store": {"url", "shards"},
    "retrieval": set[str](),
    "answering": {"max_question_chars"},
    "llm": {"base_url", "arguments"},
}


def _setup(config: Config, model: Model | None) -> Setup:
    """Note what answers, beside the papers."""
    settings = {
        section: fingerprint(getattr(config, section).model_dump_json(exclude=left_out))
        for section, left_out in _LEFT_OUT.items()
    }
    name = model.name if model else None
    return Setup(footnote=version("footnote-papers"), settings=settings, model=name)


def load_writing_model(config: Config, *, remembers: bool = True) -> Model | None:
    """Load the language model of the settings; None when there is none.

    Args:
        config: The settings.
        remembers: False where it is asked anew whatever it said before.

    Raises:
        ConfigError: It cannot be loaded.
    """
    llm = config.llm
    if llm.backend == "none":
        return None
    model = load_model(
        llm.backend,
        model=llm.model,
        base_url=llm.base_url,
        api_key=llm.api_key,
        context_window=llm.context_window,
        max_tokens=llm.max_tokens,
        temperature=llm.temperature,
        strong=llm.profile == "strong",
        arguments=llm.arguments,
    )
    asked = InTurn(model, llm.parallel)
    if not remembers or not llm.cache or not _says_the_same(config):
        return asked
    folder = config.index if llm.cache is True else llm.cache
    return Stored(asked, Replies(folder), _settings_of(config))


def _says_the_same(config: Config) -> bool:
    """Return True if the model is to give the same answer each time."""
    llm = config.llm
    # Our own temperature is not what a class named by its import path is made with.
    own = None if ":" in llm.backend else llm.temperature
    return llm.arguments.get("temperature", own) == 0


def _settings_of(config: Config) -> str:
    """Write all that decides what a model says to the same messages."""
    llm = config.llm
    file = Path(llm.model) if llm.model else bundled_model()
    is_local = llm.backend == "llama.cpp" and file is not None and file.is_file()
    made = [file.stat().st_size, file.stat().st_mtime_ns] if is_local and file else []
    said = [llm.backend, llm.model, llm.base_url, llm.arguments, *made]
    return json.dumps(said, default=repr, sort_keys=True)


def open_writer(config: Config, checker: Checker, model: Model) -> Writer:
    """Make what has a model write answers, and checks them.

    Raises:
        ConfigError: A prompt is wrong.
        VerifierError: The judge cannot be loaded.
    """
    llm = config.llm
    if llm.judge not in ("", _BY_THE_MODEL):  # here, and not in the middle of an answer
        _judge(llm.judge)
    return Writer(
        model,
        checker,
        load_prompts(llm.prompts, llm.profile),
        papers=llm.papers if llm.profile == "strong" else config.answering.papers,
        timeout_s=llm.timeout_s,
        max_tokens=None if llm.max_tokens == "auto" else llm.max_tokens,
        price=Price(llm.price_in, llm.price_out),
        judges_itself=llm.judge == _BY_THE_MODEL,
    )


def open_checker(config: Config, index: Index, model: Model | None = None) -> Checker:
    """Make what checks statements against the sentences they rest on.

    Its judge is loaded when it is first asked: a search needs none.

    Args:
        config: The settings.
        index: Its words tell how much of a statement a sentence says.
        model: The language model, which is the judge where the settings say so.
    """
    llm = config.llm

    def judge(pairs: Sequence[tuple[str, str]]) -> list[Judgement]:
        return _judge(llm.judge)(pairs)

    if llm.judge == _BY_THE_MODEL:
        own = judge_by(model, timeout_s=llm.timeout_s) if model else None
        return Checker(index.bm25, own, llm.judge_threshold)
    return Checker(index.bm25, judge if llm.judge else None, llm.judge_threshold)


# An index that has changed is opened anew; the models are not.
_cross_encoder = cache(load_cross_encoder)
_judge = cache(load_judge)


def _read_question(index: Index, snapshot: Snapshot, embedder: Embedder, text: str) -> Query:
    query = embedder.query(text)
    index.check_dimension(query.vector, snapshot)
    return query


def _retriever(config: Config, parts: _Parts) -> Retriever:
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


def _rerankers(config: Config, parts: _Parts) -> list[Reranker]:
    if config.retrieval.system != "footnote":
        return []
    settings = config.retrieval
    return [
        LateInteraction(parts.tokens, parts.words, weight=settings.late_weight),
        Neighbours(parts.tokens, weight=settings.neighbour_weight),
    ]


def _cross_encoded(config: Config, index: Index) -> Reranker | None:
    settings = config.retrieval
    if settings.system != "footnote" or settings.reranker in ("", _BY_THE_MODEL):
        return None
    depth = _READ if settings.reranker_depth == "auto" else settings.reranker_depth
    return CrossEncoded(_cross_encoder(settings.reranker), index.catalogue.served, depth=depth)


def _listwise(config: Config) -> Listwise | None:
    settings, llm = config.retrieval, config.llm
    if settings.system != "footnote" or settings.reranker != _BY_THE_MODEL:
        return None
    if llm.backend == "none" or llm.profile != "strong":
        raise ConfigError(
            "`retrieval.reranker: model` needs a strong language model; name one under `llm`, with "
            "`profile: strong`"
        )
    depth = _ORDERED if settings.reranker_depth == "auto" else settings.reranker_depth
    return Listwise(gist, depth=depth, timeout_s=min(llm.timeout_s, _ORDER_S))
