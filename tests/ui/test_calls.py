"""The page's server, asked what no browser asks: a short answer, a line in the log, and it goes on."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.ui.call_guard import MAX_BODY_BYTES
from tests.conftest import footnote_command, started
from tests.ui.serving import wait_for_page

pytestmark = pytest.mark.slow
EMBEDDER = "tests.hashing:HashEmbedding"
PAPER = '{"title": "Alpha: A Cache", "abstract": "Alpha keeps the cache on disk. It is fast."}'
ASK = "/gradio_api/call/ask"


class Server:
    def __init__(self, port: int):
        self.port = port

    def call(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """The status and the text of an answer, whatever bytes or JSON were sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        sent = body if isinstance(body, bytes) else json.dumps(body)
        try:
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def ask(self, *values: object) -> str:
        """The stream of events that answers a call of the question's function."""
        status, text = self.call("POST", ASK, {"data": values})
        assert status == 200, text
        return self.call("GET", f"{ASK}/{json.loads(text)['event_id']}")[1]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "stderr"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, log: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "papers.jsonl").write_text(PAPER)
    config = load_config(index=folder / "index", embedder={"name": EMBEDDER})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    command = footnote_command("serve", "--port", "0", "--index", config.index)
    variables = {"FOOTNOTE_EMBEDDER__NAME": EMBEDDER, "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0"}
    with log.open("w") as stderr, started(command, stderr=stderr.fileno(), **variables) as process:
        assert process.stdout
        line = process.stdout.readline()
        match = re.search(r":(\d+)/ until", line)
        assert match, log.read_text()
        wait_for_page(f"http://127.0.0.1:{match.group(1)}/")
        yield Server(int(match.group(1)))


@pytest.fixture
def lines(server: Server, log: Path) -> Iterator[list[str]]:
    """What the server writes while a test runs; each line says what was refused."""
    before = log.stat().st_size
    said: list[str] = []
    yield said
    said += log.read_text()[before:].splitlines()
    # What broke off is seen to: the server breaks the connection, and says so.
    known = ("footnote: call of ", "ASGI callable returned without completing response.")
    assert not [line for line in said if not line.startswith(known)]
    assert "on disk" in server.ask("What does Alpha keep?")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, {}, {"data": None}, {"data": "x"}],
    ids=lambda body: repr(body)[:20],
)
def test_a_body_that_is_no_call_is_refused(server: Server, lines: list[str], body: object):
    status, text = server.call("POST", ASK, body)
    assert status in (400, 422)
    assert json.loads(text)["detail"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "`data` has to hold 1 value"),
        (("a", "b", "c", "d"), "`data` has to hold 1 value"),
        ((1,), "a question is text, not 1"),
        ((None,), "a question is text, not null"),
        (({"text": 3},), "a question is text, not {"),
        (([1, 2],), "a question is text, not [1, 2]"),
    ],
)
def test_a_call_with_other_values_is_told_what_it_takes(
    server: Server, lines: list[str], values: tuple[object, ...], said: str
):
    event, data = server.ask(*values).splitlines()[:2]
    assert event == "event: error"
    assert said in json.loads(data.removeprefix("data: "))["error"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/gradio_api/call/nothing", {"data": ["x"]}),
        ("/gradio_api/call/v2/nothing", {"question": "x"}),
        ("/gradio_api/call/v2/ask", {"nothing": "x"}),
        ("/gradio_api/api/nothing", {"data": []}),
        ("/gradio_api/run/predict", {"data": [], "fn_index": 999}),
        ("/gradio_api/queue/join", {"data": [], "fn_index": 999, "session_hash": "s"}),
        ("/gradio_api/queue/join", {"data": [], "fn_index": 0}),
        ("/gradio_api/call/\u001b%5B31m%0Anothing", {"data": ["x"]}),
    ],
)
def test_a_function_that_there_is_not_is_refused(
    server: Server, lines: list[str], path: str, body: object
):
    status, text = server.call("POST", path.replace("\u001b", "%1B"), body)
    assert status in (400, 404)
    assert json.loads(text)["detail"]


@pytest.mark.parametrize("values", [[], [{}, {}, {}], ["#cite=x@1-2"]], ids=str)
@pytest.mark.parametrize("function", range(12))
def test_no_function_of_the_page_fails_with_a_traceback(
    server: Server, lines: list[str], function: int, values: list[object]
):
    body = {"data": values, "fn_index": function}
    status, text = server.call("POST", "/gradio_api/run/predict", body)
    assert status in (200, 400, 500)
    assert status == 200 or json.loads(text).get("error") or json.loads(text).get("detail")


def test_a_stream_that_nobody_asked_for_ends(server: Server, lines: list[str]):
    with suppress(http.client.IncompleteRead, ConnectionResetError):
        server.call("GET", f"{ASK}/nobody")
    with suppress(http.client.IncompleteRead, ConnectionResetError):
        server.call("GET", "/gradio_api/queue/data?session_hash=nobody")


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_not_read(server: Server, lines: list[str], is_chunked: bool):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    pieces = (b"x" * 1_000_000 for _ in range(2 * MAX_BODY_BYTES // 1_000_000))
    try:
        if is_chunked:
            connection.request("POST", ASK, pieces, encode_chunked=True)
        else:
            connection.putrequest("POST", ASK)
            connection.putheader("Content-Length", str(2 * MAX_BODY_BYTES))
            connection.endheaders()
        assert connection.getresponse().status == 413
    except (BrokenPipeError, ConnectionResetError):  # while it was still being sent
        assert is_chunked
    finally:
        connection.close()


def test_a_question_is_answered(server: Server):
    assert "on disk" in server.ask("What does Alpha keep?")
