"""Where the page can be served, asked of real sockets."""

import socket
from collections.abc import Iterator

import pytest

from footnote.rag.core.errors import ConfigError
from footnote.ui.address import bound

HERE = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((HERE, 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_listened_on_and_zero_takes_one():
    with bound(HERE, 0) as listener:
        port = listener.getsockname()[1]
        assert 0 < port < 65_536
        with socket.create_connection((HERE, port), timeout=5):
            pass
    with bound(HERE, port) as again:
        assert again.getsockname()[1] == port


def test_a_port_that_was_only_just_closed_is_free():
    with socket.create_server((HERE, 0)) as server, socket.create_connection(server.getsockname()):
        port = server.getsockname()[1]
        server.accept()[0].close()
    with bound(HERE, port) as listener:
        assert listener.getsockname()[1] == port


def test_a_port_in_use_is_named_with_what_to_do(taken: int):
    with pytest.raises(ConfigError, match=f"port {taken} of {HERE} is in use .* --port"):
        bound(HERE, taken)


@pytest.mark.parametrize("host", ["", "[]", "no host", "a\0b", "x" * 70, "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_named(host: str):
    with pytest.raises(ConfigError, match="no address of this machine") as raised:
        bound(host, 0)
    assert repr(host) in str(raised.value)
