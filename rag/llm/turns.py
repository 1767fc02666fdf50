"""Ask a model only so many things at once; who comes later waits for a turn."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Thread

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.port import Around, Message, Model, Put, Said

# Sooner than its caller gives up, which could not say what it waited for.
_SOONER_S = 0.2


class InTurn(Around):
    """A model that is asked no more than so many things at once by this process."""

    def __init__(self, model: Model, parallel: int):
        super().__init__(model)
        self._line = _Line(parallel)

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background, as soon as it is its turn; see `Model`."""
        call = _Call(self._line, put)

        def run() -> None:
            if self._line.wait(call, deadline - _SOONER_S):
                try:
                    call.begun(self._model.begin(messages, call.hear, deadline=deadline))
                except Exception as error:  # whatever it is, someone waits for it
                    call.hear(error)
            elif not call.is_stopped:
                put(_busy(self._line.parallel))

        Thread(target=run, name="turn", daemon=True).start()
        return call.stop


class _Line:
    """Who has a turn and who waits for one, in the order in which they came."""

    def __init__(self, parallel: int):
        self.parallel = parallel
        self._n_free = parallel
        self._waiting: deque[_Call] = deque()
        self._moved = Condition()

    def wait(self, call: "_Call", deadline: float) -> bool:
        """Wait for a turn; False when the time is over or the call was stopped."""
        with self._moved:
            self._waiting.append(call)
            try:
                is_over = not self._moved.wait_for(
                    lambda: call.is_stopped or (self._n_free and self._waiting[0] is call),
                    max(0.0, deadline - time.monotonic()),
                )
                call.has_turn = not (is_over or call.is_stopped)
                self._n_free -= call.has_turn
                return call.has_turn
            finally:
                self._waiting.remove(call)
                self._moved.notify_all()

    def leave(self, call: "_Call", *, is_stopped: bool = False) -> None:
        """Give back a turn, if the call has one, and wake who waits."""
        with self._moved:
            call.is_stopped |= is_stopped
            self._n_free += call.has_turn
            call.has_turn = False
            self._moved.notify_all()


class _Call:
    """One call, from when it waits until it ends or is stopped."""

    def __init__(self, line: _Line, put: Put):
        self._line = line
        self._put = put
        self._stop: Callable[[], None] | None = None
        self.has_turn = False
        self.is_stopped = False

    def begun(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self.is_stopped:  # while it began
            stop()

    def hear(self, said: Said) -> None:
        if not isinstance(said, str):
            self._line.leave(self)
        self._put(said)

    def stop(self) -> None:
        self._line.leave(self, is_stopped=True)
        if self._stop:
            self._stop()


def _busy(parallel: int) -> GenerationError:
    others = "another question" if parallel == 1 else f"{parallel} other questions"
    return GenerationError(
        f"is still answering {others}, and `llm.parallel` allows no more at once", retryable=True
    )
