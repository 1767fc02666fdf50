"""What all doors share: one assistant, and how much of it is asked at once."""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter
from anyio.to_thread import run_sync

from footnote.rag.assistant import Assistant
from footnote.rag.core.config import Web
from footnote.ui.refusals import BusyError

Result = TypeVar("Result")
# In which a question is mostly answered, and a place free again.
_WAIT_S = 2


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
        self._limiter = CapacityLimiter(at_once)
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
            return await run_sync(job, self.assistant, limiter=self._limiter)

    async def stream(
        self, client: str, job: Callable[[Assistant], Generator[Result]]
    ) -> AsyncGenerator[Result]:
        """Give what a job yields, as it comes; closing this stops the job.

        Raises:
            BusyError: Too many are waiting, or too many of this client.
        """
        with self._place(client):
            # Another task may close this than began it.
            turn = object()
            await self._limiter.acquire_on_behalf_of(turn)
            events = job(self.assistant)
            try:
                while (event := await run_sync(next, events, None)) is not None:
                    yield event
            finally:
                with CancelScope(shield=True):
                    await run_sync(events.close)
                self._limiter.release_on_behalf_of(turn)

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


def desk_for(assistant: Assistant, web: Web) -> Desk:
    """Share an assistant as the settings say."""
    return Desk(assistant, at_once=web.at_once, waiting=web.waiting, a_client=web.a_client)
