"""REST, asked over a real connection: the same JSON as the command line's, and no answer of 500."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from footnote.rag.core.config import Config
from tests.conftest import Run
from tests.ui.serving import EMBEDDER, Served, made_index, served

pytestmark = pytest.mark.slow
QUESTION = {"question": "What does Alpha keep?"}


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def events(text: str) -> list[tuple[str, Any]]:
    """The names and the data of a stream of events."""
    blocks = [b.splitlines() for b in text.replace("\r\n", "\n").strip().split("\n\n")]
    named = [(b[0].removeprefix("event: "), b[1].removeprefix("data: ")) for b in blocks]
    return [(name, json.loads(data)) for name, data in named]


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (("ask", "What does Alpha keep?"), "/v1/ask", QUESTION),
        (("search", "cache", "-k", "2"), "/v1/search", {"question": "cache", "k": 2}),
        (
            ("search", "cache", "--since", "2025-02"),
            "/v1/search",
            {"question": "cache", "filters": {"since": "2025-02"}},
        ),
    ],
)
def test_the_json_is_that_of_the_command_line(
    client: httpx.Client,
    footnote: Run,
    few_config: Config,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    path: str,
    body: dict[str, Any],
):
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", EMBEDDER)
    monkeypatch.setenv("FOOTNOTE_ANSWERING__MIN_CONFIDENCE", "0")
    printed = json.loads(footnote(*arguments, "--json", "--index", few_config.index).stdout)
    assert rounded(client.post(path, json=body).json()) == rounded(printed)


def rounded(value: Any) -> Any:
    """Scores differ in their last digits by how many threads a process has, and seconds pass."""
    value = json.loads(json.dumps(value), parse_float=lambda digits: round(float(digits), 4))
    if isinstance(value, dict) and "receipt" in value:
        value["receipt"].pop("asked_at")
    return value


def test_a_quote_is_where_the_answer_says(client: httpx.Client):
    [citation, *_] = client.post("/v1/ask", json=QUESTION).json()["sentences"][0]["citations"]
    paper = client.get(f"/v1/papers/{citation['paper_id']}").json()
    assert paper["abstract"][citation["start"] : citation["end"]] == citation["quote"]
    assert "on disk" in citation["quote"]


def test_events_end_with_the_same_answer(client: httpx.Client):
    streamed = client.post("/v1/ask", json=QUESTION, headers={"Accept": "text/event-stream"})
    assert streamed.headers["content-type"].startswith("text/event-stream")
    name, last = events(streamed.text)[-1]
    asked = client.post("/v1/ask", json=QUESTION).json()
    # Each says when it was asked.
    for answer in (last, asked):
        del answer["receipt"]["asked_at"]
    assert (name, last) == ("answer", asked)


def test_statements_are_checked(client: httpx.Client):
    text = "Waiting falls by 40%. Waiting falls by 70%."
    claims = client.post("/v1/check", json={"text": text}).json()
    assert [claim["verdict"] for claim in claims] == ["quoted", "differs"]


def test_papers_come_in_pages_and_by_filters(client: httpx.Client):
    whole = client.get("/v1/papers").json()
    assert whole["total"] == 3
    second = client.get("/v1/papers", params={"offset": 1, "limit": 1}).json()
    assert second == {"total": 3, "offset": 1, "papers": whole["papers"][1:2]}
    since = client.get("/v1/papers", params={"since": "2025-06"}).json()
    assert [paper["title"] for paper in since["papers"]] == ["Gamma: A Compiler"]
    without = client.get("/v1/papers", params={"reports_number": "false"}).json()
    assert [paper["title"] for paper in without["papers"]] == ["Alpha: A Cache"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("POST", "/v1/ask", {"question": " "}, 422, "the question is empty"),
        ("POST", "/v1/ask", {"question": "x" * 5000}, 422, "at most 4,000"),
        ("POST", "/v1/ask", {"quest": "x"}, 422, "question: Field required"),
        (
            "POST",
            "/v1/ask",
            {"question": "x", "filters": {"since": "May"}},
            422,
            "'May' is no date",
        ),
        ("POST", "/v1/search", {"question": "x", "k": 0}, 422, "k: Input should be"),
        ("POST", "/v1/check", {"text": "x" * 60_000}, 422, "at most 50000"),
        ("GET", "/v1/papers?order=x", None, 422, "order: Extra inputs"),
        ("GET", "/v1/papers/nobody", None, 404, "there is no paper 'nobody'"),
        ("GET", "/v1/ask", None, 404, "GET /v1/ask is nothing here"),
        ("GET", "/gradio_api/file=http://127.0.0.1/x", None, 404, "nothing at this address"),
    ],
)
def test_what_is_wrong_is_said_as_a_problem(
    client: httpx.Client, method: str, path: str, body: object, status: int, said: str
):
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert said in problem["detail"]
    assert problem["type"].startswith("urn:footnote:error:")


def test_the_server_says_that_it_runs_and_counts_its_calls(client: httpx.Client):
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/ready").json() == {"status": "ready", "papers": 3, "coming": 0}
    client.get("/v1/papers/nobody")
    figures = client.get("/metrics").text
    assert "footnote_papers 3.0" in figures
    assert 'footnote_calls_total{route="/v1/papers/{paper_id:path}",status="404"}' in figures


def test_the_description_is_a_page_that_asks_nothing_of_others(client: httpx.Client):
    page = client.get("/docs").text
    assert "/docs/files/swagger-ui-bundle.js" in page
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/docs/files/swagger-ui-bundle.js").status_code == 200


def test_answers_carry_headers_that_keep_others_out(client: httpx.Client):
    for path in ("/", "/v1/papers", "/docs", "/v1/nothing"):
        headers = client.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_who_asks_too_much_at_once_is_told_when_to_come_back(tmp_path: Path):
    slow = made_index(tmp_path, "tests.slow:SlowEmbedding")
    with (
        served(slow, tmp_path / "log", FOOTNOTE_WEB__A_CLIENT="2") as server,
        ThreadPoolExecutor(8) as pool,
    ):
        asked = pool.map(
            lambda _: httpx.post(f"{server.url}/v1/ask", json=QUESTION, timeout=60), range(8)
        )
        answers = list(asked)
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 6
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)


def test_a_server_that_is_to_end_gives_the_answers_it_began_whole(tmp_path: Path):
    slow = made_index(tmp_path, "tests.slow:SlowEmbedding")
    accepts = ("application/json", "text/event-stream")
    with served(slow, tmp_path / "log") as server, ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(
                httpx.post,
                f"{server.url}/v1/ask",
                json=QUESTION,
                headers={"Accept": accept},
                timeout=60,
            )
            for accept in accepts
        ]
        while httpx.get(f"{server.url}/metrics").text.find("footnote_questions 2.0") < 0:
            time.sleep(0.05)
        assert server.ended() == 0
        whole, streamed = (each.result() for each in asked)
        assert "on disk" in whole.json()["answer"]
        assert events(streamed.text)[-1][1]["answer"] == whole.json()["answer"]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health")
