"""Damaged papers of a real catalogue are made anew from what was taken in."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from footnote.ingest.identity.merge import regroup, split, to_part
from footnote.ingest.record import SourceRecord
from footnote.ingest.restore import restore, take_back
from footnote.rag.core.records import Sighting
from footnote.rag.index.catalogue import Catalogue
from tests.made import rewritten

TITLE = "A Cache That Lives on Disk"
TEXT = "The system keeps what it needs near and the rest far away, and it measures both. " * 4
PARTS = [
    to_part(SourceRecord(title=TITLE, abstract=abstract, sighting=Sighting(source=source)))
    for source, abstract in (("a", TEXT), ("b", TEXT + "It is fast."))
]


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    catalogue.regroup(regroup(PARTS, catalogue))
    return catalogue


def damage(catalogue: Catalogue, *tables: str) -> None:
    with closing(sqlite3.connect(catalogue.file)) as db, db:
        db.create_function("rewritten", 3, rewritten)
        for table in tables:
            db.execute(f"UPDATE {table} SET record = rewritten(record, 'far', 'near')")  # noqa: S608


def test_what_is_whole_is_left_alone(catalogue: Catalogue):
    assert restore(catalogue) == ([], {})


def test_a_damaged_paper_is_made_anew_from_its_records(catalogue: Catalogue):
    before = catalogue.papers()
    damage(catalogue, "papers")
    assert restore(catalogue) == ([before[0].paper_id], {})
    assert catalogue.papers() == before
    assert restore(catalogue) == ([], {})


def test_a_paper_whose_records_are_damaged_too_waits_for_its_source(catalogue: Catalogue):
    before = catalogue.papers()
    damage(catalogue, "papers", "parts")
    restored, lost = restore(catalogue)
    assert restored == []
    assert lost == {part.part_id: before[0].paper_id for part in PARTS}
    # One record alone is not enough, both are.
    assert take_back(PARTS[:1], lost, catalogue) == []
    assert take_back(PARTS[1:], lost, catalogue) == [before[0].paper_id]
    assert catalogue.papers() == before


def test_what_was_told_apart_is_taken_back_so(catalogue: Catalogue):
    [paper] = catalogue.papers()
    apart = split(catalogue.parts_of([paper])[paper.paper_id])
    catalogue.regroup(regroup(apart, catalogue))
    before = catalogue.papers()
    assert len(before) == 2
    damage(catalogue, "papers", "parts")
    take_back(PARTS, restore(catalogue).lost, catalogue)
    assert catalogue.papers() == before
    assert catalogue.told_apart(part.part_id for part in PARTS) == {p.part_id for p in PARTS}


def test_nothing_taken_in_restores_nothing(catalogue: Catalogue):
    assert take_back([], {}, catalogue) == []
