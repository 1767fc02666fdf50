"""Make papers of the catalogue that are not as they were written anew from what was taken in."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from footnote.ingest.identity.merge import merge_all, split
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import Part


class Restored(NamedTuple):
    """What came of restoring."""

    paper_ids: list[str]
    """Papers that are whole again."""
    lost: dict[str, str]
    """Fingerprints of records to be taken in again, with the id of the damaged paper of each."""


def restore(catalogue: Catalogue) -> Restored:
    """Make damaged papers anew from their records, as far as those are whole."""
    damage = catalogue.damage()
    ids = dict.fromkeys([*damage.papers, *damage.records.values()])
    parts = {paper_id: own for paper_id in ids if (own := catalogue.whole_parts(paper_id))}
    if parts:
        papers = [merge_all([p.paper for p in own], i) for i, own in parts.items()]
        catalogue.restore(papers, parts)
    lost = [paper_id for paper_id in ids if paper_id not in parts]
    return Restored(list(parts), catalogue.records_of(lost) if lost else {})


def take_back(parts: Iterable[Part], owners: Mapping[str, str], catalogue: Catalogue) -> list[str]:
    """Write records in place of what was lost of them, and restore their papers.

    Args:
        parts: The records, taken in again.
        owners: Ids of their papers, by fingerprint.
        catalogue: Where they were.

    Returns:
        Ids of the papers that were restored.
    """
    back: dict[str, list[Part]] = {}
    for part in parts:
        back.setdefault(owners[part.part_id], []).append(part)
    if not back:
        return []
    apart = catalogue.told_apart(part.part_id for own in back.values() for part in own)
    catalogue.restore(
        parts={
            paper_id: [split([part])[0] if part.part_id in apart else part for part in own]
            for paper_id, own in back.items()
        }
    )
    return restore(catalogue).paper_ids
