"""Count what all the calls of one question took, and what that costs."""

import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import NamedTuple

from footnote.rag.core.records import Writing
from footnote.rag.llm.port import Around, End, Message, Model, Put, Said, Usage

# Of English, by the tokenizers of today's models; of other languages it is less.
_BYTES_A_TOKEN = 4
_A_MILLION = 1_000_000


class Price(NamedTuple):
    """Of a million tokens, in any currency; None where it is not known."""

    read: float | None = None
    written: float | None = None

    def of(self, usage: Usage) -> float | None:
        """Return what so many tokens cost; None where neither price is known."""
        if self == UNKNOWN:
            return None
        cost = usage.read * (self.read or 0) + usage.written * (self.written or 0)
        return round(cost / _A_MILLION, 8)


UNKNOWN = Price()


class Meter:
    """What the calls of one question took; each question has its own."""

    def __init__(self, price: Price):
        self._price = price
        self._lock = Lock()
        self._usage = Usage(0, 0)
        self._model: str | None = None
        self._seconds = 0.0
        self._is_estimated = False

    def watch(self, model: Model) -> Model:
        """Return the same model, whose calls are counted here."""
        return _Watched(model, self)

    def add(self, model: str, usage: Usage, seconds: float, *, is_estimated: bool) -> None:
        """Count one call."""
        with self._lock:
            read, written = self._usage
            self._usage = Usage(read + usage.read, written + usage.written)
            self._model = model
            self._seconds += seconds
            self._is_estimated |= is_estimated

    def noted(self, writing: Writing | None) -> Writing | None:
        """Return how an answer was written, with what it took; None where no model was asked."""
        if self._model is None:
            return writing
        took = {
            "tokens_in": self._usage.read,
            "tokens_out": self._usage.written,
            "estimated": self._is_estimated,
            "cost": self._price.of(self._usage),
        }
        return (writing or self._only_read(self._model)).model_copy(update=took)

    def _only_read(self, model: str) -> Writing:
        return Writing(
            model=model,
            left_out=0,
            sources_left_out=0,
            fault=None,
            first_token_s=None,
            tokens_per_s=None,
            seconds=round(self._seconds, 3),
        )


class _Watched(Around):
    """A model whose calls are counted."""

    def __init__(self, model: Model, meter: Meter):
        super().__init__(model)
        self._meter = meter

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background; see `Model`."""
        call = _Call(self.name, messages, self._meter)

        def heard(said: Said) -> None:
            call.hear(said)
            put(said)

        stop = self._model.begin(messages, heard, deadline=deadline)

        def stopped() -> None:
            stop()
            call.end(None)

        return stopped


class _Call:
    """One call while it lasts; it is counted once, however it ends."""

    def __init__(self, model: str, messages: Sequence[Message], meter: Meter):
        self._name = model
        self._begun = time.monotonic()
        self._n_sent = sum(len(message.content.encode()) for message in messages)
        self._n_said = 0
        self._meter = meter
        self._lock = Lock()
        self._has_ended = False

    def hear(self, said: Said) -> None:
        if isinstance(said, str):
            self._n_said += len(said.encode())
        else:
            self.end(said.usage if isinstance(said, End) else None)

    def end(self, usage: Usage | None) -> None:
        """Count it: by its server, or by its length; one that never said a word is not counted."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
        if usage or self._n_said:
            self._meter.add(
                self._name,
                usage or Usage(_estimated(self._n_sent), _estimated(self._n_said)),
                time.monotonic() - self._begun,
                is_estimated=usage is None,
            )


def _estimated(n_bytes: int) -> int:
    return -(-n_bytes // _BYTES_A_TOKEN)
