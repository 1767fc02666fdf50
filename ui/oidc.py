"""Sign-in by an OpenID provider: authorization code with PKCE, by Authlib.

Whom the provider names gets a signed cookie, which says what they may do until it ends. Nothing of
the provider's tokens is kept.
"""

import logging
import secrets
import time
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.responses import RedirectResponse

from footnote.rag.core.config import Oidc, Web
from footnote.rag.core.errors import ConfigError
from footnote.ui.guard import BY_PASSWORD, SESSION_S, SIGN_IN, Caller
from footnote.ui.refusals import RefusedError
from footnote.ui.tokens import Scope

# By a key of the provider's that is public; not `none`, and not by a secret that both know.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
_DISCOVERY = "/.well-known/openid-configuration"
_LEEWAY_S = 60
_TIMEOUT_S = 20.0
_MAX_NAME_CHARS = 100
_AGAIN = f"open {SIGN_IN} to try again"
_log = logging.getLogger(__name__)


class Provider:
    """An OpenID provider, and what it says of people."""

    def __init__(self, settings: Oidc):
        """Know where it is; it is asked when somebody signs in.

        Raises:
            ConfigError: Authlib is not installed.
        """
        try:
            from authlib.integrations.starlette_client import OAuth
        except ImportError as error:
            raise ConfigError(
                "`web.oidc` takes Authlib", "pip install 'footnote-papers[oidc]'"
            ) from error
        secret = settings.client_secret and settings.client_secret.get_secret_value()
        self._settings = settings
        self._client: Any = OAuth().register(
            "provider",
            server_metadata_url=settings.issuer.rstrip("/") + _DISCOVERY,
            client_id=settings.client_id,
            client_secret=secret,
            client_kwargs={
                "scope": settings.scope,
                "code_challenge_method": "S256",
                "timeout": _TIMEOUT_S,
                **({} if secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def begin(self, request: Request, back: str) -> Response:
        """Send a browser to the provider, which sends it back to an address.

        Raises:
            RefusedError: The provider does not answer, or is another one than the settings name.
        """
        try:
            await self._check_provider()
            return await self._client.authorize_redirect(request, back)
        except _faults() as error:
            raise _failed(503, error) from error

    async def end(self, request: Request) -> Caller:
        """Return whom the provider sends back.

        Raises:
            RefusedError: What it says does not hold, or allows nothing here.
        """
        settings = self._settings
        try:
            await self._check_provider()
            said = await self._client.authorize_access_token(
                request,
                leeway=_LEEWAY_S,
                claims_options={
                    "iss": {"essential": True, "values": [settings.issuer]},
                    "aud": {"essential": True, "values": [settings.client_id]},
                    "nonce": {"essential": True},
                },
            )
        except _faults() as error:
            raise _failed(401, error) from error
        claims: Mapping[str, Any] = said.get("userinfo") or {}
        if not claims.get("sub"):
            raise _failed(401, ValueError("the provider names nobody"))
        name = next(
            value
            for key in ("email", "preferred_username", "sub")
            if isinstance(value := claims.get(key), str) and value
        )[:_MAX_NAME_CHARS]
        scope = role_of(claims, settings)
        if scope is None:
            raise RefusedError(
                403, f"{name} has no role here", "name one of theirs in `web.oidc.roles`"
            )
        return Caller(name, scope)

    async def _check_provider(self) -> None:
        metadata = await self._client.load_server_metadata()
        if metadata.get("issuer") != self._settings.issuer:
            raise ValueError(f"the provider calls itself {str(metadata.get('issuer'))[:100]!r}")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [
            name for name in _ALGORITHMS if name in offered
        ]


def role_of(claims: Mapping[str, Any], settings: Oidc) -> Scope | None:
    """Return the most that the roles of a person allow; None for nothing.

    Args:
        claims: What the provider says of them.
        settings: Which claim names roles, with dots where it lies in another one.
    """
    found: Any = claims
    for part in settings.role_claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    named = found if isinstance(found, list) else [found]
    allowed = {
        Scope(settings.roles[n]) for n in named if isinstance(n, str) and n in settings.roles
    }
    if settings.everyone:
        allowed.add(Scope(settings.everyone))
    return max(allowed, key=list(Scope).index, default=None)


def sign_in_doors(provider: Provider) -> APIRouter:
    """Return the addresses at which people sign in and out."""
    doors = APIRouter(prefix=SIGN_IN, include_in_schema=False)

    @doors.get("")
    async def begin(request: Request) -> Response:
        return await provider.begin(request, str(request.url_for("signed_in")))

    @doors.get("/back", name="signed_in")
    async def back(request: Request) -> Response:
        return _let_in(request, await provider.end(request))

    @doors.get(BY_PASSWORD.removeprefix(SIGN_IN))
    async def by_password(request: Request) -> Response:
        return _let_in(request, request.state.caller)

    @doors.get("/out")
    async def out(request: Request) -> Response:
        request.session.clear()
        return Response("Signed out.", media_type="text/plain")

    return doors


def add_sessions(app: FastAPI, web: Web) -> None:
    """Have an application read and sign the cookies of who is signed in, until it ends."""
    from starlette.middleware.sessions import SessionMiddleware

    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(32),
        session_cookie="footnote",
        max_age=SESSION_S,
        path=web.root_path or "/",
        # A proxy that says who calls is taken for one that people reach by TLS.
        https_only=bool(web.certificate or web.trusted_proxies),
    )


def _let_in(request: Request, caller: Caller) -> Response:
    """Begin a session, and open the page that was asked for before."""
    back = request.session.get("back") or request.scope.get("root_path", "") + "/"
    request.session.clear()
    request.session["caller"] = [caller.name, caller.scope]
    request.session["until"] = time.time() + SESSION_S
    return RedirectResponse(back, 303)


def _faults() -> tuple[type[Exception], ...]:
    """Return what Authlib raises where the provider or the browser says something wrong."""
    import httpx
    from authlib.common.errors import AuthlibBaseError
    from joserfc.errors import JoseError

    return (AuthlibBaseError, JoseError, httpx.HTTPError, ValueError, RuntimeError, KeyError)


def _failed(status: int, error: Exception) -> RefusedError:
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    _log.warning("footnote: sign-in failed: %s", reason)
    return RefusedError(status, f"the sign-in failed ({type(error).__name__})", _AGAIN)
