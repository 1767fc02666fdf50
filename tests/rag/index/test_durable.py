"""What a power cut leaves: only what was synced, or all names with zeros for what was not.

`Disk` stands for the disk. It sees the syncs of this process's Python; of what SQLite writes, which
syncs by itself, it keeps all, and of what Chroma and tantivy write nothing until Python syncs it.
"""

import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config
from footnote.rag.core.errors import Fault, IndexMissingError
from footnote.rag.index.check import disagreements
from footnote.rag.index.durable import make_folder, sync_all, write_durably
from tests.rag.index.test_memmap import held, opened, pairs
from tests.rag.index.test_recovery import (
    ALPHA,
    BRAVO,
    LATER,
    config_for,
    rebuild,
    take_in,
    take_out,
)

CUTS = int(os.environ.get("FOOTNOTE_TEST_CUTS", "4"))


class Disk:
    """A folder as it was synced; `image` writes what a power cut would leave of it."""

    def __init__(self, root: Path):
        self._root = root
        self._sync = os.fsync
        self._files: dict[int, bytes] = {}
        self._folders: dict[int, dict[str, int]] = {}
        self._kept_open: list[int] = []  # so that no inode is given to another file
        self.before_sync: Callable[[], None] = lambda: None

    def fsync(self, fd: int) -> None:
        self.before_sync()
        self._sync(fd)
        self._kept_open.append(os.dup(fd))
        at, place = os.fstat(fd).st_ino, Path(f"/proc/self/fd/{fd}")
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            self._folders[at] = {entry.name: entry.inode() for entry in os.scandir(place)}
        else:
            self._files[at] = place.read_bytes()

    @contextmanager
    def watching(self) -> Generator["Disk"]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", self.fsync)
            yield self
        for fd in self._kept_open:
            os.close(fd)

    def image(self, target: Path, *, names_survive: bool) -> Path:
        self._copy(self._root, self._root.stat().st_ino, target, names_survive)
        return target

    def _copy(self, source: Path, at: int, target: Path, names_survive: bool) -> None:
        target.mkdir()
        now = {path.name: path for path in source.iterdir()} if source.is_dir() else {}
        synced = self._folders.get(at, {})
        names = {n: p.stat().st_ino for n, p in now.items() if names_survive or ".sqlite" in n}
        for name, inode in (synced | names if not names_survive else names).items():
            path = now.get(name)
            is_now = path is not None and path.stat().st_ino == inode
            if inode in self._folders or (is_now and path and path.is_dir()):
                self._copy(source / name, inode, target / name, names_survive)
            elif ".sqlite" in name:
                if path:
                    shutil.copyfile(path, target / name)
            else:
                data = self._files.get(inode, b"")
                if names_survive and path:
                    data = data[: path.stat().st_size].ljust(path.stat().st_size, b"\0")
                (target / name).write_bytes(data)


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Disk]:
    (tmp_path / "disk").mkdir()
    with Disk(tmp_path / "disk").watching() as disk:
        yield disk


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path, disk: Disk):
    file = tmp_path / "disk" / "folder" / "file"
    seen: list[bytes | None] = []

    def look() -> None:
        for names_survive in (False, True):
            image = disk.image(tmp_path / f"cut{len(seen)}", names_survive=names_survive)
            left = image / "folder" / "file"
            seen.append(left.read_bytes() if left.exists() else None)

    make_folder(file.parent)
    disk.before_sync = look
    write_durably(file, b"one")
    look()
    assert seen[-2:] == [b"one", b"one"]
    assert set(seen) == {None, b"one"}
    write_durably(file, b"two, which is longer")
    look()
    assert seen[-2:] == [b"two, which is longer"] * 2
    assert set(seen) == {None, b"one", b"two, which is longer"}


def test_syncing_a_folder_leaves_the_locks_of_its_databases(tmp_path: Path):
    """With them dropped, another process deleted the log of writes that this one had open."""
    db = sqlite3.connect(tmp_path / "rows.sqlite")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("CREATE TABLE t (n)")
    sync_all(tmp_path)
    another = (
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('SELECT * FROM t').fetchall()"
    )
    subprocess.run([sys.executable, "-c", another, str(tmp_path / "rows.sqlite")], check=True)
    with db:
        db.execute("INSERT INTO t VALUES (1)")
    again = sqlite3.connect(tmp_path / "rows.sqlite")
    assert again.execute("SELECT n FROM t").fetchall() == [(1,)]
    again.close()
    db.close()


def test_rows_on_the_list_are_on_disk(tmp_path: Path, disk: Disk):
    n_looks = 0

    def look() -> list[set[str]]:
        nonlocal n_looks
        owners: list[set[str]] = []
        for names_survive in (False, True):
            n_looks += 1
            image = disk.image(tmp_path / f"cut{n_looks}", names_survive=names_survive)
            left = held(opened(image / "rows")) if (image / "rows").is_dir() else {}
            assert {owner: row[0][0] for owner, row in left.items()}.items() <= {
                "a": 1,
                "b": 3,
            }.items()
            owners.append({*left})
        return owners

    rows = opened(tmp_path / "disk" / "rows")
    disk.before_sync = look
    rows.append([pairs("a", 1, 2)])
    assert look() == [{"a"}, {"a"}]
    rows.append([pairs("b", 3)])
    assert look() == [{"a", "b"}, {"a", "b"}]


def test_what_is_made_is_its_owners_alone(tmp_path: Path):
    config = config_for(tmp_path / "new" / "index")
    take_in(config, ALPHA)
    assert stat.S_IMODE(config.index.stat().st_mode) == 0o700
    own = tmp_path / "own"
    own.mkdir(mode=0o755)
    own.chmod(0o755)
    take_in(config_for(own), ALPHA)
    assert stat.S_IMODE(own.stat().st_mode) == 0o755
    open_to_others = {p.name for p in own.iterdir() if p.stat().st_mode & 0o077}
    assert open_to_others == set()


Change = Callable[[Config], Any]
CHANGES: list[Change] = [
    lambda config: take_in(config, ALPHA, name="alpha.jsonl"),
    lambda config: take_in(config, LATER, name="later.jsonl"),
    lambda config: take_out(config, ALPHA["title"]),
    rebuild,
]


@pytest.mark.slow
@pytest.mark.parametrize("names_survive", [False, True])
def test_a_power_cut_costs_no_paper(
    tmp_path: Path,
    disk: Disk,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names_survive: bool,
):
    # What is compared by size alone when it is opened has to be on disk all the more.
    monkeypatch.setattr("footnote.rag.index.snapshot._MAX_CHECKED_BYTES", -1)
    monkeypatch.setattr("footnote.rag.index.writer.probe", _ask_here)
    config = config_for(tmp_path / "disk" / "index")
    take_in(config, BRAVO)
    images: list[Path] = []

    def cut() -> Path:
        image = disk.image(tmp_path / f"cut{len(images)}", names_survive=names_survive)
        images.append(image)
        return image

    for change in CHANGES:
        disk.before_sync = cut
        change(config)
        disk.before_sync = lambda: None
        ended = config_for(cut() / "index")
        assert open_index(ended).snapshot().is_sealed
        assert open_index(ended).snapshot().faults(thorough=True) == []
        assert _disagreeing(ended) == []
        capsys.readouterr()
        assert "questions to models" in open_assistant(ended).ask("what does Bravo route?").answer
        assert capsys.readouterr().err == ""  # nothing had to be mended
    chosen = random.Random(os.environ.get("FOOTNOTE_TEST_SEED", "0")).sample(  # noqa: S311
        images, min(CUTS * len(CHANGES), len(images))
    )
    for image in chosen:
        left = config_for(image / "index")
        assert "questions to models" in open_assistant(left).ask("what does Bravo route?").answer
        assert _disagreeing(left) == []
        assert open_index(left).snapshot().is_sealed


def test_a_power_cut_in_the_first_command_leaves_nothing_or_what_goes_on(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.writer.probe", _ask_here)
    images: list[Path] = []

    def cut() -> None:
        images.append(disk.image(tmp_path / f"cut{len(images)}", names_survive=False))

    disk.before_sync = cut
    take_in(config_for(tmp_path / "disk" / "index"), BRAVO)
    disk.before_sync = lambda: None
    for image in random.Random(0).sample(images, min(CUTS, len(images))):  # noqa: S311
        config = config_for(image / "index")
        with suppress(IndexMissingError):
            open_assistant(config)
        take_in(config, BRAVO)
        assert _disagreeing(config) == []


def _disagreeing(config: Config) -> list[Fault]:
    index = open_index(config)
    return disagreements(index.catalogue, index.snapshot(), config.store.exact_up_to)


def _ask_here(
    folder: Path, *, exact_up_to: int, unfinished: bool = False, most: int | None = None
) -> list[Fault]:
    """`rag.index.check.probe` without a process: nothing here is large enough to have a graph that ends it."""
    from footnote.rag.index.check import _UNFINISHED

    index = open_index(config_for(folder))
    found = disagreements(index.catalogue, index.snapshot(), exact_up_to, most)
    return [f for f in found if f.kind not in _UNFINISHED] if unfinished else found
