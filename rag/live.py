"""An Assistant that goes on while its index is written, rebuilt or swapped by another process."""

import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import TypeVar

from rag.answer import Draft
from rag.assistant import Assistant
from rag.catalogue import Catalogue, State
from rag.errors import IndexDamagedError, QuestionError
from rag.generate import Event
from rag.schema import Answer, Hit

Result = TypeVar("Result")
# What is read while it is replaced fails once; each further try opens it as it then is.
_TRIES = 4
_PAUSE_S = 0.25


class LiveAssistant(Assistant):
    """Opens the index anew when it has changed; a question sees it as it was, or as it is."""

    def __init__(self, catalogue: Catalogue, make: Callable[[], Assistant]):
        """Open the index.

        Args:
            catalogue: Of the index; says when that has changed.
            make: Opens every part as it is now.
        """
        self.catalogue = catalogue
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[State, Assistant] | None = None
        self._attempt(lambda _: None)

    def ask(self, question: str, history: Sequence[str] = ()) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.ask(question, history))

    def ask_stream(self, question: str, history: Sequence[str] = ()) -> Generator[Event]:
        """Answer, telling what goes on; see `Assistant`."""
        # All that the index is read for comes before the first event.
        first, events = self._attempt(lambda a: _begun(a.ask_stream(question, history)))
        with closing(events):
            yield first
            yield from events

    def search(self, question: str, k: int = 10, history: Sequence[str] = ()) -> list[Hit]:
        """The papers that fit the question, best first; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.search(question, k, history))

    def draft(self, question: str, history: Sequence[str] = ()) -> Draft:
        """What could be said, however unsure; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.draft(question, history))

    def in_full(self, question: str, history: Sequence[str]) -> str:
        """The question as it is understood after those before it; see `Assistant`."""
        return self._attempt(lambda assistant: assistant.in_full(question, history))

    def _attempt(self, job: Callable[[Assistant], Result]) -> Result:
        for tries_left in reversed(range(_TRIES)):
            state = self.catalogue.state()
            try:
                return job(self._current(state))
            except QuestionError:
                raise
            except IndexDamagedError:
                self._forget(state)
                if not tries_left:
                    raise
                time.sleep(_PAUSE_S)
        raise AssertionError("unreachable")

    def _current(self, state: State) -> Assistant:
        with self._lock:
            if self._made is None or self._made[0] != state:
                self._made = state, self._make()
            return self._made[1]

    def _forget(self, state: State) -> None:
        with self._lock:
            if self._made and self._made[0] == state:
                self._made = None


def _begun(events: Generator[Event]) -> tuple[Event, Generator[Event]]:
    return next(events), events
