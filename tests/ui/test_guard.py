"""Who is let in: hosts, origins, tokens, passwords."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from footnote.rag.core.errors import ConfigError
from footnote.ui.guard import Access, scope_of
from footnote.ui.tokens import Scope, Tokens, hash_password
from tests.conftest import Run
from tests.ui.serving import Served, made_index, served, wait_for_page

SECRET = "correct horse battery"  # noqa: S105
ANYWHERE = "0.0.0.0"  # noqa: S104
QUESTION = {"question": "What does Alpha keep?"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def secrets(folder: Path) -> dict[str, str]:
    """A token of each scope, by its scope."""
    made = Tokens(folder / "index")
    return {scope.value: made.new(f"a {scope} program", scope) for scope in Scope}


@pytest.fixture(scope="module")
def guarded(folder: Path, secrets: dict[str, str]) -> Iterator[Served]:
    """A server that knows tokens and a user, and that listens on all addresses."""
    users = json.dumps({"ada": hash_password(SECRET)})
    config = made_index(folder)
    with served(config, folder / "log", host=ANYWHERE, FOOTNOTE_WEB__USERS=users) as server:
        wait_for_page(f"{server.url}/", auth=("ada", SECRET))
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        ("127.0.0.1:PORT", None, 200),
        ("localhost:PORT", None, 200),
        ("[::1]:PORT", "http://[::1]:PORT", 200),
        ("127.0.0.1:PORT", "http://127.0.0.1:PORT", 200),
        ("papers.example.org", "https://papers.example.org", 200),
        ("evil.example", None, 403),
        ("127.0.0.1.evil.example:PORT", None, 403),
        ("evil.example:PORT", "http://evil.example:PORT", 403),
        ("127.0.0.1:PORT", "http://evil.example", 403),
        ("127.0.0.1:PORT", "http://127.0.0.1:1", 403),
        ("127.0.0.1:PORT", "null", 403),
        ("papers.example.org", "https://papers.example.org.evil.example", 403),
    ],
)
@pytest.mark.parametrize("path", ["/v1/papers", "/"])
def test_only_known_hosts_and_origins_are_answered(
    server: Served, host: str, origin: str | None, status: int, path: str
):
    port = server.url.rpartition(":")[2]
    headers = {"Host": host.replace("PORT", port)}
    if origin:
        headers["Origin"] = origin.replace("PORT", port)
    answer = httpx.get(f"{server.url}{path}", headers=headers)
    assert answer.status_code == status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("read", "GET", "/v1/papers", 200),
        ("read", "POST", "/v1/search", 200),
        ("read", "POST", "/v1/ask", 403),
        ("read", "POST", "/v1/chat/completions", 403),
        ("read", "POST", "/mcp", 403),
        ("read", "GET", "/", 403),
        ("ask", "POST", "/v1/ask", 200),
        ("ask", "GET", "/", 200),
        ("ask", "POST", "/v1/ingest", 403),
        ("write", "POST", "/v1/ask", 200),
        ("write", "POST", "/v1/ingest", 422),
    ],
)
def test_a_token_allows_what_its_scope_says(
    guarded: Served, secrets: dict[str, str], scope: str, method: str, path: str, status: int
):
    headers = {"Authorization": f"Bearer {secrets[scope]}"}
    body = QUESTION if method == "POST" else None
    answer = httpx.request(method, guarded.url + path, headers=headers, json=body, timeout=60)
    assert answer.status_code == status


@pytest.mark.slow
def test_without_a_token_only_the_state_is_told(guarded: Served, secrets: dict[str, str]):
    assert httpx.get(f"{guarded.url}/health").status_code == 200
    for path in ("/", "/v1/papers", "/metrics", "/docs", "/config", "/mcp", "/gradio_api/info"):
        answer = httpx.get(guarded.url + path)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    wrong = httpx.get(f"{guarded.url}/v1/papers", headers={"Authorization": "Bearer nothing"})
    assert wrong.status_code == 401
    chat = httpx.post(f"{guarded.url}/v1/chat/completions", json={})
    assert chat.json()["error"]["type"] == "authentication_error"


@pytest.mark.slow
def test_a_person_comes_in_by_password_or_with_a_token_for_one(
    guarded: Served, secrets: dict[str, str]
):
    for auth in (("ada", SECRET), ("anybody", secrets["ask"])):
        assert httpx.get(f"{guarded.url}/", auth=auth).status_code == 200
    assert httpx.get(f"{guarded.url}/", auth=("anybody", secrets["read"])).status_code == 403


@pytest.mark.slow
def test_a_password_that_is_guessed_is_slowed_and_nothing_secret_is_told(
    guarded: Served, secrets: dict[str, str], folder: Path
):
    with httpx.Client(base_url=guarded.url) as client:
        answers = [client.get("/", auth=("ada", f"guess {n}")) for n in range(100)]
        statuses = [answer.status_code for answer in answers]
        assert statuses[:5] == [401] * 5
        assert statuses.count(401) < 15
        assert int(answers[-1].headers["retry-after"]) >= 1
        # Who has a token is not slowed.
        asked = client.get("/config", headers={"Authorization": f"Bearer {secrets['ask']}"})
    kept = (folder / "index.tokens.json").read_text()
    for text in (asked.text, kept, guarded.log.read_text(), *(answer.text for answer in answers)):
        for secret in (SECRET, "guess", "scrypt", *secrets.values()):
            assert secret not in text


@pytest.mark.slow
def test_who_says_that_another_one_calls_is_not_believed(guarded: Served):
    statuses = [
        httpx.get(
            f"{guarded.url}/", auth=("ada", "wrong"), headers={"X-Forwarded-For": f"192.0.2.{n}"}
        ).status_code
        for n in range(20)
    ]
    assert 429 in statuses


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "//gradio_api/queue/join",
        "/./gradio_api/queue/join",
        "/x/../gradio_api/queue/join",
        "/gradio_api%2Fqueue/join",
        "/GRADIO_API/queue/join",
        "/%09gradio_api/queue/join",
        "//v1/ingest",
        "/v1//ingest",
        "/v1/./ingest",
        "/v1/x/../ingest",
        "/v1/ingest/",
        "/V1/ingest",
        "/v1/ingest%00",
        "/v1/ingest%0a",
        "/v1/ingest;x",
    ],
)
def test_no_other_spelling_of_a_path_leads_to_what_a_token_does_not_allow(
    guarded: Served, secrets: dict[str, str], path: str
):
    connection = HTTPConnection("127.0.0.1", int(guarded.url.rpartition(":")[2]), timeout=60)
    headers = {
        "Authorization": f"Bearer {secrets['ask']}",
        "Content-Type": "application/json",
    }
    body = json.dumps({"records": [{"title": "x"}], "data": [], "fn_index": 0, "session_hash": "s"})
    connection.request("POST", path, body, headers)
    assert connection.getresponse().status in (403, 404, 405)
    connection.close()


@pytest.mark.slow
def test_a_token_that_was_revoked_is_refused_at_once(guarded: Served, footnote: Run, folder: Path):
    named = ("--index", folder / "index")
    secret = footnote("token", "new", "for a day", "--scope", "read", *named).stdout.strip()
    headers = {"Authorization": f"Bearer {secret}"}
    assert httpx.get(f"{guarded.url}/v1/papers", headers=headers).status_code == 200
    assert "for a day" in footnote("token", "list", *named).stdout
    assert secret not in footnote("token", "list", "--json", *named).stdout
    footnote("token", "revoke", "for a day", *named)
    assert httpx.get(f"{guarded.url}/v1/papers", headers=headers).status_code == 401


def test_tokens_are_named_once_and_scopes_are_known(footnote: Run, tmp_path: Path):
    named = ("--index", tmp_path / "index")
    footnote("token", "new", "x", *named)
    assert (tmp_path / "index.tokens.json").stat().st_mode & 0o077 == 0
    assert "already" in footnote("token", "new", "x", *named, expect=1).stderr
    assert "no token 'y'" in footnote("token", "revoke", "y", *named, expect=1).stderr
    assert (
        "read, ask, write"
        in footnote("token", "new", "z", "--scope", "all", *named, expect=2).stderr
    )


def test_others_are_not_served_without_tokens_or_users(footnote: Run, tmp_path: Path):
    said = footnote(
        "serve", "--host", ANYWHERE, "--port", "0", "--index", tmp_path / "index", expect=1
    )
    assert "footnote token new NAME" in said.stderr
    with pytest.raises(ConfigError, match="nothing asks who they are"):
        Access(Tokens(tmp_path / "index"), {}, host="192.0.2.1")
    Access(Tokens(tmp_path / "index"), {"ada": hash_password(SECRET)}, host="192.0.2.1")


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("/v1/papers/arxiv:cs/0112017", Scope.READ),
        ("/v1/papersx", Scope.ASK),
        ("/v1/ingest", Scope.WRITE),
        ("/v1/jobs/3", Scope.WRITE),
        ("/v1/evaluate", Scope.WRITE),
        ("/v1/reports/first", Scope.READ),
        ("/gradio_api/queue/join", Scope.WRITE),
        ("/v1/anything", Scope.ASK),
    ],
)
def test_a_path_takes_a_scope(path: str, scope: Scope):
    assert scope_of(path) is scope
