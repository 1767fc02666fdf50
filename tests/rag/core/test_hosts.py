"""Which hosts and addresses are this machine."""

import pytest

from footnote.rag.core.hosts import is_loopback, leads_here


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),  # noqa: S104 - an address, nothing listens
        ("::", False),
        ("192.168.0.2", False),
        ("papers", False),
        ("", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, here: bool):
    assert is_loopback(host) is here


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:23119/api", True),
        ("https://[::1]:7860", True),
        ("http://LocalHost", True),
        ("http://127.0.0.1@papers.example/", False),
        ("http://papers.example/127.0.0.1", False),
        ("http://[::1", False),
        ("", False),
    ],
)
def test_which_addresses_lead_to_this_machine(url: str, here: bool):
    assert leads_here(url) is here
