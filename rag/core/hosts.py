"""Which addresses lead to this machine itself, where no proxy stands between."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Return True if only programs of this machine reach a server that listens there."""
    name = host.strip("[]").lower()
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"


def leads_here(url: str) -> bool:
    """Return True if the host of an address is this machine; False for what is no address."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
