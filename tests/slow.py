"""An embedding that takes its time over a question."""

import time

from tests.hashing import HashEmbedding

SECONDS = 2.0


class SlowEmbedding(HashEmbedding):
    """As `HashEmbedding`, but each question takes seconds."""

    def _get_query_embedding(self, query: str) -> list[float]:
        time.sleep(SECONDS)
        return super()._get_query_embedding(query)
