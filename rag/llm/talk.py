"""Call a language model so that it ends in time, whatever the model or its server does."""

import queue
import re
import time
from collections.abc import Generator, Sequence

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.port import End, Message, Model, Said

_TICK_S = 1.0
# A token is hardly longer; servers may send several at once.
_CHARS_A_TOKEN = 16
THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
"""What a reasoning model thinks aloud, in whole or begun."""


def ask_once(
    model: Model, messages: Sequence[Message], *, timeout_s: float, max_tokens: int
) -> str | None:
    """Return all that a model says to this, without what it thinks aloud; None where it fails."""
    reply = Reply(model, messages, timeout_s=timeout_s, max_tokens=max_tokens)
    try:
        return THINKING.sub("", "".join(reply)).strip()
    except GenerationError:
        return None


class Reply:
    """What the model says, piece by piece; iterate once, and close it to stop the model."""

    def __init__(
        self, model: Model, messages: Sequence[Message], *, timeout_s: float, max_tokens: int
    ):
        self._model = model
        self._messages = list(messages)
        self._begun = time.monotonic()
        self._deadline = self._begun + timeout_s
        self._max_tokens = max_tokens
        self.first_token_s: float | None = None
        self.n_tokens = 0
        self.complete = False
        """True once the model is known to have come to its own end."""
        self.is_full = False
        """True once it is cut off because it has written as much as it may."""
        self.cached = False
        """True where it was given before, and nothing was asked."""
        self._last_s = 0.0

    def __iter__(self) -> Generator[str]:
        """Yield the text as it arrives, and an empty one each second in which none does.

        Raises:
            GenerationError: The model cannot be reached, fails, says nothing, or takes too long.
        """
        said: queue.Queue[Said] = queue.Queue()
        stop = self._model.begin(self._messages, said.put, deadline=self._deadline)
        room = self._max_tokens * _CHARS_A_TOKEN
        try:
            while isinstance(piece := (yield from self._next(said)), str):
                if self.n_tokens >= self._max_tokens or room <= 0:
                    self.is_full = True
                    return
                room -= len(piece)
                self._last_s = time.monotonic() - self._begun
                self.first_token_s = self.first_token_s or self._last_s
                self.n_tokens += 1
                yield piece
        finally:
            stop()
        self.complete, self.is_full, self.cached = piece.complete, piece.is_full, piece.cached
        if not self.n_tokens:
            raise GenerationError("gave an empty answer")

    @property
    def tokens_per_s(self) -> float | None:
        """Return the speed after the first token, a piece being one; None for less than two."""
        if self.cached:
            return None
        if self.first_token_s is None or self.n_tokens < 2 or self._last_s <= self.first_token_s:
            return None
        return (self.n_tokens - 1) / (self._last_s - self.first_token_s)

    def _next(self, said: "queue.Queue[Said]") -> Generator[str, None, str | End]:
        """Return the next piece; yield an empty text each second in which none has come."""
        while (left_s := self._deadline - time.monotonic()) > 0:
            try:
                piece = said.get(timeout=min(left_s, _TICK_S))
            except queue.Empty:
                yield ""
                continue
            if isinstance(piece, Exception):
                raise piece
            return piece
        raise GenerationError("did not answer in time", retryable=True)
