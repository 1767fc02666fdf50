"""What all doors share: one assistant, and how much of it is asked at once."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple, TypeVar

from anyio import CancelScope, CapacityLimiter, Event
from anyio.to_thread import run_sync

from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Web
from footnote.rag.core.processor import n_threads
from footnote.ui.refusals import BusyError

Result = TypeVar("Result")
# In which a question is mostly answered, and a place free again.
_WAIT_S = 2
_WRITTEN_AT_ONCE = 8


class Desk:
    """Asks the assistant from threads, so many at once, and sends away whom it cannot serve.

    No client has more than its share of places, so that one that asks hundreds of questions holds
    up the others by no more than that.
    """

    def __init__(self, assistant: Assistant, *, at_once: int, waiting: int, a_client: int):
        """Share an assistant.

        Args:
            assistant: Answers; safe to use from several threads.
            at_once: Questions that are worked on at the same time.
            waiting: Further ones that wait.
            a_client: Of both, that one client may have.
        """
        self.assistant = assistant
        self._turns = _Turns(at_once)
        # The turns are what limits; of threads there are never too few.
        self._threads = CapacityLimiter(at_once + waiting)
        self._places = at_once + waiting
        self._a_client = a_client
        self._there: Counter[str] = Counter()

    @property
    def n_there(self) -> int:
        """How many questions there are, waiting or worked on."""
        return self._there.total()

    async def run(self, client: str, job: Callable[[Assistant], Result]) -> Result:
        """Do a job in a thread, once it is its turn.

        Raises:
            BusyError: Too many are waiting, or too many of this client.
        """
        with self._place(client):
            async with self._turns.one(client):
                return await run_sync(job, self.assistant, limiter=self._threads)

    async def stream(
        self, client: str, job: Callable[[Assistant], Generator[Result]]
    ) -> AsyncGenerator[Result]:
        """Give what a job yields, as it comes; closing this stops the job.

        Raises:
            BusyError: Too many are waiting, or too many of this client.
        """
        with self._place(client):
            async with self._turns.one(client):
                events = job(self.assistant)
                try:
                    while (
                        event := await run_sync(next, events, None, limiter=self._threads)
                    ) is not None:
                        yield event
                finally:
                    with CancelScope(shield=True):
                        await run_sync(events.close, limiter=self._threads)

    @contextmanager
    def _place(self, client: str) -> Generator[None]:
        if self._there[client] >= self._a_client:
            raise BusyError(f"you have {self._a_client} questions here already", _WAIT_S)
        if self.n_there >= self._places:
            raise BusyError(f"{self.n_there} questions are here already", _WAIT_S)
        self._there[client] += 1
        try:
            yield
        finally:
            self._there[client] -= 1
            if not self._there[client]:
                del self._there[client]


class _Turns:
    """So many jobs at once; who waits is served in turn, those first who have the fewest."""

    def __init__(self, at_once: int):
        self._free = at_once
        self._working: Counter[str] = Counter()
        # When each client that is here had its last turn, in turns.
        self._last: dict[str, int] = {}
        self._n_begun = 0
        self._waiting: list[_Waiting] = []

    @asynccontextmanager
    async def one(self, client: str) -> AsyncGenerator[None]:
        """Wait for a turn, and give it back."""
        if self._free:
            self._begin(client)
        else:
            await self._wait(_Waiting(client, Event()))
        try:
            yield
        finally:
            self._end(client)

    async def _wait(self, own: "_Waiting") -> None:
        self._waiting.append(own)
        try:
            await own.called.wait()
        except BaseException:
            if own in self._waiting:
                self._waiting.remove(own)
            else:  # it was called meanwhile
                self._end(own.client)
            raise

    def _begin(self, client: str) -> None:
        self._free -= 1
        self._working[client] += 1
        self._n_begun += 1
        self._last[client] = self._n_begun

    def _end(self, client: str) -> None:
        self._free += 1
        self._working[client] -= 1
        if self._waiting:
            called = min(self._waiting, key=self._precedence)
            self._waiting.remove(called)
            self._begin(called.client)
            called.called.set()
        if not self._working[client] and all(each.client != client for each in self._waiting):
            del self._working[client], self._last[client]

    def _precedence(self, waiting: "_Waiting") -> tuple[int, int]:
        return self._working[waiting.client], self._last.get(waiting.client, 0)


class _Waiting(NamedTuple):
    client: str
    called: Event


def desk_for(assistant: Assistant, web: Web) -> Desk:
    """Share an assistant as the settings say."""
    at_once = asked_at_once(assistant, web)
    return Desk(assistant, at_once=at_once, waiting=web.waiting, a_client=web.a_client)


def asked_at_once(assistant: Assistant, web: Web) -> int:
    """Return how many questions are best worked on at the same time.

    A model that writes is waited for; without one, more questions than cores only hold each other
    up.
    """
    if web.at_once != "auto":
        return web.at_once
    return _WRITTEN_AT_ONCE if assistant.model_name else n_threads()
