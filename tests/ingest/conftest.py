"""What the tests of ingest share: servers that end with the test."""

from collections.abc import Callable, Iterator

import pytest

from tests.ingest.server import Answer, AnswerWithHeaders, Server


@pytest.fixture
def serve() -> Iterator[Callable[[Answer | AnswerWithHeaders], Server]]:
    servers: list[Server] = []

    def start(answer: Answer | AnswerWithHeaders) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
