"""One server of a few papers for the tests of all doors."""

from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.ui.serving import Served, made_index, served


@pytest.fixture(scope="session")
def few_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Settings whose index holds three papers."""
    return made_index(tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="session")
def server(few_config: Config) -> Iterator[Served]:
    """A server for this machine alone, which a proxy serves under another name as well."""
    hosts = '["papers.example.org"]'
    log = few_config.index.with_name("log")
    with served(few_config, log, FOOTNOTE_WEB__HOSTS=hosts) as server:
        yield server
