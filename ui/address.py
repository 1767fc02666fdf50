"""Find where the server can listen, before anything is loaded."""

import errno
import socket
import sys

from footnote.rag.core.errors import ConfigError


def bound(host: str, port: int) -> socket.socket:
    """Listen on a port of this host, 0 for any that is free; who calls waits for the server.

    Raises:
        ConfigError: The host is no address of this machine, or the port cannot be had.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]") or "?", port, type=socket.SOCK_STREAM
        )[0]
        listener = socket.socket(family, kind)
    except (socket.gaierror, UnicodeError, ValueError) as error:
        raise _not_here(host) from error
    try:
        # A port whose connections are only just closed is free. On Windows it is so without, and
        # with it a port that another program listens on would be taken for free.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise _not_here(host) from error
        raise ConfigError(f"port {port} of {host} {_why(error)}; {_ANOTHER_PORT}") from error
    return listener


_ANOTHER_PORT = "choose another with --port or `web.port`, or 0 for any that is free"


def _not_here(host: str) -> ConfigError:
    return ConfigError(
        f"{host!r} is no address of this machine; choose another with --host or `web.host`, "
        "such as 127.0.0.1"
    )


def _why(error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return "is in use by another program"
        case errno.EACCES:
            return "may not be used by you"
        case _:
            return f"cannot be used: {error.strerror}"
