"""What writes an index: nothing twice, nothing lost, nothing left half done."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from footnote.rag.core.errors import IndexMismatchError, IndexMissingError
from footnote.rag.index.check import disagreements
from footnote.rag.index.chunking import version_id
from footnote.rag.index.index import Index
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.rag.index.small import ALPHA, BRAVO, LATER, empty_index, files, filled_index, paper, save


@pytest.fixture
def index(tmp_path: Path) -> Index:
    return filled_index(tmp_path / "index")


def stop(*_args: object, **_options: object) -> None:
    raise KeyboardInterrupt


def is_whole(index: Index) -> bool:
    return not disagreements(index.catalogue, index.snapshot(), index.exact_up_to)


def test_a_second_update_changes_nothing(index: Index):
    before, state = files(index.folder), index.catalogue.state()
    IndexWriter(index).update(unwatched)
    assert files(index.folder) == before
    assert index.catalogue.state() == state


def test_an_update_without_papers_makes_no_snapshot(tmp_path: Path):
    index = empty_index(tmp_path / "index")
    IndexWriter(index).update(unwatched)
    assert not index.snapshots.exists()
    with pytest.raises(IndexMissingError, match="is empty"):
        index.snapshot()


@pytest.mark.parametrize(
    ("seconds", "together"), [(60.0, [64, 256, 80]), (0.0, [64, 64, 64, 64, 64, 64, 16])]
)
def test_what_is_embedded_soon_is_written_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, together: list[int]
):
    monkeypatch.setattr("footnote.rag.index.writer._TOGETHER_S", seconds)
    index = empty_index(tmp_path / "index")
    save(index, *(paper(f"Paper {n:03}", f"It has {n} legs. It is an animal.") for n in range(400)))
    told: list[int] = []
    IndexWriter(index).update(lambda _, done, __: told.append(done))
    assert [done - before for before, done in zip([0, *told], told, strict=False)] == together
    assert is_whole(index)
    told.clear()
    IndexWriter(index).rebuild(lambda _, done, __: told.append(done))
    assert [done - before for before, done in zip([0, *told], told, strict=False)] == together
    assert is_whole(index)


def test_what_is_written_lies_in_the_files_and_not_in_their_logs(index: Index):
    save(index, LATER)
    writer = IndexWriter(index)
    with writer.writing():
        writer.update(unwatched)
        assert sum(log.stat().st_size for log in index.folder.rglob("*-wal"))
    assert [log.name for log in index.folder.rglob("*-wal") if log.stat().st_size] == []
    assert index.bm25.search("zebras", depth=5)[0][0] == ALPHA.paper_id
    assert is_whole(index)


def test_one_who_reads_meanwhile_keeps_the_log_and_nothing_else(index: Index):
    with closing(sqlite3.connect(index.folder / "catalogue.sqlite")) as other:
        other.execute("BEGIN")
        before = other.execute("SELECT count(*) FROM papers").fetchone()
        with IndexWriter(index).writing():
            save(index, LATER)
            IndexWriter(index).update(unwatched)
        assert other.execute("SELECT count(*) FROM papers").fetchone() == before
    assert is_whole(index)


def test_progress_counts_the_papers_of_this_update(index: Index):
    told: list[tuple[str, int, int | None]] = []
    save(index, LATER)
    IndexWriter(index).update(lambda *progress: told.append(progress))
    assert told == [("indexing", 1, 1)]
    assert index.bm25.search("zebras", depth=5)[0][0] == ALPHA.paper_id
    assert is_whole(index)


def test_a_compaction_keeps_all_that_is_left_and_gives_back_the_room(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    said: list[str] = []
    save(index, LATER)
    IndexWriter(index).update(unwatched)  # 2 of its 7 sentences are of no version any more
    old = index.snapshot()
    size = (old.folder / "dense" / "vectors.i8").stat().st_size
    [before] = old.vectors.rows([LATER.paper_id])
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 4)
    monkeypatch.setattr("footnote.rag.index.writer.embed_papers", None)  # nothing is embedded
    IndexWriter(index, say=said.append).remove([BRAVO.paper_id])
    new = index.snapshot()
    assert said == ["more was removed from the index than is left; copying what is left"]
    assert not old.folder.exists()
    assert new.dense.counts() == {version_id(LATER.paper_id, LATER.version): 3}
    [row] = new.vectors.rows([LATER.paper_id, BRAVO.paper_id])
    assert row.vector == pytest.approx(before.vector, abs=1e-6)
    assert (new.folder / "dense" / "vectors.i8").stat().st_size == size * 3 // 7
    assert is_whole(index)


@pytest.mark.parametrize(
    "step",
    [
        "snapshot.Snapshot.add",
        "catalogue.Catalogue.mark_indexed",
        "catalogue.Catalogue.clear_tombstones",
        "snapshot.Snapshot.seal",
    ],
)
def test_an_interrupted_update_is_finished_by_the_next_command(
    index: Index, monkeypatch: pytest.MonkeyPatch, step: str
):
    save(index, LATER)
    with monkeypatch.context() as patch:
        patch.setattr(f"footnote.rag.index.{step}", stop)
        with pytest.raises(KeyboardInterrupt):
            IndexWriter(index).update(unwatched)
    monkeypatch.setattr("footnote.rag.index.writer.probe", lambda *_args, **_options: [])
    again = index.opened_anew()
    assert not again.snapshot().is_sealed
    IndexWriter(again, say=lambda _: None).recover()
    assert again.snapshot().is_sealed
    assert again.catalogue.tombstones() == []
    assert again.catalogue.count_pending() == 0
    assert is_whole(again)


def test_a_snapshot_that_a_killed_rebuild_left_is_deleted(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    in_force = index.snapshot().name
    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.catalogue.Catalogue.switch", stop)
        with pytest.raises(KeyboardInterrupt):
            IndexWriter(index).rebuild(unwatched)
    assert len(list(index.snapshots.iterdir())) == 2
    IndexWriter(index).update(unwatched)
    assert [folder.name for folder in index.snapshots.iterdir()] == [in_force]


def test_an_index_of_other_settings_is_not_written(index: Index):
    other = empty_index(index.folder, embedder="other")
    with pytest.raises(
        IndexMismatchError, match=r"built with embedder `hashes`, .* ask for `other`"
    ):
        IndexWriter(other).remove([ALPHA.paper_id])
    assert len(other.catalogue) == 2
