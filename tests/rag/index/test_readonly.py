"""An index can be asked where nothing can be written: all that is opened, as a person would."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import IndexAccessError, IndexDamagedError
from footnote.rag.index.readonly import connect, stand_in
from footnote.rag.index.writer import IndexWriter
from tests.conftest import ROOT

HASHING = {"name": "tests.hashing:HashEmbedding"}
ALPHA = {"title": "Alpha: A Cache on Disk", "abstract": "Alpha keeps blocks on disk. It is fast."}
BRAVO = {"title": "Bravo: Routing", "abstract": "Bravo routes questions to models. It is cheap."}
QUESTION = "where does Alpha keep blocks on disk?"


def config_for(folder: Path, **settings: object) -> Config:
    defaults = {"embedder": HASHING, "answering": {"min_confidence": 0}}
    return load_config(index=folder, **(defaults | settings))


def take_in(config: Config, *records: dict[str, str]) -> None:
    file = config.index.parent / "papers.jsonl"
    file.write_text("\n".join(map(json.dumps, records)))
    ingest([file], open_index(config, create=True), lambda *_: None)


def footnote(
    *arguments: object, index: Path, before: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """The command line, in a process that first runs some code."""
    code = f"{before}\nimport footnote.ui.cli; footnote.ui.cli.main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments), "--index", str(index)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "FOOTNOTE_EMBEDDER__NAME": HASHING["name"],
            "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0",
        }
        | settings,
    )


@contextmanager
def mounted(*options: str, on: Path) -> Iterator[None]:
    """Something mounted on a folder; skips where this user may not mount."""
    done = subprocess.run(["mount", *options, str(on)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(on)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A disk mounted to be read, or, for one who may not mount, folders that may only be read."""
    if os.geteuid() == 0:
        with mounted("--bind", "-o", "ro", str(folder), on=folder):
            yield
        return
    folders = [folder, *(f for f in folder.rglob("*") if f.is_dir())]
    for each in folders:
        each.chmod(0o555)
    try:
        yield
    finally:
        for each in folders:
            each.chmod(0o755)


def fill(disk: Path) -> None:
    """Write until there is no room for another page."""
    with (disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"\0" * 4096):
            pass
    assert shutil.disk_usage(disk).free < 4096


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index folder of two papers, as a process leaves it that has ended; copy it."""
    folder = tmp_path_factory.mktemp("made")
    file = folder / "papers.jsonl"
    file.write_text("\n".join(map(json.dumps, (ALPHA, BRAVO))))
    done = footnote("ingest", file, index=folder / "index")
    assert done.returncode == 0, done.stderr
    return folder / "index"


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "index"))


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    stats = {str(f.relative_to(folder)): f.stat() for f in folder.rglob("*")}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in stats.items()}


def check_asked(config: Config) -> None:
    """Ask in every way, and have every part checked."""
    assistant = open_assistant(config)
    answer = assistant.ask(QUESTION)
    assert "blocks on disk" in answer.answer
    assert {hit.paper.title for hit in assistant.search("blocks")} >= {ALPHA["title"]}
    index = open_index(config)
    assert [paper.title for paper in index.catalogue.papers()] == [ALPHA["title"], BRAVO["title"]]
    assert index.problems() == []


@pytest.mark.slow
@pytest.mark.parametrize("exact_up_to", [250_000, 0], ids=["sentences", "graph"])
def test_a_read_only_disk_is_asked(folder: Path, exact_up_to: int):
    before = contents(folder)
    with read_only(folder):
        check_asked(config_for(folder, store={"exact_up_to": exact_up_to}))
    assert contents(folder) == before


@pytest.mark.slow
def test_few_questions_need_chroma(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.rag.index.chroma.open_chroma", None)
    with read_only(folder):
        assert "blocks on disk" in open_assistant(config_for(folder)).ask(QUESTION).answer


@pytest.mark.slow
def test_a_full_disk_is_asked(folder: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted("-t", "tmpfs", "-o", "size=4m", "none", on=disk):
        config = config_for(Path(shutil.copytree(folder, disk / "index")))
        fill(disk)
        check_asked(config)


@pytest.mark.slow
def test_a_folder_of_another_user_is_asked(folder: Path):
    """Who may read all files and write none; one who is root becomes nobody."""
    if os.geteuid():
        pytest.skip("only root can become another user")
    # Those above pytest's own folders may not be entered by nobody.
    theirs = Path(shutil.copytree(folder, f"/tmp/footnote-theirs-{os.getpid()}"))  # noqa: S108
    for path in (theirs, *theirs.rglob("*")):  # its owner lets others read what is made private
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    # Python's own folder may be root's alone: all is loaded before, by a question to another index.
    become = (
        "import os; import footnote.ui.cli, footnote.ui.render, footnote.rag.build;"
        "from tests.rag.index.test_readonly import config_for, Path;"
        f"footnote.rag.build.open_assistant(config_for(Path({str(folder)!r}))).ask({QUESTION!r});"
        "os.chdir('/'); os.setgroups([]);"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)"
    )
    try:
        done = footnote("ask", QUESTION, index=theirs, before=become)
    finally:
        shutil.rmtree(theirs)
    assert done.returncode == 0, done.stderr
    assert "[1] Alpha" in done.stdout
    assert "footnote:" not in done.stderr


@pytest.mark.slow
def test_what_has_to_write_says_that_it_cannot(folder: Path):
    with read_only(folder):
        for write in (
            lambda: take_in(config_for(folder), ALPHA),
            lambda: IndexWriter(open_index(config_for(folder))).holding().__enter__(),
        ):
            with pytest.raises(
                IndexAccessError, match=rf"^index folder {folder} cannot be written: .*; name"
            ):
                write()


@pytest.mark.slow
def test_papers_that_no_command_can_finish_are_left_out_and_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    config = config_for(folder)

    def stop(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("footnote.rag.index.catalogue.Catalogue.mark_indexed", stop)
        with pytest.raises(KeyboardInterrupt):
            take_in(config, {"title": "Charlie", "abstract": "Charlie counts. It is new."})
    with read_only(folder):
        assert "blocks on disk" in open_assistant(config).ask(QUESTION).answer
        said = capsys.readouterr().err
        [problem] = open_index(config).problems()
    assert said == (
        f"footnote: index folder {folder} cannot be written: 1 of 3 papers are not indexed and "
        "cannot be answered from\n"
    )
    assert problem.startswith("1 of 3 papers are not indexed; make the folder writable")


@pytest.mark.slow
def test_a_part_that_is_damaged_is_an_error_where_it_cannot_be_mended(folder: Path):
    [words] = folder.glob("snapshots/*/bm25")
    shutil.rmtree(words)
    with (
        read_only(folder),
        pytest.raises(IndexDamagedError, match=r"word index .* is not there; make"),
    ):
        open_assistant(config_for(folder))


@pytest.mark.slow
def test_nothing_is_written_through_a_stand_in(folder: Path):
    with read_only(folder):
        snapshot = open_index(config_for(folder)).snapshot()
        for write in (
            lambda: snapshot.bm25.remove(["x"]),
            lambda: snapshot.vectors.remove(["x"]),
        ):
            with pytest.raises(IndexAccessError, match="cannot be written"):
                write()


def killed_writer(file: Path, *, keep_shared_memory: bool) -> None:
    """Leave a row in the log of a SQLite file, as a writer that was killed does."""
    code = (
        "import os, signal, sqlite3, sys; db = sqlite3.connect(sys.argv[1]);"
        "db.execute('PRAGMA journal_mode = WAL'); db.execute('CREATE TABLE t (x)'); db.commit();"
        "db.execute('PRAGMA wal_checkpoint(TRUNCATE)');"
        "db.execute('INSERT INTO t VALUES (1)'); db.commit();"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    if not keep_shared_memory:
        Path(f"{file}-shm").unlink()


@pytest.mark.parametrize("keep_shared_memory", [True, False])
def test_what_a_killed_writer_left_in_the_log_is_read(tmp_path: Path, keep_shared_memory: bool):
    file = tmp_path / "disk" / "any.sqlite"
    file.parent.mkdir()
    killed_writer(file, keep_shared_memory=keep_shared_memory)
    with read_only(file.parent), closing(connect(file).db) as db:
        assert db.execute("SELECT x FROM t").fetchall() == [(1,)]


def test_a_file_that_another_holds_is_waited_for_and_not_read_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.rag.index.readonly._TIMEOUT_S", 0.1)
    file = tmp_path / "any.sqlite"
    with closing(sqlite3.connect(file)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("CREATE TABLE t (x)")
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connect(file)


@pytest.mark.slow
def test_a_catalogue_read_as_it_was_notices_a_writer_elsewhere(folder: Path, tmp_path: Path):
    """A folder that is read here through a read-only mount, and written by its owner."""
    if os.geteuid():
        pytest.skip("only root can mount")
    seen = tmp_path / "seen"
    seen.mkdir()
    with mounted("--bind", "-o", "ro", str(folder), on=seen):
        assistant = open_assistant(config_for(seen))
        assert len(assistant.search("Alpha")) == 2
        writer = config_for(folder)
        index = open_index(writer)
        with IndexWriter(index).writing():
            IndexWriter(index).remove(list(index.named([ALPHA["title"]])))
        del index
        assert [hit.paper.title for hit in assistant.search("Alpha")] == [BRAVO["title"]]
        take_in(writer, ALPHA)
        assert len(assistant.search("Alpha")) == 2


def test_a_stand_in_has_every_file_but_locks(tmp_path: Path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    for name in ("big.bin", "small.json", "x.lock", "gate", "deep/file"):
        (folder / name).write_text(name)
    made = stand_in(folder, copied="*.json")
    assert sorted(f.name for f in made.iterdir()) == ["big.bin", "deep", "small.json"]
    assert (made / "deep" / "file").read_text() == "deep/file"
    assert [f.name for f in made.iterdir() if not f.is_symlink()] == ["small.json"]
    shutil.rmtree(made)
    assert (folder / "big.bin").read_text() == "big.bin"


@pytest.mark.slow
def test_stand_ins_are_gone_when_the_process_ends(folder: Path, tmp_path: Path):
    own = tmp_path / "temporary"
    own.mkdir()
    with read_only(folder):
        done = footnote("doctor", index=folder, TMPDIR=str(own))
    assert done.returncode == 0, done.stdout
    assert list(own.iterdir()) == []


def test_a_file_that_another_is_making_is_waited_for(tmp_path: Path):
    file = tmp_path / "catalogue.sqlite"
    other = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
    other.execute("CREATE TABLE papers (id)")
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO papers VALUES (1)")
    ending = threading.Timer(0.3, other.execute, ["COMMIT"])
    ending.start()
    try:
        db = connect(file, create=True).db
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        db.close()
    finally:
        ending.join()
        other.close()
