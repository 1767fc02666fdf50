"""Count the papers in Chroma's own file without Chroma, which takes a second to load."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

_TIMEOUT_S = 1


def count_rows(folder: Path) -> int | None:
    """Count the papers that the file of a folder holds; None where only Chroma can tell.

    It may lag behind what was just written: Chroma takes some of that over when it next reads. And
    where Chroma may have the file open in this process, to close it here would free Chroma's locks.
    """
    if "chromadb" in sys.modules:
        return None
    place = (folder / "chroma.sqlite3").absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{place}?mode=ro", uri=True, timeout=_TIMEOUT_S)) as db:
            return db.execute("SELECT count(*) FROM embeddings").fetchone()[0]
    except sqlite3.Error:
        return None
