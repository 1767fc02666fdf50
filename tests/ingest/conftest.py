"""What the tests of ingest share: servers that end with the test."""

from collections.abc import Callable, Iterator

import pytest

from tests.ingest.server import Answer, Server


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
