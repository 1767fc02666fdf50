"""Let in only whom the server is for: known hosts and origins, tokens, passwords, small bodies."""

import asyncio
import base64
import binascii
import hmac
import re
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from functools import cache, partial
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from anyio import Lock
from anyio.to_thread import run_sync
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Call

from footnote.rag.core.config import Config
from footnote.rag.core.errors import ConfigError, FootnoteError
from footnote.rag.core.hosts import is_loopback
from footnote.ui.refusals import BusyError, NotHereError, RefusedError, answer_to
from footnote.ui.tokens import Scope, Tokens, hash_password, is_password

# A draft to check, or a long conversation, is below a tenth of this.
MAX_BODY_BYTES = 10_000_000
# Wrong passwords that cost nothing; each further one doubles the wait, from a second to this.
_FREE_GUESSES, _MAX_WAIT_S = 5, 60.0
_CLIENTS_KEPT = 10_000
# For a body; and a second more for each so many bytes of it.
_BODY_S, _SLOWEST = 20.0, 10_000
_OPEN = frozenset({"/health", "/ready"})
# Where people sign in by an OpenID provider, and for how long.
SIGN_IN = "/sign-in"
BY_PASSWORD = f"{SIGN_IN}/password"
SESSION_S = 12 * 3_600
# A cookie holds 4,096 bytes, and what a sign-in is checked by is in it too.
_MAX_BACK_CHARS = 1_000
_SIGNING_IN = frozenset({SIGN_IN, f"{SIGN_IN}/back", f"{SIGN_IN}/out"})
_READ = re.compile(
    r"/(?:metrics|docs|openapi\.json|v1/(?:search|papers|models|reports|feed\.atom|news))(?:/|$)"
)
# What the page calls may change papers too.
_WRITE = re.compile(r"/(?:v1/(?:ingest|evaluate|jobs)|gradio_api)(?:/|$)")
# What gradio would do for anybody who knows of it: fetch pages for them, and show its figures.
_CLOSED = re.compile(r"/(?:gradio_api/(?:proxy=|file=https?:)|monitoring(?:/|$))")
_OF_PROGRAMS = "/v1/"
# Calls of one client that are looked at side by side; more wait so long, and are refused unread.
_MOST_CALLS, _HELD_S = 32, 2.0
# Else the rest of a refused body would be read to its end, and thrown away.
_CLOSED_AFTER = {"Connection": "close"}
_PAGE_UPLOAD = re.compile(r"/gradio_api/upload")
_UPLOAD = re.compile(rf"{_PAGE_UPLOAD.pattern}|/v1/(?:ingest|evaluate)$")
_HEADERS = {
    # Gradio's page runs scripts that stand in it; nothing is loaded from elsewhere.
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "font-src 'self' data:; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Caller(NamedTuple):
    """Who calls, and what they may do."""

    name: str
    scope: Scope
    is_signed_in: bool = False
    """By a session, whose scope comes of a role."""


class _UnknownError(Exception):
    """Nobody is known by what was sent."""

    def __init__(self, why: str):
        super().__init__(why)
        self.why = why


class Access:
    """Says who may call what."""

    def __init__(
        self,
        tokens: Tokens,
        users: Mapping[str, str],
        *,
        host: str,
        hosts: tuple[str, ...] = (),
        signs_in: bool = False,
        page: bool = True,
    ):
        """Guard a server.

        Args:
            tokens: Those of its index.
            users: Names and hashed passwords.
            host: The address that it listens on.
            hosts: Further names by which browsers reach it.
            signs_in: True where people sign in by an OpenID provider.
            page: False where the page, and with it the doors to sign in, is served elsewhere.

        Raises:
            ConfigError: It can be reached from elsewhere, and there are neither tokens nor users.
        """
        self._tokens = tokens
        self._users = dict(users)
        self._signs_in = signs_in and page
        self._is_guarded = bool(signs_in or users or tokens.all())
        self._further = frozenset(map(str.lower, hosts))
        here = is_loopback(host)
        if not here and not self._is_guarded:
            raise ConfigError(
                f"on {host} others can reach this, and nothing asks who they are",
                "make a token with `footnote token new NAME`, or name `web.users` or `web.oidc`",
            )
        self._known = self._further | {host.strip("[]").lower()}
        if here:
            self._known |= {"localhost", "127.0.0.1", "::1"}
        # Elsewhere it may have any name; a page of another name has no password of this one.
        self._any_host = not here and not hosts
        self._failures = Failures()
        self._comparing = Lock()
        self._key = secrets.token_bytes(32)
        self._right: dict[str, bytes] = {}
        self._nobody = _of_nobody()

    async def caller(self, request: Request) -> Caller:
        """Return who calls.

        Raises:
            RefusedError: They may not.
        """
        self._check_place(request.headers)
        address = request.client.host if request.client else "unknown"
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        if path in _OPEN or not self._needs_credentials():
            return Caller(address, Scope.WRITE)
        if self._signs_in and path in _SIGNING_IN:
            return Caller(address, Scope.READ)
        try:
            caller = await self._known_caller(request, path, address)
        except _UnknownError as error:
            raise self._challenge(error.why, request, path) from error
        needed = scope_of(path)
        if not caller.scope.covers(needed):
            raise RefusedError(
                403,
                f"{caller.name} may {caller.scope}, and this takes {needed}",
                f"ask who runs this for a role that gives {needed} by `web.oidc`"
                if caller.is_signed_in
                else f"use a token of `footnote token new NAME --scope {needed}`",
            )
        return caller

    async def _known_caller(self, request: Request, path: str, address: str) -> Caller:
        authorization = request.headers.get("authorization", "")
        if self._signs_in and path == BY_PASSWORD:
            # A session or a token would be made anew here for ever, whoever took it back.
            return await self._by_password(*_name_and_password(authorization), address)
        if not authorization:
            if caller := self._signed_in(request):
                return caller
            self._send_to_sign_in(request)
        return await self._named(authorization, address)

    def _challenge(self, why: str, request: Request, path: str) -> RefusedError:
        """Say how to sign in; a browser asks for a password where one is of use."""
        step = "send a token of `footnote token new NAME` as `Authorization: Bearer …`"
        scheme = "Basic"
        if self._signs_in and path != BY_PASSWORD:
            step = f"open {request.scope.get('root_path', '')}{SIGN_IN}, or {step}"
            scheme = "Bearer"
        said = f'{scheme} realm="Footnote"' + (', charset="UTF-8"' if scheme == "Basic" else "")
        return RefusedError(401, why, step, {"WWW-Authenticate": said})

    def _signed_in(self, request: Request) -> Caller | None:
        """Return whom the cookie names; None for nobody, or where it has ended."""
        session = request.scope.get("session") or {}
        if not self._signs_in or "caller" not in session or session["until"] < time.time():
            return None
        name, scope = session["caller"]
        return Caller(name, Scope(scope), is_signed_in=True)

    def _send_to_sign_in(self, request: Request) -> None:
        """Send a browser that opens a page to the provider, and keep which page it was."""
        is_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
        if self._signs_in and is_page:
            to = request.scope.get("root_path", "") + SIGN_IN
            request.session["back"] = _place_here(request)
            raise RefusedError(303, "sign in first", f"at {to}", {"Location": to})

    def _check_place(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if not self._any_host and _name(host) not in self._known:
            step = "name it in `web.hosts` if it is yours"
            raise RefusedError(403, f"the host {host[:100]!r} is not known here", step)
        origin = headers.get("origin")
        if origin is None:
            return
        place = origin.partition("://")[2].lower()
        if not place or (place != host.lower() and _name(place) not in self._further):
            raise RefusedError(403, f"a page of {origin[:100]!r} may not call this")

    def _needs_credentials(self) -> bool:
        # Once there was a token, to revoke the last one does not open the door.
        self._is_guarded = self._is_guarded or bool(self._tokens.all())
        return self._is_guarded

    async def _named(self, authorization: str, address: str) -> Caller:
        kind, _, value = authorization.partition(" ")
        if kind.lower() == "bearer" and (token := self._tokens.find(value.strip())):
            return Caller(token.name, token.scope)
        if kind.lower() == "basic":
            name, password = _name_and_password(authorization)
            # A browser sends a token so, with any name.
            if token := self._tokens.find(password):
                return Caller(token.name, token.scope)
            return await self._by_password(name, password, address)
        raise _UnknownError("that is no token of here" if kind else "no token or password was sent")

    async def _by_password(self, name: str, password: str, address: str) -> Caller:
        seen = hmac.digest(self._key, password.encode(), "sha256")
        if not self._was_right(name, seen):
            async with self._comparing:
                # A page asks for dozens of files at once.
                if not self._was_right(name, seen):
                    await self._compare(name, password, address)
                    self._right[name] = seen
        return Caller(name, Scope.WRITE)

    def _was_right(self, name: str, seen: bytes) -> bool:
        return hmac.compare_digest(self._right.get(name, b""), seen)

    async def _compare(self, name: str, password: str, address: str) -> None:
        self._failures.count(address)
        kept = self._users.get(name)
        # A name that there is not takes as long.
        is_right = await run_sync(is_password, password, kept or self._nobody)
        if kept is None or not is_right:
            raise _UnknownError("the name or the password is wrong")
        self._failures.forget(address)


def access_to(config: Config, host: str, *, page: bool = True) -> Access:
    """Guard a server of these settings at this address, with the page or without.

    Raises:
        ConfigError: Others can reach it, and it has no tokens, users or provider.
    """
    web = config.web
    return Access(
        Tokens(config.index),
        web.users,
        host=host,
        hosts=web.hosts,
        signs_in=bool(web.oidc),
        page=page,
    )


class Failures:
    """Slows down who guesses passwords."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Note an attempt.

        Raises:
            BusyError: It has to wait.
        """
        n, until = self._seen.pop(address, (0, 0.0))
        now = time.monotonic()
        if now < until:
            self._seen[address] = n, until
            raise BusyError("too many wrong passwords", until - now)
        wait_s = min(2.0 ** (n + 1 - _FREE_GUESSES), _MAX_WAIT_S) if n + 1 >= _FREE_GUESSES else 0.0
        self._seen[address] = n + 1, now + wait_s
        if len(self._seen) > _CLIENTS_KEPT:
            self._seen.popitem(last=False)

    def forget(self, address: str) -> None:
        """Forget what was wrong before a right password."""
        self._seen.pop(address, None)


class Guard:
    """ASGI middleware: lets in whom `Access` knows, and reads no body that is too large."""

    def __init__(
        self, app: ASGIApp, access: Access, *, upload_bytes: int = 0, held_s: float = _HELD_S
    ):
        """Stand before an application.

        Args:
            app: It.
            access: Says who may call.
            upload_bytes: How large a file may be that is sent; of 0 gradio's way to upload is
                closed.
            held_s: How long a call waits that is one too many of its client's, until it is refused.
        """
        self._app = app
        self._held_s = held_s
        self._access = access
        self._most_uploaded = MAX_BODY_BYTES + upload_bytes
        self._calls = Counter[str]()
        closed = _CLOSED.pattern if upload_bytes else f"{_CLOSED.pattern}|{_PAGE_UPLOAD.pattern}"
        self._closed = re.compile(closed)

    async def __call__(self, scope: Call, receive: Receive, send: Send) -> None:
        """Pass a call on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over websockets
            await send({"type": "websocket.close", "code": 1008})
            return
        send = partial(_with_headers, send)
        request = Request(scope)
        try:
            caller = await self._access.caller(request)
            path = request.url.path.removeprefix(request.scope.get("root_path", ""))
            most = self._most_uploaded if _UPLOAD.match(path) else MAX_BODY_BYTES
            self._check_call(request, path, most)
        except FootnoteError as error:
            await answer_to(error, request.url.path)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = caller
        if not path.startswith(_OF_PROGRAMS):
            await self._app(scope, _Bounded(receive, most), send)
            return
        if self._calls[caller.name] >= _MOST_CALLS:
            # Told at once it would call again at once, and others would wait for the telling.
            await asyncio.sleep(self._held_s)
            busy = BusyError(f"you have {_MOST_CALLS} calls here already", self._held_s)
            await answer_to(busy, request.url.path)(scope, receive, send)
            return
        self._calls[caller.name] += 1
        try:
            await self._app(scope, _Bounded(receive, most), send)
        finally:
            self._calls[caller.name] -= 1
            if not self._calls[caller.name]:
                del self._calls[caller.name]

    def _check_call(self, request: Request, path: str, most: int) -> None:
        if self._closed.match(path):
            raise NotHereError("there is nothing at this address", "see /docs")
        # What is no number is refused before it comes here.
        if int(request.headers.get("content-length", "0")) > most:
            raise _too_large(most)


class _Bounded:
    """Receives a body up to the limit, at no less than the slowest pace."""

    def __init__(self, receive: Receive, most: int):
        self._receive = receive
        self._most = most
        self._n_read = 0
        self._begun = time.monotonic()
        self._is_whole = False

    async def __call__(self) -> Message:
        if self._is_whole:  # what comes now is that the caller is gone, some time
            return await self._receive()
        left = self._begun + _BODY_S + self._n_read / _SLOWEST - time.monotonic()
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.01))
        except TimeoutError as error:
            # Of Starlette: FastAPI lets others go as 400.
            raise HTTPException(408, "the body comes too slowly", _CLOSED_AFTER) from error
        self._n_read += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._n_read > self._most:
            raise HTTPException(413, str(_too_large(self._most)), _CLOSED_AFTER)
        return message


def scope_of(path: str) -> Scope:
    """Return what a caller of this path has to be allowed."""
    if _WRITE.match(path):
        return Scope.WRITE
    return Scope.READ if _READ.match(path) else Scope.ASK


@cache
def _of_nobody() -> str:
    """Return what is compared where a name is not known; made once, for it takes its time."""
    return hash_password(secrets.token_hex())


def _name(place: str) -> str:
    """Return the name in `name:port` in lower case, without the brackets of an IPv6 address."""
    try:
        return (urlsplit(f"//{place}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _name_and_password(authorization: str) -> tuple[str, str]:
    kind, _, value = authorization.partition(" ")
    if kind.lower() != "basic":
        raise _UnknownError("no name and password were sent")
    try:
        name, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _UnknownError("the password cannot be read") from error
    return name, password


def _place_here(request: Request) -> str | None:
    """Return the path and query that a browser asked for; None for one that may lead elsewhere."""
    path: str = request.scope["path"]
    query = request.url.query
    place = quote(path) + (f"?{query}" if query else "")
    # Browsers read two slashes, or a backslash, as the beginning of another host's name.
    is_here = path.startswith("/") and not path.startswith("//") and "\\" not in path + query
    return place if is_here and len(place) <= _MAX_BACK_CHARS else None


def _too_large(most: int) -> RefusedError:
    said = f"the call is larger than {most:,} bytes"
    return RefusedError(413, said, "send less at once", _CLOSED_AFTER)


async def _with_headers(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
    await send(message)
