"""Say what the rest of Footnote knows of a language model: it begins, says something, ends."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from pydantic import SecretStr

# What is shorter is a placeholder that a local server is given, and stands in any text by chance.
_LEAST_SECRET = 8


class Message(NamedTuple):
    """A turn of a conversation."""

    role: Literal["system", "user"]
    content: str


class End(NamedTuple):
    """The model says no more."""

    complete: bool
    """False where it was cut off, or where that is not known."""
    tokens_in: int | None = None
    """Tokens that the model read, as its server counts them; None where it does not say."""
    tokens_out: int | None = None


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
        """Tokens that it reads at once."""
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


def without_key(text: str, key: SecretStr | None) -> str:
    """Return one line of what others wrote for an error, with the key taken out.

    Not for what a model writes: with the key `x` it would read `1.91[key]`.
    """
    secret = key.get_secret_value() if key else ""
    bare = text.replace(secret, "[key]") if len(secret) >= _LEAST_SECRET else text
    return " ".join(bare.split())[:200]
