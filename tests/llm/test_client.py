"""The client of OpenAI's protocol: what it sends, how it ends, what it says of each failure."""

import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import End, Message, Model, Usage
from footnote.rag.llm.talk import Reply
from tests.llm.servers import GOOD, KEY, Faults, fault_server, free_port

pytestmark = [
    # A server's thread and a model's, ended in the middle of a read.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
HELLO = [Message("user", "Say hello.")]


@pytest.fixture(scope="module")
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


def model_at(url: str, backend: str = "openai-compatible", **options: Any) -> Model:
    return load_model(backend, model="small", base_url=url, api_key=SecretStr(KEY), **options)


def said(model: Model, timeout_s: float = 15) -> str:
    return "".join(Reply(model, HELLO, timeout_s=timeout_s, max_tokens=100))


def failure(model: Model, timeout_s: float = 15) -> GenerationError:
    with pytest.raises(GenerationError) as caught:
        said(model, timeout_s)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("backend", ["openai-compatible", "ollama"])
def test_one_protocol_whatever_serves_it(server: Faults, backend: str):
    model = model_at(server.url("good"), backend, max_tokens=9, arguments={"top_p": 0.5})
    assert said(model).strip() == GOOD
    assert server.bodies[-1] == {
        "model": "small",
        "messages": [{"role": "user", "content": "Say hello."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
        "temperature": 0.0,
        "top_p": 0.5,
    }
    assert server.authorizations[-1] == f"Bearer {KEY}"


def test_ollama_is_looked_for_where_it_listens():
    model = load_model("ollama", model="small")
    assert "http://127.0.0.1:11434/v1" in str(failure(model))


def test_null_takes_a_field_out(server: Faults):
    said(model_at(server.url("good"), arguments={"temperature": None}))
    assert "temperature" not in server.bodies[-1]


def test_a_field_that_a_model_refuses_by_name_is_left_out_from_then_on(server: Faults):
    model = model_at(server.url("reasoning"), max_tokens=9)
    before = server.asked["reasoning"]
    assert said(model).strip() == GOOD
    assert server.asked["reasoning"] == before + 3
    assert server.bodies[-1].keys() == {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_completion_tokens",
    }
    assert said(model).strip() == GOOD
    assert server.asked["reasoning"] == before + 4


def ending(model: Model) -> End:
    """What the model ends with."""
    heard: queue.Queue[object] = queue.Queue()
    model.begin(HELLO, heard.put, deadline=time.monotonic() + 15)
    while isinstance(last := heard.get(timeout=15), str):
        pass
    assert isinstance(last, End), last
    return last


@pytest.mark.parametrize(
    ("usage", "read"),
    [
        ({"prompt_tokens": 3120, "completion_tokens": 410, "total_tokens": 3530}, Usage(3120, 410)),
        (None, None),
        ({"prompt_tokens": "many"}, None),
        ({"prompt_tokens": -1, "completion_tokens": 2}, None),
        (7, None),
    ],
)
def test_what_it_took_is_read_from_the_stream(server: Faults, usage: object, read: Usage | None):
    server.usage = usage
    try:
        assert ending(model_at(server.url("good"))) == End(complete=True, usage=read)
    finally:
        server.usage = None


def test_an_answer_that_is_cut_off_by_its_server_is_not_whole(server: Faults):
    assert ending(model_at(server.url("full"))) == End(complete=False, is_full=True)


def test_a_server_that_takes_no_options_of_a_stream_is_asked_without(server: Faults):
    model = model_at(server.url("no-options"))
    assert said(model).strip() == GOOD
    assert "stream_options" not in server.bodies[-1]
    assert said(model).strip() == GOOD
    assert server.asked["no-options"] == 3


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def test_a_server_is_asked_for_json_of_a_schema(server: Faults):
    model = model_at(server.url("good"))
    assert said(model.in_form(SCHEMA)).strip() == GOOD
    form = {"name": "reply", "schema": SCHEMA}
    asked = {"type": "json_schema", "json_schema": form}
    assert server.bodies[-1]["response_format"] == asked
    said(model)
    assert "response_format" not in server.bodies[-1]


@pytest.mark.parametrize(
    "says",
    [
        {"param": "response_format"},
        {"param": "response_format.json_schema"},
        {"message": "Input should be 'text' or 'json_object'"},
        {"message": "guided decoding is not compiled in"},
    ],
    ids=lambda says: next(iter(says.values())),
)
def test_a_server_that_writes_no_json_of_a_schema_is_asked_without_from_then_on(
    server: Faults, says: dict[str, str]
):
    server.refuses_forms = says
    before = server.asked["no-form"]
    model = model_at(server.url("no-form"))
    for n_asked in (2, 3):
        assert said(model.in_form(SCHEMA)).strip() == GOOD
        assert "response_format" not in server.bodies[-1]
        assert server.asked["no-form"] - before == n_asked


def test_a_question_that_is_too_long_is_not_asked_again_without_its_form(server: Faults):
    before = server.asked["too-long"]
    with pytest.raises(GenerationError, match="reads less at once"):
        said(model_at(server.url("too-long")).in_form(SCHEMA))
    assert server.asked["too-long"] - before == 1


def test_questions_at_once_do_all_without_a_field_that_is_refused(server: Faults):
    """The second to be refused it was told that it had none, and failed."""
    model, answers = model_at(server.url("reasoning"), max_tokens=9), list[str]()
    threads = [threading.Thread(target=lambda: answers.append(said(model))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.strip() for answer in answers] == [GOOD] * 4


@pytest.mark.parametrize(
    ("fault", "status", "retryable", "wait_s", "text"),
    [
        ("401", 401, False, None, "refused the key (401)"),
        ("403", 403, False, None, "refused the key (403)"),
        ("404", 404, False, None, "is not known at http://127.0.0.1:"),
        ("400", 400, False, None, "refused the question (400): status 400: the key was [key]"),
        ("too-long", 400, False, None, "lower `llm.context_window`"),
        ("429", 429, True, 600, "is asked too often (429)"),
        ("no-credit", 429, False, None, "is not paid for any more (429)"),
        ("500", 500, True, None, "failed (500)"),
        ("redirect", 307, False, None, "answered with status 307"),
        ("html", None, False, None, "sent what is no answer"),
        ("malformed", None, False, None, "sent what is no answer"),
        ("compressed", None, False, None, "sent what is no answer"),
        ("one-line", None, False, None, "sent what is no answer"),
        ("cut", None, False, None, "was cut off in the middle of its answer"),
        ("error-event", 500, True, None, "failed in the middle of its answer"),
        ("empty", None, False, None, "gave an empty answer"),
        ("silent", None, False, None, "gave an empty answer"),
        ("long-error", 400, False, None, "refused the question (400): xxx"),
    ],
)
def test_a_failure_has_a_line_for_people_and_fields_for_programs(
    server: Faults,
    fault: str,
    status: int | None,
    retryable: bool,
    wait_s: float | None,
    text: str,
):
    error = failure(model_at(server.url(fault)))
    assert (error.status, error.retryable, error.wait_s) == (status, retryable, wait_s)
    assert text in str(error)
    assert len(str(error)) < 300


def test_no_redirect_carries_the_key_away(server: Faults):
    before = server.asked["good"]
    failure(model_at(server.url("redirect")))
    assert server.asked["good"] == before


@pytest.mark.parametrize("fault", ["500-once", "429-once", "429-date", "reset-once"])
def test_what_passes_is_asked_again_when_the_server_says(server: Faults, fault: str):
    begun = time.monotonic()
    assert said(model_at(server.url(fault))).strip() == GOOD
    assert server.asked[fault] == 2
    # A date has whole seconds.
    assert time.monotonic() - begun > {"429-once": 1, "429-date": 1}.get(fault, 0)


def test_nothing_is_asked_again_after_the_deadline(server: Faults):
    before = server.asked["429"]
    begun = time.monotonic()
    failure(model_at(server.url("429")))
    assert server.asked["429"] == before + 1
    assert time.monotonic() - begun < 5


def test_a_line_ends_where_the_protocol_says(server: Faults):
    assert said(model_at(server.url("other-lines"))) == "a\u2028b\x85c\x7f"


def is_left_soon() -> bool:
    """Return True if no call goes on within five seconds behind the back of whoever asked."""
    for _ in range(50):
        if not [thread for thread in threading.enumerate() if thread.name == "model"]:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("fault", ["hang", "keepalive", "drip"])
def test_it_ends_at_the_deadline_however_slowly_it_drips(server: Faults, fault: str):
    begun = time.monotonic()
    model = model_at(server.url(fault), context_window=4_096)  # or it hangs over that as well
    assert str(failure(model, timeout_s=0.5)) == "did not answer in time"
    assert time.monotonic() - begun < 5
    assert is_left_soon()


@pytest.mark.parametrize("fault", ["hang", "429-soon"])
def test_it_can_be_stopped_before_its_first_word(server: Faults, fault: str):
    """While it waits for an answer, and until it may ask again."""
    model = model_at(server.url(fault), context_window=4_096)
    with closing(iter(Reply(model, HELLO, timeout_s=60, max_tokens=9))) as reply:
        assert next(reply) == ""
    assert is_left_soon()


def test_nobody_there():
    error = failure(model_at(f"http://127.0.0.1:{free_port()}/v1"))
    assert "could not be reached: nothing answers at" in str(error)
    assert error.retryable
    error = failure(model_at("http://no-such-host.invalid/v1"))
    assert "was not found: the host of http://no-such-host.invalid/v1 is unknown" in str(error)


def test_no_proxy_leads_to_this_machine(server: Faults, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert said(model_at(server.url("good"))).strip() == GOOD


def test_a_proxy_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALL_PROXY", "carrier-pigeon://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    error = failure(model_at("http://llm.invalid/v1"))
    assert "ALL_PROXY names no proxy" in str(error)


@pytest.fixture
def tls(server: Faults, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """A server behind a certificate that nobody signed."""
    certificate = tmp_path / "own.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", certificate, "-out", tmp_path / "cert.pem"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", certificate)
    with fault_server() as faults:
        faults.socket = context.wrap_socket(faults.socket, server_side=True)
        yield lambda: faults.url("good").replace("http:", "https:")


def test_a_certificate_that_is_not_trusted(tls: Callable[[], str]):
    error = failure(model_at(tls()))
    assert "the certificate of https://127.0.0.1:" in str(error)
    assert "self-signed" in str(error)
    assert not error.retryable


def test_a_server_without_tls(server: Faults):
    error = failure(model_at(server.url("good").replace("http:", "https:")))
    assert "speaks no TLS" in str(error)
