"""Answer on while the index is written, rebuilt or swapped by another process."""

import threading
import time
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import closing
from typing import TypeVar

from footnote.rag.answering.draft import Draft
from footnote.rag.answering.generative import Event, Status, Writer
from footnote.rag.answering.sentences import Evidence
from footnote.rag.assistant import Assistant, Turn
from footnote.rag.core.errors import IndexBusyError, IndexDamagedError, PaperDamagedError
from footnote.rag.core.processor import on_one_thread
from footnote.rag.core.records import Answer, Claim, Hit, Paper, SearchResult
from footnote.rag.core.request import Filters, Manner, Request
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import State
from footnote.rag.understanding.leaning import Leaning

Result = TypeVar("Result")
# What is read while it is replaced fails once; each further try opens it as it then is.
_TRIES = 4
_PAUSE_S = 0.25


class LiveAssistant(Assistant):
    """Opens the index anew when it has changed; a question sees it as it was, or as it is."""

    def __init__(
        self,
        catalogue: Catalogue,
        make: Callable[[], Assistant],
        also: Callable[[], object] = lambda: None,
        *,
        model_name: str | None = None,
        waits: bool = False,
    ):
        """Open the index.

        Args:
            catalogue: Of the index; says when that has changed, or is there no more.
            make: Opens every part as it is now, and the catalogue if another is in its place.
            also: What else tells by its change that the parts are to be opened anew.
            model_name: The language model that writes, whatever is opened.
            waits: True where there may be no paper yet, and the first question opens the parts.
        """
        self.catalogue = catalogue
        self._make = make
        self._also = also
        self._model_name = model_name
        self._waits = waits
        self._lock = threading.Lock()
        self._made: tuple[tuple[State, object], Assistant] | None = None
        if not waits:
            self._attempt(lambda _: None)

    def in_manner(self, manner: Manner) -> Assistant:
        """Return one that answers in the manner that a reader wants; see `Assistant`."""
        return _InManner(self, manner)

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        request: Request | None = None,
    ) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.ask(question, history, filters, request))

    def ask_stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        request: Request | None = None,
        *,
        within: Filters | None = None,
    ) -> Generator[Event]:
        """Answer, with progress; see `Assistant`."""
        return self._stream(
            lambda a: a.ask_stream(question, history, filters, request, within=within)
        )

    def search(
        self,
        question: str,
        k: int = 10,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
    ) -> list[Hit]:
        """Find the papers that fit the question, best first; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.search(question, k, history, filters))

    def search_with_receipt(
        self,
        question: str,
        k: int = 10,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
    ) -> SearchResult:
        """Find papers, and say what that rests on; see `Assistant`."""
        return self._attempt(lambda a: a.search_with_receipt(question, k, history, filters))

    def understand(self, question: str, turns: Sequence[Answer] = ()) -> Request:
        """Read what a line asks for; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.understand(question, turns))

    def find(self, text: str, k: int, filters: Filters, queries: Sequence[str] = ()) -> list[Hit]:
        """Find papers for a text as it stands; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.find(text, k, filters, queries))

    def evidence(self, text: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Rank all sentences of papers; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.evidence(text, hits))

    def current_writer(self) -> Writer | None:
        """Return what writes with a language model; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.writer)

    @property
    def n_not_asked(self) -> int:
        """How many papers cannot be asked; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.n_not_asked)

    @property
    def model_name(self) -> str | None:
        """The language model that writes; see `Assistant`."""
        return self._model_name

    @property
    def awaits_papers(self) -> bool:
        """True until the first paper can be asked; see `Assistant`."""
        self._waits = self._waits and not self.catalogue.count_served()
        return self._waits

    @property
    def most_queries(self) -> int:
        """How much a strong model may search for beside a question; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.most_queries)

    def glance(self, text: str, k: int) -> list[Paper]:
        """Find papers by their words alone; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.glance(text, k))

    def read(self, question: str, history: Sequence[Turn] = ()) -> Request:
        """Return how a question is understood; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.read(question, history))

    def draft(
        self,
        question: str,
        history: Sequence[Turn] = (),
        request: Request | None = None,
        *,
        without: Collection[str] = (),
    ) -> Draft:
        """Return what could be said, however unsure; see `Assistant`."""
        return self._attempt(lambda a: a.draft(question, history, request, without=without))

    def check(self, text: str, filters: Filters | None = None) -> list[Claim]:
        """Compare each statement of a text with what the papers say; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.check(text, filters))

    def by_quotes(self, request: Request) -> Answer:
        """Answer by quotes alone; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.by_quotes(request))

    def leaning(self, line: str, turns: Sequence[Answer]) -> Leaning | None:
        """Return what tells if a line leans on the turns before it; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.leaning(line, turns))

    def asked(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the papers that may answer; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.asked(filters))

    def paper(self, paper_id: str) -> Paper | None:
        """Return a paper by an id that it has or had; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.paper(paper_id))

    def _attempt(self, job: Callable[[Assistant], Result]) -> Result:
        """Return what a job gives; it is begun anew where the index changed under it."""

        def once(assistant: Assistant) -> Generator[Result]:
            yield job(assistant)

        [result] = self._stream(once)
        return result

    def _stream(self, job: Callable[[Assistant], Generator[Result]]) -> Generator[Result]:
        """Give what a job yields; it is begun anew as above, until more than progress was told.

        All that the index is read for comes before that.
        """
        has_told = False
        for tries_left in reversed(range(_TRIES)):
            assistant: Assistant | None = None
            try:
                assistant = self._current()
                with closing(job(assistant)) as events:
                    for event in _on_one_thread(events):
                        has_told |= not isinstance(event, Status)
                        yield event
                return
            except PaperDamagedError:  # to open it anew mends nothing
                raise
            except IndexDamagedError:
                self._forget(assistant)
                if has_told or not tries_left:
                    raise
                time.sleep(_PAUSE_S)

    def _current(self) -> Assistant:
        """Return the assistant over the index as it is now.

        Raises:
            IndexMissingError: The index was deleted.
            IndexBusyError: The first papers are just being taken in.
        """
        if self.awaits_papers:
            raise IndexBusyError(
                "the first papers are just being taken in", "ask again in a moment"
            )
        with self._lock:
            if not self.catalogue.is_in_place():
                self.catalogue, self._made = self._make().catalogue, None
            # Before the parts are opened: what changes meanwhile is opened at the next question.
            state = self.catalogue.state(), self._also()
            if self._made is None or self._made[0] != state:
                self._made = state, self._make()
            return self._made[1]

    def _forget(self, assistant: Assistant | None) -> None:
        with self._lock:
            if self._made and self._made[1] is assistant:
                self._made = None


class _InManner(LiveAssistant):
    """Asks the live one, each time in one manner."""

    def __init__(self, live: LiveAssistant, manner: Manner):
        self.catalogue = live.catalogue
        self._live = live
        self._manner = manner
        self._model_name = live.model_name if manner.writes else None
        self._waits = False

    def _stream(self, job: Callable[[Assistant], Generator[Result]]) -> Generator[Result]:
        return self._live._stream(lambda assistant: job(assistant.in_manner(self._manner)))


def _on_one_thread(events: Generator[Result]) -> Generator[Result]:
    """Give what a job yields, its sums on one thread; between two of them they are as before."""
    while True:
        with on_one_thread():
            try:
                event = next(events)
            except StopIteration:
                return
        yield event
