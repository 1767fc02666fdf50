"""The measuring of a server under load: it counts what is answered, and asks this machine alone."""

import asyncio

import pytest

from footnote.eval.load import measure
from footnote.rag.core.errors import ConfigError
from tests.ui.serving import Served


@pytest.mark.slow
def test_a_small_load_is_counted(server: Served):
    asked = measure(
        server.url, n_users=2, seconds=3, n_at_once=20, n_slow=5, pid=server.process.pid
    )
    load = asyncio.run(asked)
    for kind in (
        load.users,
        load.readers,
        load.others_before,
        load.others_beside_slow,
        load.others_beside_upload,
    ):
        assert kind.statuses == {"200": kind.calls}
        assert kind.p50_ms
    # All calls are of one client here, which has eight places.
    assert 1 <= load.the_one.statuses["200"] <= 20
    assert load.upload in ("413", "WriteError", "ReadError", "RemoteProtocolError")
    assert load.uploaded_mb < 500
    assert load.readers.calls <= load.users.calls
    assert load.memory_mb
    assert len(load.memory_mb) == 3
    assert min(load.memory_mb) > 50


def test_other_machines_are_not_put_under_load():
    with pytest.raises(ConfigError, match="not of this machine"):
        asyncio.run(
            measure("http://192.0.2.1:80", n_users=1, seconds=1, n_at_once=1, n_slow=1, pid=None)
        )
