"""Say what the rest of Footnote knows of a language model: it begins, says something, ends."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Literal, NamedTuple, Protocol, Self

from pydantic import SecretStr

# What is shorter is a placeholder that a local server is given, and stands in any text by chance.
_LEAST_SECRET = 8


class Message(NamedTuple):
    """A turn of a conversation."""

    role: Literal["system", "user"]
    content: str


class Usage(NamedTuple):
    """Tokens that one call took, as its server counts them."""

    read: int
    written: int


class End(NamedTuple):
    """The model says no more."""

    complete: bool
    """False where it was cut off, or where that is not known."""
    is_full: bool = False
    """True where it was cut off because it had written as many tokens as it may."""
    usage: Usage | None = None
    """None where the server does not say."""
    cached: bool = False
    """True where nothing was asked: the reply was given before and kept."""


Said = str | End | Exception
Put = Callable[[Said], None]


class Model(Protocol):
    """A language model, hosted, served or in this process."""

    @property
    def name(self) -> str:
        """As a person calls it."""
        ...

    @property
    def context_window(self) -> int:
        """Tokens that it reads at once; its server may be asked for them, for two seconds."""
        ...

    @property
    def max_tokens(self) -> int:
        """Tokens of an answer at most; it may depend on the window, as above."""
        ...

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background.

        Args:
            messages: The conversation.
            put: Is given each piece of text, then one `End`, or the error that ended it: a
                GenerationError for all that a model or its server can do.
            deadline: On the monotonic clock. What cannot begin before it is not tried again; to
                stop what has begun is the caller's.

        Returns:
            What stops the model; it may be called from any thread, at any time, and again.
        """
        ...

    def in_form(self, schema: Mapping[str, Any]) -> "Model":
        """Return one that writes JSON of this schema, where its server can see to it.

        It is told so in words as well: where its server cannot, nothing else sees to it.
        """
        ...


class Around:
    """A model around another, with its name and its limits; who inherits says how it is asked."""

    def __init__(self, model: Model):
        self._model = model

    @property
    def name(self) -> str:
        """As a person calls it."""
        return self._model.name

    @property
    def context_window(self) -> int:
        """Tokens that it reads at once."""
        return self._model.context_window

    @property
    def max_tokens(self) -> int:
        """Tokens of an answer at most."""
        return self._model.max_tokens

    def in_form(self, schema: Mapping[str, Any]) -> Self:
        """Return one around a model that writes JSON of this schema; see `Model`."""
        other = copy(self)
        other._model = self._model.in_form(schema)
        return other


def without_key(text: str, key: SecretStr | None) -> str:
    """Return one line of what others wrote for an error, with the key taken out.

    Not for what a model writes: with the key `x` it would read `1.91[key]`.
    """
    secret = key.get_secret_value() if key else ""
    bare = text.replace(secret, "[key]") if len(secret) >= _LEAST_SECRET else text
    return " ".join(bare.split())[:200]
