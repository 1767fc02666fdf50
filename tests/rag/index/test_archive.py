"""A backup holds the whole index or is none; what is restored answers as what was backed up."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.rag.core.errors import (
    BackupError,
    IndexAccessError,
    IndexBusyError,
    IndexDamagedError,
)
from footnote.rag.index import archive, lock
from footnote.rag.index.archive import back_up, restore
from footnote.rag.index.check import disagreements
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import Card
from footnote.rag.index.writer import IndexWriter, unwatched
from tests.conftest import Run
from tests.rag.index.small import ALPHA, BRAVO, LATER, embedder, filled_index, paper, save

pytestmark = pytest.mark.slow
LIST = "footnote-backup.json"


def opened(folder: Path) -> Index:
    return Index(folder, Card(embedder="hashes"), embedder, exact_up_to=1_000)


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backed-up")
    back_up(filled_index(folder / "index"), folder / "one.backup")
    return folder / "one.backup"


def titles(index: Index) -> list[str]:
    return [paper.title for paper in index.catalogue.papers()]


def test_what_is_restored_is_the_index_that_was_backed_up(tmp_path: Path, backup: Path):
    contents = restore(backup, tmp_path / "deep" / "restored")
    assert contents.papers == 2
    index = opened(tmp_path / "deep" / "restored")
    assert list(index.catalogue.served([ALPHA.paper_id, BRAVO.paper_id]).values()) == [ALPHA, BRAVO]
    assert disagreements(index.catalogue, index.snapshot(), 1_000) == []
    assert index.problems() == []
    save(index, LATER)
    IndexWriter(index).update(unwatched)
    assert disagreements(index.catalogue, index.snapshot(), 1_000) == []


def test_what_else_lies_in_the_folder_comes_along_but_not_what_is_a_process_s(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    with closing(sqlite3.connect(index.folder / "watches.sqlite")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE watches (text TEXT)")
        db.execute("INSERT INTO watches VALUES ('what of Alpha?')")
        db.commit()
        (index.folder / "feedback.jsonl").write_text("{}\n")
        (index.folder / "fetched").mkdir()
        (index.folder / "fetched" / "page").write_text("of a service")
        (index.folder / "snapshots" / "left-by-a-kill").mkdir()
        back_up(index, tmp_path / "one.backup")
    restore(tmp_path / "one.backup", tmp_path / "restored")
    found = {file.name for file in (tmp_path / "restored").iterdir()}
    assert found == {"catalogue.sqlite", "watches.sqlite", "feedback.jsonl", "snapshots"}
    assert len(list((tmp_path / "restored" / "snapshots").iterdir())) == 1
    with closing(sqlite3.connect(tmp_path / "restored" / "watches.sqlite")) as db:
        assert db.execute("SELECT text FROM watches").fetchall() == [("what of Alpha?",)]


def test_what_lies_beside_the_folder_under_its_name_goes_with_it(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    watches = tmp_path / "index.watches.sqlite"
    with closing(sqlite3.connect(watches)) as db, db:
        db.execute("CREATE TABLE watches AS SELECT 'what of Alpha?' AS text")
    (tmp_path / "index.tokens.json").write_text("[]")
    back_up(index, tmp_path / "one.backup")
    restore(tmp_path / "one.backup", tmp_path / "other")
    with closing(sqlite3.connect(tmp_path / "other.watches.sqlite")) as db:
        assert db.execute("SELECT text FROM watches").fetchall() == [("what of Alpha?",)]
    assert (tmp_path / "other.tokens.json").read_text() == "[]"
    assert not (tmp_path / "other" / "beside").exists()


def test_tokens_of_another_index_are_not_written_over(tmp_path: Path, backup: Path):
    tokens = tmp_path / "other.tokens.json"
    tokens.write_text("[1]")
    with pytest.raises(BackupError, match="is there; name another with --index, or add --replace"):
        restore(backup, tmp_path / "other")
    assert tokens.read_text() == "[1]"


def test_a_backup_is_readable_by_its_owner_alone_and_so_is_what_is_restored(
    tmp_path: Path, backup: Path
):
    restore(backup, tmp_path / "restored")
    files = [backup, *(f for f in (tmp_path / "restored").rglob("*") if f.is_file())]
    assert {oct(file.stat().st_mode & 0o777) for file in files} == {"0o600"}


def test_papers_that_are_read_all_the_while_are_answered(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    reader, over, found = opened(index.folder), threading.Event(), list[int]()

    def ask() -> None:
        while not over.is_set():
            found.append(len(reader.bm25.search("blocks on disk", depth=5)))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for number in range(3):
            back_up(index, tmp_path / f"{number}.backup")
    finally:
        over.set()
        asking.join(60)
    assert set(found) == {1}


def test_nothing_is_overwritten_unasked(tmp_path: Path, backup: Path):
    index = filled_index(tmp_path / "index")
    there = tmp_path / "there"
    there.write_text("mine")
    with pytest.raises(BackupError, match="is there already; name another file, or add --replace"):
        back_up(index, there)
    assert there.read_text() == "mine"
    with pytest.raises(BackupError, match="lies in the index folder"):
        back_up(index, index.folder / "one.backup")
    with pytest.raises(BackupError, match=r"there is an index in .*, or add --replace"):
        restore(backup, index.folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter").write_text("mine")
    with pytest.raises(BackupError, match="is not empty and no index"):
        restore(backup, tmp_path / "other", replace=True)
    assert (tmp_path / "other" / "letter").read_text() == "mine"


def test_an_index_is_replaced_when_told_and_who_has_it_open_notices(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    back_up(index, tmp_path / "one.backup")
    save(index, paper("Charlie", "Charlie came later. It goes."))
    IndexWriter(index).update(unwatched)
    restore(tmp_path / "one.backup", index.folder, replace=True)
    assert not index.catalogue.is_in_place()
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]
    assert {file.name for file in tmp_path.iterdir()} == {"index", "one.backup"}
    back_up(opened(index.folder), tmp_path / "one.backup", replace=True)


def test_an_index_that_is_written_is_neither_backed_up_nor_replaced(tmp_path: Path, backup: Path):
    index = filled_index(tmp_path / "index")
    with lock.writing(index.folder):
        with pytest.raises(IndexBusyError):
            back_up(index, tmp_path / "one.backup")
        with pytest.raises(IndexBusyError):
            restore(backup, index.folder, replace=True)
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]
    assert {file.name for file in tmp_path.iterdir()} == {"index"}


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda i, _: IndexWriter(i).writing().__enter__(), id="writing"),
        pytest.param(lambda i, _: IndexWriter(i).holding().__enter__(), id="holding"),
        pytest.param(lambda i, file: back_up(i, file), id="backup"),
    ],
)
def test_who_opened_an_index_before_it_was_replaced_writes_nothing(
    tmp_path: Path, backup: Path, write: Callable[[Index, Path], object]
):
    early = filled_index(tmp_path / "index")
    restore(backup, early.folder, replace=True)
    with pytest.raises(IndexBusyError, match="was replaced meanwhile; run the command again"):
        write(early, tmp_path / "one.backup")
    with lock.writing(early.folder):  # it was let go of
        pass
    assert opened(early.folder).problems() == []


def test_an_index_that_is_not_whole_is_not_backed_up(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    [file] = index.folder.rglob("vectors.i8")
    file.write_bytes(file.read_bytes()[::-1])
    with pytest.raises(IndexDamagedError, match="is not whole; run `footnote rebuild`"):
        back_up(index, tmp_path / "one.backup")
    assert {file.name for file in tmp_path.iterdir()} == {"index"}


def listed(data: bytes, change: Callable[[dict[str, object]], object], file: Path) -> None:
    """Write a backup again with its list changed."""
    file.write_bytes(data)
    with zipfile.ZipFile(file) as old:
        members = {name: old.read(name) for name in old.namelist()}
    told = json.loads(members[LIST])
    change(told)
    with zipfile.ZipFile(file, "w") as new:
        for name, content in members.items():
            new.writestr(name, json.dumps(told) if name == LIST else content)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            lambda t: t["files"].pop(), "does not hold the files that it lists", id="more"
        ),
        pytest.param(
            lambda t: t["files"].append({"name": "../x", "size": 1, "sha256": ""}),
            "does not hold the files that it lists",
            id="fewer",
        ),
        pytest.param(
            lambda t: t["files"][0].update(sha256="0" * 64),
            "is not as it was written",
            id="checksum",
        ),
        pytest.param(lambda t: t["files"][0].update(size=1), "is not as it was written", id="size"),
        pytest.param(lambda t: t.pop("papers"), "footnote-backup.json cannot be read", id="list"),
        pytest.param(
            lambda t: t.update(format_version=2),
            "was made by footnote .*; restore it with that version",
            id="later",
        ),
    ],
)
def test_a_backup_that_does_not_hold_what_it_says_is_refused(
    tmp_path: Path, backup: Path, change: Callable[[dict[str, object]], object], said: str
):
    listed(backup.read_bytes(), change, tmp_path / "one.backup")
    with pytest.raises(BackupError, match=said):
        restore(tmp_path / "one.backup", tmp_path / "restored")
    assert {file.name for file in tmp_path.iterdir()} == {"one.backup"}


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..\\outside"])
def test_no_backup_writes_outside_of_its_folder(tmp_path: Path, backup: Path, name: str):
    file = tmp_path / "one.backup"
    entry = {"name": name, "size": 1, "sha256": "0" * 64}
    listed(backup.read_bytes(), lambda told: told["files"].append(entry), file)  # pyright: ignore
    with zipfile.ZipFile(file, "a") as more:
        more.writestr(name, "x")
    with pytest.raises(BackupError, match="outside of the index folder"):
        restore(file, tmp_path / "restored")
    assert {each.name for each in tmp_path.iterdir()} == {"one.backup"}


def test_what_a_later_version_says_of_a_file_is_passed_over(tmp_path: Path, backup: Path):
    file = tmp_path / "one.backup"
    listed(backup.read_bytes(), lambda told: told["files"][0].update(mode=1), file)  # pyright: ignore
    assert restore(file, tmp_path / "restored").papers == 2


def test_a_list_that_would_fill_memory_is_not_read(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archive, "_LONGEST_LIST", 100)
    with pytest.raises(BackupError, match="is damaged: its list of files is longer than 100 bytes"):
        restore(backup, tmp_path / "restored")


def test_a_kind_of_archive_that_nobody_reads_is_named(tmp_path: Path, backup: Path):
    whole = bytearray(backup.read_bytes())
    # The version that a member needs to be read, in the archive's own list: 2 bytes, 6 after its mark.
    whole[whole.index(b"PK\x01\x02") + 6] = 99
    (tmp_path / "one.backup").write_bytes(whole)
    with pytest.raises(BackupError, match="is no backup, or the end of it is lost"):
        restore(tmp_path / "one.backup", tmp_path / "restored")


def test_what_is_no_backup_is_named(tmp_path: Path, backup: Path):
    (tmp_path / "letter").write_text("to you")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("letter", "to you")
    (tmp_path / "cut").write_bytes(backup.read_bytes()[:-100])
    for name, said in {
        "letter": "is no backup, or the end of it is lost",
        "other.zip": "is no backup of an index",
        "cut": "is no backup, or the end of it is lost",
        "nowhere": "cannot be read: No such file",
    }.items():
        with pytest.raises(BackupError, match=said):
            restore(tmp_path / name, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_changed_byte_is_refused_or_changes_nothing(
    tmp_path: Path, backup: Path, data: st.DataObject
):
    whole = backup.read_bytes()
    # Half of them where the archive describes itself.
    first = data.draw(st.sampled_from([0, len(whole) - 4_000]))
    at = data.draw(st.integers(first, len(whole) - 1))
    file, folder = tmp_path / "changed.backup", tmp_path / "restored"
    changed = whole[at] ^ data.draw(st.integers(1, 255))
    file.write_bytes(whole[:at] + bytes([changed]) + whole[at + 1 :])
    with suppress(BackupError):
        restore(file, folder, replace=folder.exists())
        assert titles(opened(folder)) == ["Alpha", "Bravo"]


@pytest.mark.parametrize("step", ["_extract", "_put_in_place"])
def test_a_restore_that_was_killed_has_changed_nothing(tmp_path: Path, backup: Path, step: str):
    index = filled_index(tmp_path / "index")
    kill = f"archive.{step} = lambda *_: os.kill(os.getpid(), 9)"
    code = (
        "import os, sys; from pathlib import Path; from footnote.rag.index import archive;"
        f"{kill}; archive.restore(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(backup), str(index.folder)], timeout=60, check=False
    )
    assert done.returncode == -9
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]
    restore(backup, index.folder, replace=True)
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]


def instead(
    monkeypatch: pytest.MonkeyPatch, name: str, act: Callable[[Path, Path], object]
) -> None:
    """Have something happen where a folder of this name would be renamed."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if self.name == name:
            act(self, target)
        return rename(self, target)

    monkeypatch.setattr(archive.Path, "rename", renamed)


@pytest.mark.parametrize("stop", [OSError(5, "Input/output error"), KeyboardInterrupt()])
def test_where_a_restore_stops_between_two_names_what_was_there_is_back(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException
):
    def refuse(_folder: Path, _target: Path) -> None:
        raise stop

    index = filled_index(tmp_path / "index")
    with monkeypatch.context() as patch:
        instead(patch, "restored", refuse)
        with pytest.raises((IndexAccessError, KeyboardInterrupt)):
            restore(backup, index.folder, replace=True)
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]
    assert {file.name for file in tmp_path.iterdir()} == {"index"}


def test_where_its_place_was_taken_meanwhile_what_was_there_is_kept_and_named(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch
):
    def take(_folder: Path, target: Path) -> None:
        target.mkdir()
        (target / "lock").touch()

    index = filled_index(tmp_path / "index")
    with monkeypatch.context() as patch:
        instead(patch, "restored", take)
        with pytest.raises(IndexAccessError) as raised:
            restore(backup, index.folder, replace=True)
    [kept] = [file for file in tmp_path.iterdir() if file.name != "index"]
    assert f"what was there is in {kept}" in str(raised.value)
    assert titles(opened(kept)) == ["Alpha", "Bravo"]


def test_a_link_to_an_index_stays_one_and_what_it_leads_to_is_replaced(
    tmp_path: Path, backup: Path
):
    index = filled_index(tmp_path / "disk" / "index")
    save(index, paper("Charlie", "Charlie came later. It goes."))
    (tmp_path / "link").symlink_to(index.folder)
    restore(backup, tmp_path / "link", replace=True)
    assert (tmp_path / "link").is_symlink()
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]
    assert {file.name for file in index.folder.parent.iterdir()} == {"index"}


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
def test_where_a_disk_begins_a_folder_inside_is_asked_for(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    def refuse(_folder: Path, _target: Path) -> None:
        raise OSError(number, os.strerror(number))

    index = filled_index(tmp_path / "index")
    with monkeypatch.context() as patch:
        instead(patch, "index", refuse)
        with pytest.raises(
            IndexAccessError, match="is a mount point; name a folder inside it with --index"
        ):
            restore(backup, index.folder, replace=True)
    assert titles(opened(index.folder)) == ["Alpha", "Bravo"]


def test_the_commands_say_what_they_did(
    footnote: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", "hashes")
    index = filled_index(tmp_path / "index")
    file = tmp_path / "one.backup"
    said = footnote("backup", file, "--index", index.folder).stdout
    assert said == f"2 papers in {file}, {file.stat().st_size / 1e6:,.1f} MB\n"
    told = json.loads(footnote("restore", file, "--index", tmp_path / "there", "--json").stdout)
    assert told["papers"] == 2
    again = footnote("restore", file, "--index", tmp_path / "there", expect=1)
    assert "or add --replace" in again.stderr
    assert footnote("restore", file, "--index", tmp_path / "there", "--replace").stdout.startswith(
        f"2 papers in {tmp_path / 'there'}, as of "
    )
