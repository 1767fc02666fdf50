"""The index folder opened for reading: what does not fit is named, and names find their papers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from footnote.rag.core.errors import (
    IndexBusyError,
    IndexDamagedError,
    IndexMismatchError,
    IndexMissingError,
    PaperError,
)
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.index import Index
from footnote.rag.index.lock import writing
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.rag.index.small import ALPHA, BRAVO, empty_index, filled_index, paper, save


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return filled_index(tmp_path / "index")


def with_old_names(folder: Path) -> None:
    """Name table, column and folder as versions 3 to 5 did."""
    (folder / "snapshots").rename(folder / "generations")
    with closing(sqlite3.connect(folder / "catalogue.sqlite")) as db:
        db.executescript(
            "ALTER TABLE tombstones RENAME TO leftovers;"
            "ALTER TABLE state RENAME COLUMN snapshot TO generation;"
            "INSERT INTO leftovers VALUES ('title:gone', '0123456789abcdef')"
        )


def test_a_catalogue_with_the_old_names_opens_and_keeps_what_it_says(index: Index):
    state, papers = index.catalogue.state(), index.catalogue.papers()
    with_old_names(index.folder)
    for _ in range(2):
        catalogue = Catalogue(index.folder / "catalogue.sqlite")
        assert catalogue.state() == state
        assert catalogue.papers() == papers
        assert [gone.paper_id for gone in catalogue.tombstones()] == ["title:gone"]


def test_an_index_with_the_old_folders_is_named_until_it_is_rebuilt(index: Index):
    with_old_names(index.folder)
    old = empty_index(index.folder)
    for command in (old.snapshot, old.check_settings, IndexWriter(old).recover):
        with pytest.raises(IndexMismatchError, match="earlier version; run `footnote rebuild`"):
            command()
    assert old.problems()[0].endswith("was made by an earlier version; run `footnote rebuild`")
    IndexWriter(old).rebuild(unwatched)
    assert old.snapshot().vectors.count() == 2
    assert not (index.folder / "generations").exists()


def test_an_empty_catalogue_beside_old_folders_is_damaged(index: Index, tmp_path: Path):
    with_old_names(index.folder)
    (index.folder / "generations").rename(tmp_path / "generations")
    (tmp_path / "catalogue.sqlite").touch()
    with pytest.raises(IndexDamagedError, match="is empty beside an index"):
        Catalogue(tmp_path / "catalogue.sqlite")


def test_a_folder_without_papers_says_so_or_who_is_taking_them_in(tmp_path: Path):
    index = empty_index(tmp_path)
    for check in (index.check_filled, index.check_served, index.snapshot):
        with pytest.raises(IndexMissingError, match="is empty; run `footnote ingest PATH`"):
            check()
    index.check_settings()
    with writing(tmp_path), pytest.raises(IndexBusyError, match="by process"):
        index.check_served()


def test_a_vector_of_another_length_is_named(index: Index):
    index.check_dimension([0.0] * 64)
    with pytest.raises(IndexMismatchError, match="of 64 numbers, the embedder `hashes` gives 3"):
        index.check_dimension([0.0] * 3)


def test_an_index_opened_anew_sees_what_was_written_meanwhile(index: Index):
    anew = index.opened_anew()
    assert anew.snapshot() is not index.snapshot()
    assert anew.catalogue is index.catalogue
    assert anew.embedder is index.embedder


def test_names_find_papers_in_their_order_and_all_that_fail_are_named(index: Index):
    twin = paper("Alpha", "Another of that title.").model_copy(update={"paper_id": "arxiv:1"})
    assert index.named(["Bravo", ALPHA.paper_id]) == {
        BRAVO.paper_id: "Bravo",
        ALPHA.paper_id: "Alpha",
    }
    save(index, twin)
    with pytest.raises(
        PaperError, match=r"'Alpha' is the title of arxiv:1 and title:alpha; 'x' is no paper here"
    ):
        index.named(["Alpha", "Bravo", "x"])
