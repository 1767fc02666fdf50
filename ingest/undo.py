"""End an ingest that was called off with an index that is whole."""

from contextlib import suppress

from footnote.rag.core.errors import IndexBusyError
from footnote.rag.index.index import Index
from footnote.rag.index.writer import IndexWriter, unwatched


def take_back_unindexed(index: Index, before: frozenset[str]) -> int:
    """Forget the papers that were read and are not indexed yet; what is indexed stays.

    A record that went into a paper which was here before stays too: to take it out could take
    the paper.

    Args:
        index: Nobody writes it. Where another process already does, that one finishes the papers.
        before: Fingerprints of the records that were here before, see `Catalogue.fingerprints`.

    Returns:
        How many papers were forgotten.

    Raises:
        IndexDamagedError: It cannot be written.
    """
    writer = IndexWriter(index, say=_quietly)
    with suppress(IndexBusyError), writer.writing():
        waiting = set(index.catalogue.never_embedded())
        records = index.catalogue.records_of(waiting)
        kept = {paper_id for record, paper_id in records.items() if record in before}
        index.catalogue.remove(waiting - kept)
        writer.update(unwatched)
        return len(waiting - kept)
    return 0


def _quietly(line: str) -> None:
    """Say nothing: whoever called the ingest off knows that it is unfinished."""
