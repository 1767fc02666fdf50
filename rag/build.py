"""Open what the settings name: an index, an assistant over it, a report of what it finds."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from footnote.rag.answering.answerability import SignalReader
from footnote.rag.answering.checking import ClaimChecker
from footnote.rag.answering.draft import Drafter
from footnote.rag.answering.quoting import Quoter
from footnote.rag.answering.receipts import Receipts
from footnote.rag.answering.sentences import SentenceRanker
from footnote.rag.assistant import Assistant
from footnote.rag.conversation import LineReader
from footnote.rag.core.config import Config
from footnote.rag.core.errors import EmbeddingError, IndexMismatchError
from footnote.rag.core.records import Setup, fingerprint
from footnote.rag.core.request import Filters
from footnote.rag.finding import open_finder, open_listwise, open_parts
from footnote.rag.index.chunking import CHUNKER, IN_CONTEXT
from footnote.rag.index.embedding import Embedder, load_embedder
from footnote.rag.index.holders import Lines
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import FOLDER, Card
from footnote.rag.index.stored import State
from footnote.rag.index.writer import IndexWriter
from footnote.rag.live import LiveAssistant
from footnote.rag.llm.port import Model
from footnote.rag.report import ReportWriter
from footnote.rag.retrieval.found import Retriever
from footnote.rag.retrieval.rerank import LateSentences
from footnote.rag.understanding import request
from footnote.rag.writing import load_writing_model, open_checker, open_writer

# Papers read from the catalogue for a question: the right ones of a survey are nearly all among so
# many.
_KEPT = 60
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


def _assemble(
    config: Config,
    index: Index,
    model: Model | None,
    retriever: Callable[[Index], Retriever] | None,
    lines: Lines | None,
) -> Assistant:
    """Make an assistant over the parts of an index just opened."""
    answering, parts = config.answering, open_parts(index, lines)
    late = LateSentences(parts.tokens, parts.words)
    checker = open_checker(config, index, model)
    finder = open_finder(config, index, parts, late, retriever)
    quoter = Quoter(
        finder,
        Drafter(
            SentenceRanker(parts.vectors, late, parts.words),
            SignalReader(late, parts.words),
            parts.words,
            papers=answering.papers,
            max_sentences=answering.max_sentences,
            survey_papers=answering.survey_papers,
            paper_vectors=parts.tokens.paper_vectors,
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
        listwise=None if retriever else open_listwise(config),
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
