"""What is answered to programs when something goes wrong: RFC 9457, or OpenAI's shape of it."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from footnote.rag.core.errors import (
    DatasetError,
    FootnoteError,
    IndexBusyError,
    IndexFolderError,
    PaperError,
    QuestionError,
    SourceError,
)

# Clients of OpenAI's read errors in its own shape.
_OPENAI = re.compile(r"/v1/(?:chat/completions|models)(?:/|$)")
_OPENAI_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_STATUS: tuple[tuple[type[FootnoteError], int], ...] = (
    (QuestionError, 422),
    (SourceError, 422),
    (DatasetError, 422),
    (IndexBusyError, 409),
    (PaperError, 404),
    (IndexFolderError, 503),
)
_RETRY_S = 2
_HIDDEN = frozenset({"what", "status", "headers"})


class RefusedError(FootnoteError):
    """The server does not do it for this caller, or not now."""

    def __init__(
        self, status: int, what: str, step: str = "", headers: Mapping[str, str] | None = None
    ):
        """Say why.

        Args:
            status: Of HTTP.
            what: What is refused and why.
            step: What to do about it.
            headers: Sent along.
        """
        super().__init__(what, step)
        self.status = status
        self.headers = dict(headers or {})


class NotHereError(RefusedError):
    """There is nothing of that name here."""

    def __init__(self, what: str, step: str = ""):
        super().__init__(404, what, step)


class BusyError(RefusedError):
    """Too much is asked at once."""

    def __init__(self, what: str, wait_s: float):
        """Say for how long to wait."""
        seconds = max(1, round(wait_s))
        super().__init__(429, what, f"try again in {seconds} s", {"Retry-After": str(seconds)})
        self.wait_s = seconds


def answer_to(error: FootnoteError, path: str) -> JSONResponse:
    """Answer with an error, in the shape that the clients of this path read."""
    status, headers = _status_of(error)
    facts = {k: v for k, v in vars(error).items() if k not in _HIDDEN and _is_plain(v)}
    return _answer(path, status, type(error).__name__, str(error), facts, headers)


def use_refusals(app: FastAPI) -> None:
    """Have an application answer its errors so."""
    app.add_exception_handler(FootnoteError, _of_ours)
    app.add_exception_handler(RequestValidationError, of_values)
    app.add_exception_handler(HTTPException, _of_routes)


def unexpected(path: str) -> JSONResponse:
    """Answer where a fault of ours broke an answer off; what it was is in the log alone."""
    said = "unexpected fault; the server's log says more with --debug"
    return _answer(path, 500, "UnexpectedFault", said)


async def _of_ours(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, FootnoteError):
        raise error
    return answer_to(error, request.url.path)


async def of_values(request: Request, error: Exception) -> JSONResponse:
    """Answer where values are wrong, without repeating them."""
    if not isinstance(error, RequestValidationError):
        raise error
    # Of each: where, and why; not what was sent, which may be large or secret.
    wrong = [{"field": _field(each["loc"]), "reason": each["msg"]} for each in error.errors()]
    said = "; ".join(f"{each['field']}: {each['reason']}" for each in wrong[:5])
    status = 400 if _OPENAI.search(request.url.path) else 422
    return _answer(request.url.path, status, "RequestError", said[:500], {"errors": wrong[:50]})


async def _of_routes(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    return _answer(path, error.status_code, "RequestError", str(error.detail), {}, error.headers)


def _answer(
    path: str,
    status: int,
    name: str,
    said: str,
    facts: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    if _OPENAI.search(path):
        usual = "server_error" if status >= 500 else "invalid_request_error"
        kind = _OPENAI_TYPES.get(status, usual)
        fault = {"message": said, "type": kind, "param": None, "code": _snake(name)}
        return JSONResponse({"error": fault}, status, dict(headers or {}))
    body = {
        "type": f"urn:footnote:error:{_snake(name)}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": said,
        **(facts or {}),
    }
    return JSONResponse(body, status, dict(headers or {}), "application/problem+json")


def _status_of(error: FootnoteError) -> tuple[int, dict[str, str]]:
    if isinstance(error, RefusedError):
        return error.status, error.headers
    status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    return status, {"Retry-After": str(_RETRY_S)} if status == 503 else {}


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, str | int | float | bool) and value != ""


def _field(place: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in place if part != "body")[:200] or "body"


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
