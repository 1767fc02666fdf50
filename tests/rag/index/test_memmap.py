import ctypes
import mmap
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from footnote.rag.core.errors import IndexDamagedError
from footnote.rag.index import memmap
from footnote.rag.index.memmap import MemmapRows, Rows, ShardedRows

FILES = {"pairs.i8": np.int8, "places.f32": np.float32}


def opened(folder: Path) -> MemmapRows:
    return MemmapRows(folder, FILES, "list of pairs")


def sharded(folder: Path, n_shards: int) -> ShardedRows:
    folders = [folder / str(number) for number in range(n_shards)]
    return ShardedRows(folders, FILES, "list of pairs", paper_of=str)


def read(rows: ShardedRows, *owners: str) -> list[tuple[str, list[list[float]], bytes]]:
    return [(o.owner, np.hstack(o.arrays).tolist(), o.note) for o in rows.read(owners)]


def pairs(owner: str, *first: int) -> Rows:
    """A row (n, -n) for each n, and n / 2 beside it."""
    numbers = np.array(first)
    return Rows(owner, [np.stack([numbers, -numbers], axis=1), numbers / 2], owner.encode())


def held(rows: MemmapRows) -> dict[str, list[list[float]]]:
    ranges, arrays = rows.find(["a", "b", "c"])
    assert {s.owner for s in ranges} == rows.owners() == {s.owner for s in rows.all().ranges}
    assert all(own.note == own.owner.encode() for own in ranges)
    return {s.owner: np.hstack([array[s.rows] for array in arrays]).tolist() for s in ranges}


@pytest.fixture(autouse=True, params=["not read ahead", "read ahead"])
def _small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "read ahead":
        monkeypatch.setattr(memmap, "_SMALL", 1)


@pytest.fixture
def rows(tmp_path: Path) -> MemmapRows:
    rows = opened(tmp_path)
    rows.append([pairs("a", 1, 2), pairs("b", 3)])
    return rows


def test_rows_of_all_files_are_kept_together(rows: MemmapRows, tmp_path: Path):
    expected = {"a": [[1, -1, 0.5], [2, -2, 1.0]], "b": [[3, -3, 1.5]]}
    assert held(rows) == held(opened(tmp_path)) == expected
    assert rows.count() == (2, 3)


def test_what_is_added_again_is_there_once(rows: MemmapRows):
    rows.append([pairs("a", 5)])
    assert held(rows) == {"a": [[5, -5, 2.5]], "b": [[3, -3, 1.5]]}
    assert rows.count() == (2, 2)


def test_a_reader_sees_what_a_writer_did_meanwhile(rows: MemmapRows, tmp_path: Path):
    reader = opened(tmp_path)
    assert held(reader).keys() == {"a", "b"}
    rows.remove(["b", "nobody"])
    assert held(reader).keys() == {"a"}
    rows.append([pairs("c", 7)])  # where b was
    assert held(reader) == {"a": [[1, -1, 0.5], [2, -2, 1.0]], "c": [[7, -7, 3.5]]}


def test_all_is_one_object_until_something_changes(rows: MemmapRows, tmp_path: Path):
    reader = opened(tmp_path)
    before = reader.all()
    assert reader.all() is before
    rows.append([pairs("c", 7)])
    assert [own.owner for own in reader.all().ranges] == ["a", "b", "c"]


def test_what_a_killed_writer_left_is_nobodys_and_is_overwritten(rows: MemmapRows, tmp_path: Path):
    for name, left in (("pairs.i8", b"\x7f" * 5), ("places.f32", b"\x7f" * 3)):
        with (tmp_path / name).open("ab") as file:
            file.write(left)
    before = held(opened(tmp_path))
    assert before.keys() == {"a", "b"}
    rows.append([pairs("c", 7)])
    for each in (rows, opened(tmp_path)):
        assert held(each) == before | {"c": [[7, -7, 3.5]]}


@pytest.mark.parametrize("n_shards", [1, 4])
def test_a_copy_leaves_behind_what_was_removed(tmp_path: Path, n_shards: int):
    rows, other = sharded(tmp_path, 1), sharded(tmp_path / "other", n_shards)
    rows.append([pairs("a", 1, 2), pairs("b", 3), pairs("c", 4)])
    rows.remove(["a"])
    other.copy(rows, ["c", "a", "b", "nobody"])
    expected = [("c", [[4, -4, 2]], b"c"), ("b", [[3, -3, 1.5]], b"b")]
    assert read(other, "c", "a", "b") == read(rows, "c", "a", "b") == expected
    assert sum(file.stat().st_size for file in (tmp_path / "other").rglob("pairs.i8")) == 4


def test_a_copy_of_nothing_is_empty(tmp_path: Path):
    other = sharded(tmp_path / "other", 2)
    other.copy(sharded(tmp_path / "empty", 3), ["a"])
    assert read(other, "a") == []
    assert other.count() == (0, 0)


def test_shards_together_hold_what_one_holds(tmp_path: Path):
    owners = [f"paper {number}" for number in range(40)]
    one, many = sharded(tmp_path / "one", 1), sharded(tmp_path / "many", 7)
    for rows in (one, many):
        rows.append([pairs(owner, *range(number % 4)) for number, owner in enumerate(owners)])
        rows.remove(owners[5:8])
        rows.append([pairs(owners[9], 7, 8)])
    assert many.count() == one.count() == (37, 55)
    assert many.owners() == one.owners()
    assert read(many, *reversed(owners)) == read(one, *reversed(owners))
    assert all(len(shard.owners()) for shard in many.shards)


def test_owners_without_rows_are_kept(tmp_path: Path):
    rows = sharded(tmp_path, 1)
    rows.append([Rows("a", [np.empty((0, 2)), np.empty(0)], b"a")])
    other = sharded(tmp_path / "other", 1)
    other.copy(rows, ["a"])
    other.append([pairs("b", 3)])
    assert read(other, "a", "b") == [("a", [], b"a"), ("b", [[3, -3, 1.5]], b"b")]


def test_files_that_end_too_early_are_named(rows: MemmapRows, tmp_path: Path):
    (tmp_path / "places.f32").write_bytes(b"\x00" * 8)
    with pytest.raises(
        IndexDamagedError,
        match=r"^list of pairs .* cannot be used: its files end before row 3; run `footnote rebuild",
    ):
        opened(tmp_path).all()


def test_rows_of_another_width_are_refused_and_change_nothing(rows: MemmapRows):
    before = held(rows)
    with pytest.raises(IndexDamagedError, match=r"list of pairs .* cannot be written"):
        rows.append([Rows("c", [np.ones((1, 3)), np.ones(1)])])
    assert held(rows) == before


def test_few_owners_are_remembered_however_many_were_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(memmap, "_REMEMBERED", 5)
    rows = opened(tmp_path)
    owners = [f"owner {n}" for n in range(30)]
    rows.append([pairs(owner, n) for n, owner in enumerate(owners)])
    for first in range(0, 30, 4):
        wanted = owners[max(0, first - 2) : first + 4]  # two of them were asked for just before
        assert [own.owner for own in rows.find(wanted).ranges] == wanted
        assert len(rows._seen.ranges) <= 5 + len(wanted)


def pages_in_memory(file: Path) -> np.ndarray:
    """Return which pages of a file the system holds; bool, (n_pages,). Linux alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    with file.open("rb") as opened:
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    found = (ctypes.c_ubyte * -(-len(mapped) // mmap.PAGESIZE))()
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
    assert libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(mapped)), found) == 0
    return np.array(found, np.uint8) & 1 == 1


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux which pages it holds")
def test_rows_that_are_about_to_be_read_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(memmap, "_SMALL", 1)
    rows = opened(tmp_path)
    rows.append(pairs(f"{n}", *range(100)) for n in range(20_000))
    file = tmp_path / "pairs.i8"
    with file.open("rb") as written:
        os.posix_fadvise(written.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if pages_in_memory(file).any():
        pytest.skip("this file system keeps files in memory")
    ranges, _ = opened(tmp_path).find(["15000"])
    reader = opened(tmp_path)
    reader.find(["15000"])
    reader.read_ahead(ranges)
    page = 15_000 * 200 // mmap.PAGESIZE
    for _ in range(500):
        if pages_in_memory(file)[page]:
            break
        time.sleep(0.01)
    assert pages_in_memory(file)[page]
    assert not pages_in_memory(file).all()
