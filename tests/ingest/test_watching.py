"""Folders that are watched: what changes is taken in, once, and nothing else."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from footnote.ingest.sources import NamedFile
from footnote.ingest.watching import What, changes
from footnote.rag.core.errors import SourceError
from tests.conftest import footnote_command, started
from tests.ui.serving import EMBEDDER

GOOD = '{"title": "Alpha: A Cache", "abstract": "Alpha keeps the cache on disk. It is fast."}'
NEW = '{"title": "Delta: A Table", "abstract": "Delta keeps keys in memory. It is small."}'
FAR_S = 3_600.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.jsonl").write_text(GOOD)
    return folder


def begun(*paths: object, every_s: float = FAR_S) -> Iterator[list[What]]:
    found = changes(list(map(str, paths)), every_s=every_s, look_s=FAR_S)
    assert [str(each) for each in next(found)] == list(map(str, paths))
    return found


def test_what_changed_while_papers_were_taken_in_is_found_at_once(folder: Path):
    found = begun(folder)
    (folder / "inner" / "b.jsonl").write_text(NEW)
    (folder / ".hidden").write_text(NEW)
    os.utime(folder / "a.jsonl", ns=(0, 0))
    (folder / "c.jsonl").write_text(NEW)
    (folder / "c.jsonl").unlink()
    wanted = [("a.jsonl", "a.jsonl"), ("inner/b.jsonl", "inner/b.jsonl")]
    assert next(found) == [NamedFile(folder / at, name) for at, name in wanted]


def test_a_file_that_is_replaced_has_changed(folder: Path):
    found = begun(folder / "a.jsonl")
    (folder / "other").write_text(NEW)
    (folder / "draft").write_text(NEW)
    (folder / "draft").replace(folder / "a.jsonl")
    assert next(found) == [NamedFile(folder / "a.jsonl", "a.jsonl")]


def test_services_are_asked_again_after_a_while_and_files_are_not(folder: Path):
    found = begun(folder, "arxiv:2309.06180", every_s=0.2)
    assert next(found) == ["arxiv:2309.06180"]
    assert next(found) == ["arxiv:2309.06180"]


def test_the_standard_input_is_not_watched():
    with pytest.raises(SourceError, match="name a file or a folder"):
        next(changes(["-"], every_s=1))


@pytest.mark.slow
def test_it_takes_in_tells_of_it_and_ends_when_it_is_told_to(folder: Path, tmp_path: Path):
    index = tmp_path / "index"
    command = footnote_command("ingest", "--watch", folder, "--index", index)
    named = {"FOOTNOTE_EMBEDDER__NAME": EMBEDDER, "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0"}
    with started(command, **named) as process:
        assert process.stdout
        assert process.stderr
        assert "1 added" in process.stdout.readline()
        watched = footnote_command("watch", "add", "What does Delta keep?", "--index", index)
        with started(watched, **named) as adding:
            assert adding.wait(120) == 0
        (folder / "bad.jsonl").write_text("[1")
        assert "no paper could be read: bad.jsonl" in process.stderr.readline()
        (folder / "b.jsonl").write_text(NEW)
        assert "1 record, 1 paper: 1 added" in process.stdout.readline()
        assert process.stdout.readline() == "What does Delta keep?:\n"
        assert process.stdout.readline() == "\n"
        assert process.stdout.readline().startswith("- New: “Delta keeps keys in memory.” Delta")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert process.stderr.read().rstrip().endswith("ended; what was taken in is kept")
