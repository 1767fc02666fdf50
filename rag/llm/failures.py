"""Say what a vendor's library means by what it raises, and what to do about it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import SecretStr

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.client import causes, retry_after
from footnote.rag.llm.port import without_key

_RETRYABLE = frozenset([408, 425, 429])
_OVERLOADED = frozenset([503, 529])
# What comes in the middle of a stream has a name and no status: Anthropic's, then Bedrock's.
_STATUS = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "api_error": 500,
    "throttlingexception": 429,
    "serviceunavailableexception": 503,
    "internalserverexception": 500,
    "modelstreamerrorexception": 500,
}
# Google sends this with status 400.
_NO_KEY = "API_KEY_INVALID"
# As OpenAI, Anthropic, Gemini, Mistral and Bedrock say it; none but the first has a code for it.
_TOO_LONG = (
    "context_length_exceeded",
    "prompt is too long",
    "input token count",
    "too large for model",
    "input is too long",
)


# Errors of a connection in httpx, httpx2 and urllib3, of which a library brings its own.
_BROKEN = frozenset(["TransportError", "ProtocolError"])


class Vendor(NamedTuple):
    """Whom a message of an error names."""

    name: str
    key: str = "FOOTNOTE_LLM__API_KEY"
    """Where the key comes from."""


def explain(
    error: Exception, vendor: Vendor, key: SecretStr | None, *, has_said: bool
) -> GenerationError:
    """Make of what a library raised a line for a person.

    Args:
        error: Whatever it raised.
        vendor: Whose library it is.
        key: Taken out of what the error says.
        has_said: True where a part of the answer came before; then it is not asked for again.
    """
    said = _text(error)
    status = 401 if _NO_KEY in said else _status(error)
    if status is None:
        return _unreached(error, vendor, key, has_said=has_said)
    retryable = not has_said and (status in _RETRYABLE or status >= 500)
    wait_s = retry_after(_headers(error).get("retry-after"))
    meaning = _meaning(status, said, vendor, key, wait_s)
    return GenerationError(meaning, status=status, retryable=retryable, wait_s=wait_s)


def _meaning(
    status: int, said: str, vendor: Vendor, key: SecretStr | None, wait_s: float | None
) -> str:
    if status in (401, 403):
        return f"was refused by {vendor.name} for the key ({status}); check {vendor.key}"
    if status == 404:
        return f"is not known to {vendor.name} (404); check `llm.model` and `llm.base_url`"
    if status == 429:
        when = f"; ask again in {wait_s:.0f} seconds" if wait_s else "; ask again later"
        return f"is asked too often (429){when}"
    if status in _OVERLOADED:
        return f"is overloaded ({status}); ask again later"
    if status >= 500:
        return f"failed ({status})"
    if any(phrase in said.lower() for phrase in _TOO_LONG):
        return f"reads less at once than it was sent ({status}); lower `llm.context_window`"
    return f"refused the question ({status}): {without_key(said, key) or 'it does not say why'}"


def _unreached(
    error: Exception, vendor: Vendor, key: SecretStr | None, *, has_said: bool
) -> GenerationError:
    all_causes = list(causes(error))
    is_broken = any(_is_broken(cause) for cause in all_causes)
    if has_said and is_broken:
        return GenerationError("was cut off in the middle of its answer")
    if any(isinstance(cause, OSError) for cause in all_causes):
        return GenerationError(
            f"could not be reached: nothing answers for {vendor.name}; check `llm.base_url`",
            retryable=True,
        )
    if is_broken:
        return GenerationError("was cut off before its answer", retryable=True)
    reason = without_key(f"{type(error).__name__}: {error}", key)
    return GenerationError(f"failed: {reason}")


def _is_broken(cause: BaseException) -> bool:
    """Return True for an error of the connection, whichever library it is of."""
    names = (base.__name__ for base in type(cause).__mro__)
    return isinstance(cause, OSError) or any(name in _BROKEN for name in names)


def _status(error: Exception) -> int | None:
    name = _name(error)
    if name in _STATUS:
        return _STATUS[name]
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):  # botocore's
        found: Any = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(error, "status_code", None) or getattr(error, "code", None)
    return found if isinstance(found, int) and found >= 400 else None


def _name(error: Exception) -> str | None:
    """Return how the service itself calls the error."""
    answer, body = getattr(error, "response", None), getattr(error, "body", None)
    holder: Any = answer.get("Error") if isinstance(answer, dict) else body
    if isinstance(holder, dict) and isinstance(holder.get("error"), dict):
        holder = holder["error"]
    name = (holder.get("Code") or holder.get("type")) if isinstance(holder, dict) else None
    return name.lower() if isinstance(name, str) else None


def _headers(error: Exception) -> Mapping[str, str]:
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        return answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return getattr(answer, "headers", None) or getattr(error, "headers", None) or {}


def _text(error: Exception) -> str:
    return " ".join(str(error).split())
