"""An index of several shards finds what one finds, whatever happens to it."""

import importlib
from collections.abc import Callable
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings

from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config
from footnote.rag.core.errors import IndexDamagedError
from footnote.rag.index import bm25
from footnote.rag.index.archive import back_up, restore
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.check import disagreements, miscount
from footnote.rag.index.chroma import ShardedChroma, open_chroma
from footnote.rag.index.index import Index
from footnote.rag.index.passages import embed_papers
from footnote.rag.index.sharding import shard_of
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.rag.index.small import ALPHA, BRAVO, LATER, empty_index, files, paper, row, save, spread

pytestmark = pytest.mark.slow
QUESTIONS = (
    "What throughput does NanoFlow reach?",
    "which papers are about speculative decoding",
    "how is the key-value cache compressed",
    "quantisation of weights to 4 bits",
    "GPU memory",
    "mixture of experts",
    "a thrughput of sevring sistems",
)
CHARLIE = paper("Charlie", "Charlie keeps blocks of questions. Nobody routes them to disk.")
DELTA = paper("Delta", "Delta is cheap and fast. It is on disk, and it is a model of models.")
ALL = (ALPHA, BRAVO, CHARLIE, DELTA)


@pytest.fixture(scope="module")
def indexes(sample_config: Config, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Config]:
    """The sample in so many shards."""
    folder = tmp_path_factory.mktemp("sharded")
    return {1: sample_config} | {n: spread(sample_config, folder / str(n), n) for n in (4, 16)}


def whole(index: Index) -> None:
    index = index.opened_anew()
    assert disagreements(index.catalogue, index.snapshot(), index.exact_up_to) == []
    assert miscount(index.catalogue, index.snapshot()) is None


def test_a_paper_s_shard_is_the_same_for_ever():
    assert [shard_of(f"arxiv:2309.0618{n}", 16) for n in range(4)] == [4, 2, 8, 14]
    assert shard_of("arxiv:2309.06180", 1) == 0


@pytest.mark.parametrize("n_shards", [4, 16])
def test_shards_find_what_one_finds(indexes: dict[int, Config], n_shards: int):
    one, many = (open_assistant(indexes[n], writes=False) for n in (1, n_shards))
    for question in QUESTIONS:
        expected, found = one.search(question, k=60), many.search(question, k=60)
        assert [h.paper.paper_id for h in found] == [h.paper.paper_id for h in expected]
        assert [h.passage for h in found] == [h.passage for h in expected]
        assert [h.score for h in found] == pytest.approx([h.score for h in expected], abs=1e-6)
        assert any("late interaction" in hit.signals for hit in found)


@pytest.mark.parametrize("n_shards", [4, 16])
def test_words_weigh_in_shards_what_they_weigh_in_one(indexes: dict[int, Config], n_shards: int):
    one, many = (open_index(indexes[n]).bm25 for n in (1, n_shards))
    assert len(many) == len(one) == 408
    for term in one.terms(" ".join(QUESTIONS)):
        assert many.idf(term) == one.idf(term)
    for question in QUESTIONS:
        found, expected = (dict(words.search(question, depth=50)) for words in (many, one))
        assert list(found) == list(expected)
        assert found == pytest.approx(expected, rel=1e-6)
    assert many.is_misspelt("thrughput")


def test_a_commit_while_shards_are_opened_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folders = [tmp_path / "0", tmp_path / "1"]
    writer = BM25Index(*folders)
    writer.replace([ALPHA, BRAVO])
    linked, left = bm25.stand_in, [CHARLIE, DELTA]

    def commit_first(*folders: Path, copied: str) -> Path:
        if left:
            writer.remove(each.paper_id for each in ALL)
            writer.replace([left.pop()])
        return linked(*folders, copied=copied)

    with monkeypatch.context() as patch:
        patch.setattr(bm25, "stand_in", commit_first)
        reader = BM25Index(*folders)
    assert reader.paper_ids() == writer.paper_ids() == {CHARLIE.paper_id}


def test_shards_are_whole_and_none_is_empty(indexes: dict[int, Config]):
    index = open_index(indexes[4])
    whole(index)
    assert index.problems() == []
    folders = sorted(f.name for f in index.snapshot().folder.iterdir() if f.is_dir())
    assert folders == ["00", "01", "02", "03"]
    held = [BM25Index(index.snapshot().folder / name / "bm25") for name in folders]
    assert sum(map(len, held)) == 408
    assert all(60 < len(own) < 145 for own in held)
    of_one = held[2].paper_ids()
    assert {shard_of(paper_id, 4) for paper_id in of_one} == {2}


def test_a_shard_without_any_of_the_papers_is_not_asked(tmp_path: Path):
    stores = [open_chroma(tmp_path / name, create=True) for name in ("0", "1")]
    vectors = ShardedChroma(stores)
    vectors.add([row(p, np.array([1.0, 2.0])) for p in ALL])
    of_each = [[p.paper_id for p in ALL if shard_of(p.paper_id, 2) == n] for n in range(2)]
    # Whatever asks it now fails.
    chromadb.PersistentClient(
        str(tmp_path / "1"), Settings(anonymized_telemetry=False)
    ).delete_collection("papers")
    found = vectors.nearest([1.0, 2.0], depth=5, only=frozenset(of_each[0]))
    assert [id_ for id_, _ in found] == sorted(of_each[0])
    assert vectors.nearest([1.0, 2.0], depth=5, only=frozenset()) == []
    with pytest.raises(IndexDamagedError):
        vectors.nearest([1.0, 2.0], depth=5, only=frozenset(of_each[1]))


def test_what_changes_goes_to_its_shard(tmp_path: Path):
    index = empty_index(tmp_path / "index", shards=4)
    save(index, *ALL)
    IndexWriter(index).update(unwatched)
    whole(index)
    save(index, LATER)
    IndexWriter(index).update(unwatched)
    whole(index)
    assert [i for i, _ in index.opened_anew().bm25.search("zebras", depth=9)] == [LATER.paper_id]
    IndexWriter(index).remove([BRAVO.paper_id, DELTA.paper_id])
    whole(index)
    assert len(index.opened_anew().bm25) == 2


def test_a_shard_is_filled_alone(tmp_path: Path):
    index = empty_index(tmp_path / "index", shards=2)
    save(index, *ALL)
    first, rest = index.catalogue.pending(1), index.catalogue.pending(9, after=ALPHA.paper_id)
    assert first == [ALPHA]
    assert rest == [BRAVO, CHARLIE, DELTA]
    made = Snapshot.make(index.snapshots / "made", index.asked)
    embedder = index.embedder
    made.add(first, *embed_papers(embedder, first))
    for number in range(2):
        own = [each for each in rest if shard_of(each.paper_id, 2) == number]
        before = files(made.folder / f"{1 - number:02}")
        Snapshot.load(made.folder).shard(number).add(own, *embed_papers(embedder, own))
        assert files(made.folder / f"{1 - number:02}") == before
    made = Snapshot.load(made.folder)
    made.seal()
    index.catalogue.switch(made.name)
    whole(index)


def test_what_was_removed_is_left_behind_shard_by_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.snapshot._MIN_REMOVED", 1)
    index = empty_index(tmp_path / "index", shards=4)
    save(index, *ALL)
    IndexWriter(index).update(unwatched)
    before = index.snapshot().name
    IndexWriter(index).remove([p.paper_id for p in ALL[:3]])
    assert index.snapshot().name != before
    assert index.snapshot().card.shards == 4
    whole(index)


def test_a_rebuild_spreads_an_index_anew(tmp_path: Path):
    index = empty_index(tmp_path / "index")
    save(index, *ALL)
    IndexWriter(index).update(unwatched)
    asked = empty_index(tmp_path / "index", shards=3)
    asked.check_card()  # the settings' number counts for a new snapshot alone
    assert asked.snapshot().card.shards == 1
    IndexWriter(asked).rebuild(unwatched)
    assert asked.snapshot().card.shards == 3
    whole(asked)


@pytest.mark.parametrize("n_before", [0, 2])
@pytest.mark.parametrize(
    "step",
    [
        "chroma.CosineChroma.add",
        "memmap.MemmapRows.append",
        "bm25.BM25Index._writing",
        "snapshot.sync_all",
        "snapshot.delete_durably",
    ],
)
def test_a_kill_between_shards_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, n_before: int
):
    index = empty_index(tmp_path / "index", shards=4)
    save(index, ALPHA, CHARLIE)
    IndexWriter(index).update(unwatched)
    module, _, name = f"footnote.rag.index.{step}".rpartition(".")
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.{name}", killed_after(n_before, module, name))
        save(index, LATER, BRAVO, DELTA)
        try:
            IndexWriter(index.opened_anew()).update(unwatched)
        except KeyboardInterrupt:
            pass
        else:
            assert n_before  # a step that is done less often
    again = index.opened_anew()
    IndexWriter(again).recover()
    whole(again)
    assert again.catalogue.count_served() == 4
    assert len(list((tmp_path / "index" / "snapshots").iterdir())) == 1


def killed_after(n_before: int, module: str, name: str) -> Callable[..., object]:
    """Make a step that is done so many times and then killed."""
    owner, _, last = f"{module}.{name}".removeprefix("footnote.rag.index.").partition(".")
    found: object = importlib.import_module(f"footnote.rag.index.{owner}")
    for part in last.split("."):
        found = getattr(found, part)
    done = [0]

    def step(*arguments: object, **options: object) -> object:
        if done[0] == n_before:
            raise KeyboardInterrupt
        done[0] += 1
        return found(*arguments, **options)  # pyright: ignore[reportCallIssue]

    return step


def test_a_backup_of_shards_is_restored_whole(tmp_path: Path):
    index = empty_index(tmp_path / "index", shards=4)
    save(index, *ALL)
    IndexWriter(index).update(unwatched)
    back_up(index, tmp_path / "one.backup")
    restore(tmp_path / "one.backup", tmp_path / "restored")
    restored = empty_index(tmp_path / "restored")
    assert restored.snapshot().card.shards == 4
    whole(restored)


def test_shards_are_asked_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    index = empty_index(tmp_path / "index", shards=4)
    save(index, *ALL)
    IndexWriter(index).update(unwatched)
    monkeypatch.setattr("footnote.rag.index.bm25.is_writable", lambda _: False)
    assert {i for i, _ in index.opened_anew().bm25.search("disk", depth=9)} == {
        p.paper_id for p in (ALPHA, CHARLIE, DELTA)
    }
