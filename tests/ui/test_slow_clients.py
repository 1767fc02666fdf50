"""Clients that are slow on purpose, or send too much: others are answered, and they are sent away."""

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.ui.serving import Served, made_index, served

pytestmark = pytest.mark.slow
QUESTION = {"question": "What does Alpha keep?"}
HEAD = b"POST /v1/ask HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
# Of connections of the server here; more than the slow ones of a test.
MOST = 240


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("slowed")
    # As the command line, with less patience, so that no test waits for long.
    program = folder / "impatient.py"
    program.write_text(
        "from footnote.ui import cli, connections, guard\n"
        "connections.HEAD_S, guard._BODY_S = 2.0, 2.0\n"
        "cli.main()\n"
    )
    limits = {"CONNECTIONS": str(MOST), "UPLOAD_MB": "1", "A_CLIENT": "64"}
    variables = {f"FOOTNOTE_WEB__{name}": value for name, value in limits.items()}
    config = made_index(folder)
    with served(config, folder / "log", program=program, **variables) as server:
        yield server


def connected(server: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def status(connection: socket.socket) -> int | None:
    """The status of an answer; None where the connection is closed without one."""
    with suppress(ConnectionResetError):
        said = connection.recv(200)
        if found := re.match(rb"HTTP/1\.1 (\d+)", said):
            return int(found[1])
    return None


def test_a_connection_that_says_nothing_is_closed(server: Served):
    with connected(server) as connection:
        assert status(connection) == 408


def test_a_head_that_comes_byte_by_byte_is_not_waited_for(server: Served):
    with connected(server) as connection:
        connection.settimeout(0.2)
        found = None
        for byte in HEAD * 10:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.send(bytes([byte]))
            with suppress(TimeoutError):
                found = status(connection)
                break
        assert found == 408


def test_a_head_without_end_is_not_read(server: Served):
    with connected(server) as connection, suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(HEAD)
        for n in range(1_000):
            connection.sendall(b"X-%d: %s\r\n" % (n, b"x" * 1_000))
        assert status(connection) in (400, 431, None)
    assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_body_that_comes_byte_by_byte_is_not_waited_for(server: Served):
    with connected(server) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.settimeout(0.2)
        found = None
        for _ in range(1000):
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.send(b" ")
            with suppress(TimeoutError):
                found = status(connection)
                break
        assert found == 408


def test_a_call_in_two_pieces_is_answered_and_another_on_the_same_connection(server: Served):
    body = json.dumps(QUESTION).encode()
    with connected(server) as connection:
        for _ in range(2):
            connection.sendall(HEAD[:30])
            time.sleep(0.1)
            connection.sendall(HEAD[30:] + b"Content-Length: %d\r\n\r\n" % len(body) + body[:9])
            time.sleep(0.1)
            connection.sendall(body[9:])
            said = b""
            while b"blocks" not in said or not said.rstrip().endswith(b"}"):
                said += connection.recv(65_536)
            assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/v1/ingest", "/gradio_api/upload", "/v1/ask"])
def test_half_a_gigabyte_is_refused_before_it_is_sent(server: Served, path: str):
    with connected(server) as connection:
        head = HEAD.replace(b"/v1/ask", path.encode())
        connection.sendall(head + b"Content-Length: 500000000\r\n\r\n")
        assert status(connection) == 413


@pytest.mark.parametrize("path", ["/v1/ingest", "/v1/ask"])
def test_what_does_not_say_how_large_it_is_is_read_to_the_limit_alone(server: Served, path: str):
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    sent, answers = 0, list[int | None]()
    with connected(server) as connection:
        reading = threading.Thread(target=lambda: answers.append(status(connection)))
        reading.start()
        head = HEAD.replace(b"/v1/ask", path.encode())
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            while sent < 500_000_000 and not answers:
                connection.sendall(piece)
                sent += len(piece)
        reading.join(60)
    assert answers in ([413], [None])
    assert sent < 60_000_000


def test_two_hundred_slow_connections_hold_up_nobody(server: Served):
    with ExitStack() as held:
        slow = [held.enter_context(connected(server)) for _ in range(200)]
        for n, connection in enumerate(slow):
            connection.sendall(HEAD[: 10 + n % 50])

        def ask(_: int) -> int:
            return httpx.post(f"{server.url}/v1/ask", json=QUESTION, timeout=60).status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(24))) == {200}
        assert {status(connection) for connection in slow} == {408}


def test_more_connections_than_are_served_are_sent_away_and_come_back(server: Served):
    with ExitStack() as held:
        for _ in range(MOST + 10):
            held.enter_context(connected(server))
        answer = httpx.get(f"{server.url}/health", timeout=60)
        assert answer.status_code == 503
    for _ in range(100):
        if httpx.get(f"{server.url}/health").status_code == 200:
            break
        time.sleep(0.1)
    assert httpx.post(f"{server.url}/v1/ask", json=QUESTION, timeout=60).status_code == 200
    assert "Traceback" not in Path(server.log).read_text()
