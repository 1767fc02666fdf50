"""Sign-in by an OpenID provider that runs here, and lies when it is told to."""

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from starlette.testclient import TestClient

from footnote.rag.core.config import Config, Oidc, load_config
from footnote.rag.core.errors import ConfigError
from footnote.ui.guard import Access, Guard, access_to
from footnote.ui.oidc import Provider, add_sessions, role_of, sign_in_doors
from footnote.ui.refusals import use_refusals
from footnote.ui.tokens import Scope, Tokens, hash_password
from tests.ui.provider import CLIENT_ID, CLIENT_SECRET, Identity, provided
from tests.ui.serving import client_of, made_index

PAGE = {"accept": "text/html"}
EVE = hash_password("her password")  # once: it takes its time
ROLES = {"reader": "read", "asker": "ask", "admin": "write"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(index=tmp_path / "index", read_default_file=False)


@pytest.fixture(scope="module")
def provider() -> Iterator[Identity]:
    with provided() as provider:
        yield provider


@pytest.fixture
def browser(config: Config, provider: Identity) -> Iterator[TestClient]:
    provider.__dict__.update(
        claims={}, signs_with=provider.key, calls_itself=None, sends_id_token=True, is_signed=True
    )
    oidc = Oidc(
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        roles=ROLES,  # pyright: ignore[reportArgumentType]
    )
    users = {"eve": EVE}
    web = config.web.model_copy(update={"oidc": oidc, "users": users})
    asked = config.model_copy(update={"web": web})

    app = FastAPI()
    use_refusals(app)
    app.include_router(sign_in_doors(Provider(oidc)))

    @app.get("/v1/papers")
    @app.post("/v1/ask")
    async def door(request: Request) -> dict[str, str]:
        return {"caller": request.state.caller.name}

    app.add_middleware(Guard, access=access_to(asked, "127.0.0.1"))
    add_sessions(app, web)
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as client:
        yield client


def sent_back(browser: TestClient) -> str:
    """Begin to sign in, and return where the provider sends the browser."""
    begun = browser.get("/sign-in")
    assert begun.status_code == 302
    # The provider has no certificate, and to load those of others takes a tenth of a second.
    with httpx.Client(verify=False) as outside:  # noqa: S501
        return outside.get(begun.headers["location"]).headers["location"]


def sign_in(browser: TestClient) -> httpx.Response:
    return browser.get(sent_back(browser))


def by_password(browser: TestClient, name: str, password: str) -> httpx.Response:
    basic = base64.b64encode(f"{name}:{password}".encode()).decode()
    return browser.get("/sign-in/password", headers=PAGE | {"authorization": f"Basic {basic}"})


def test_a_page_sends_to_the_provider_and_who_comes_back_is_in(browser: TestClient):
    first = browser.get("/v1/papers", headers=PAGE)
    assert (first.status_code, first.headers["location"]) == (303, "/sign-in")
    done = sign_in(browser)
    assert (done.status_code, done.headers["location"]) == (303, "/v1/papers")
    cookie = done.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert browser.get("/v1/papers").json() == {"caller": "ada@example.org"}
    # A reader's role allows no more than to read.
    refused = browser.post("/v1/ask", json={"question": "what?"})
    assert refused.status_code == 403
    assert "ada@example.org may read" in refused.json()["detail"]
    assert "a role that gives ask" in refused.json()["detail"]
    assert browser.get("/sign-in/out").text == "Signed out."
    assert browser.get("/v1/papers").status_code == 401


def test_programs_are_not_sent_anywhere_and_tokens_and_passwords_still_count(
    browser: TestClient, config: Config
):
    assert browser.get("/v1/papers").status_code == 401
    token = Tokens(config.index).new("a program", Scope.READ)
    try:
        bearer = {"authorization": f"Bearer {token}"}
        assert browser.get("/v1/papers", headers=bearer).status_code == 200
    finally:
        Tokens(config.index).revoke("a program")
    asked = browser.get("/sign-in/password", headers=PAGE)
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic")
    done = by_password(browser, "eve", "her password")
    assert done.status_code == 303
    assert browser.get("/v1/papers").status_code == 200


def test_only_a_password_makes_a_session_without_the_provider(browser: TestClient, config: Config):
    sign_in(browser)
    assert browser.get("/sign-in/password", headers=PAGE).status_code == 401
    browser.get("/sign-in/out")
    token = Tokens(config.index).new("a program", Scope.WRITE)
    bearer = {"authorization": f"Bearer {token}"}
    assert browser.get("/sign-in/password", headers=bearer).status_code == 401
    refused = by_password(browser, "eve", token)
    assert refused.status_code == 401
    assert "the name or the password is wrong" in refused.json()["detail"]
    assert "footnote" not in browser.cookies


def test_a_page_whose_session_has_ended_is_not_asked_for_a_password(browser: TestClient):
    for headers in ({}, {"authorization": "Basic ZXZlOndyb25n"}, {"authorization": "Bearer x"}):
        refused = browser.get("/v1/papers", headers=headers)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert "open /sign-in" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("opened", "shown"),
    [
        ("/v1/papers?q=what%20is%20it%3F&k=a%26b", "/v1/papers?q=what%20is%20it%3F&k=a%26b"),
        ("/v1/papers/100%25%3F", "/v1/papers/100%25%3F"),
        ("//evil.example/x", "/"),
        ("/%2Fevil.example/x", "/"),
        ("/%5Cevil.example/x", "/"),
        ("/%09/evil.example/x", "/%09/evil.example/x"),
        ("/?q=" + "a" * 2_000, "/"),
    ],
)
def test_a_link_is_opened_after_the_sign_in(browser: TestClient, opened: str, shown: str):
    # By its whole address: httpx would take two slashes for the name of a host.
    first = browser.get(f"http://127.0.0.1{opened}", headers=PAGE)
    assert first.headers["location"] == "/sign-in"
    assert sign_in(browser).headers["location"] == shown
    assert sign_in(browser).headers["location"] == "/"


LIES: dict[str, Callable[[Identity], object]] = {
    "wrong-nonce": lambda p: p.claims.update(nonce="another"),
    "no-nonce": lambda p: p.claims.update(nonce=None),
    "wrong-audience": lambda p: p.claims.update(aud="another"),
    "wrong-issuer": lambda p: p.claims.update(iss="https://evil.example"),
    "expired": lambda p: p.claims.update(iat=time.time() - 900, exp=time.time() - 600),
    "from-the-future": lambda p: p.claims.update(iat=time.time() + 600, exp=time.time() + 900),
    "unknown-key": lambda p: setattr(
        p, "signs_with", RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256"})
    ),
    "not-signed": lambda p: setattr(p, "is_signed", False),
    "no-id-token": lambda p: setattr(p, "sends_id_token", False),
    "nobody": lambda p: p.claims.update(sub=""),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_does_not_hold_is_refused(
    browser: TestClient, provider: Identity, lie: Callable[[Identity], object]
):
    lie(provider)
    refused = sign_in(browser)
    assert refused.status_code == 401
    assert "open /sign-in to try again" in refused.json()["detail"]
    assert CLIENT_SECRET not in refused.text
    assert browser.get("/v1/papers").status_code == 401


def test_a_state_of_somebody_else_is_refused_and_a_code_counts_once(
    browser: TestClient, config: Config
):
    back = sent_back(browser)
    forged = back.replace("state=", "state=x")
    assert browser.get(forged).status_code == 401
    browser.cookies.clear()  # another browser that is made to open it
    assert browser.get(back).status_code == 401
    back = sent_back(browser)
    assert browser.get(back).status_code == 303
    browser.get("/sign-in/out")
    assert browser.get(back).status_code == 401


def test_a_provider_of_another_name_or_one_that_is_away_is_told(
    browser: TestClient, provider: Identity
):
    provider.calls_itself = "https://evil.example"
    refused = browser.get("/sign-in")
    assert refused.status_code == 503
    assert "the sign-in failed" in refused.json()["detail"]


def test_whoever_has_no_role_is_refused(browser: TestClient, provider: Identity):
    provider.claims["roles"] = ["guest"]
    refused = sign_in(browser)
    assert refused.status_code == 403
    assert "ada@example.org has no role here" in refused.json()["detail"]


def test_a_cookie_that_was_altered_is_nobodys(browser: TestClient):
    sign_in(browser)
    value = browser.cookies["footnote"]
    browser.cookies.clear()
    browser.cookies.set("footnote", ("A" if value[0] != "A" else "B") + value[1:])
    assert browser.get("/v1/papers").status_code == 401


@pytest.mark.parametrize(
    ("claims", "scope"),
    [
        ({"roles": ["reader", "admin"]}, Scope.WRITE),
        ({"roles": "asker"}, Scope.ASK),
        ({"roles": ["guest", 1, None]}, None),
        ({"roles": {"reader": True}}, None),
        ({}, None),
    ],
)
def test_the_most_that_roles_allow_counts(claims: dict[str, object], scope: Scope | None):
    oidc = Oidc(issuer="https://x", client_id="x", roles=ROLES)  # pyright: ignore[reportArgumentType]
    assert role_of(claims, oidc) == scope
    inside = oidc.model_copy(update={"role_claim": "realm.roles"})
    assert role_of({"realm": claims}, inside) == scope
    assert role_of(claims, oidc.model_copy(update={"everyone": "read"})) == (scope or Scope.READ)


def test_people_sign_in_where_the_page_is_and_nowhere_else(tmp_path: Path):
    oidc = Oidc(issuer="https://x", client_id="x", roles=ROLES)  # pyright: ignore[reportArgumentType]
    worker = client_of(made_index(tmp_path), page=False, oidc=oidc)
    for path in ("/", "/v1/papers", "/sign-in", "/sign-in/back", "/sign-in/password"):
        refused = worker.get(path, headers=PAGE, follow_redirects=False)
        assert refused.status_code == 401
        assert "/sign-in" not in refused.json()["detail"]
    assert "footnote" not in worker.cookies


def test_a_server_for_others_starts_with_a_provider(tmp_path: Path):
    Access(Tokens(tmp_path / "index"), {}, host="0.0.0.0", signs_in=True)  # noqa: S104
    with pytest.raises(ConfigError, match=r"web\.oidc"):
        Access(Tokens(tmp_path / "index"), {}, host="0.0.0.0")  # noqa: S104


def test_a_secret_is_taken_from_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = tmp_path / "mine.yaml"
    file.write_text("web: {oidc: {issuer: 'https://x', client_id: a, client_secret: b}}")
    with pytest.raises(ConfigError, match="FOOTNOTE_WEB__OIDC__CLIENT_SECRET"):
        load_config(file)
    file.write_text("web: {oidc: {issuer: 'https://x', client_id: a}}")
    monkeypatch.setenv("FOOTNOTE_WEB__OIDC__CLIENT_SECRET", "hidden away")
    config = load_config(file)
    assert config.web.oidc
    assert config.web.oidc.client_secret == SecretStr("hidden away")
    assert "hidden away" not in repr(config) + config.model_dump_json()
