"""Replies that are kept: whole ones, for the same prompt, by several processes, and not for ever."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.port import End, Message
from footnote.rag.llm.stored import FILE, Replies, Stored
from footnote.rag.llm.talk import Reply
from tests.made import Says

ASKED = [Message("user", "What is Alpha?")]
CUT = [
    End(complete=False),
    End(complete=False, is_full=True),
    GenerationError("failed"),
]


def told(model: Says, folder: Path, settings: str = "a", asked: list[Message] = ASKED) -> Reply:
    """A reply that was read to its end."""
    stored = Stored(model, Replies(folder), settings)
    reply = Reply(stored, asked, timeout_s=9, max_tokens=99)
    reply.text = "".join(reply)  # pyright: ignore[reportAttributeAccessIssue]
    return reply


def text(reply: Reply) -> str:
    return reply.text  # pyright: ignore[reportAttributeAccessIssue]


def test_the_same_prompt_is_asked_once_and_its_reply_comes_in_the_same_pieces(tmp_path: Path):
    first = told(Says("Alpha ", "keeps ", "blocks."), tmp_path)
    again = told(Says("Something else."), tmp_path)
    assert (first.cached, again.cached) == (False, True)
    assert text(again) == text(first) == "Alpha keeps blocks."
    assert (again.n_tokens, again.complete, again.tokens_per_s) == (3, True, None)


def test_another_prompt_model_or_setting_is_asked(tmp_path: Path):
    told(Says("One."), tmp_path)
    other = Says("Two.")
    assert text(told(other, tmp_path, settings="b")) == "Two."
    assert text(told(other, tmp_path, asked=[Message("system", "What is Alpha?")])) == "Two."
    other.max_tokens = 7
    assert text(told(other, tmp_path)) == "Two."
    other.max_tokens, other.name = 400, "large"
    assert text(told(other, tmp_path)) == "Two."


@pytest.mark.parametrize("ending", CUT, ids=["cut", "full", "failed"])
def test_what_is_not_whole_is_not_kept(tmp_path: Path, ending: End | Exception):
    stored = Stored(Says("Half", ending=ending), Replies(tmp_path), "a")
    with suppress(GenerationError):
        list(Reply(stored, ASKED, timeout_s=9, max_tokens=9))
    assert not told(Says("Whole."), tmp_path).cached


def test_what_was_written_in_a_form_is_kept_apart(tmp_path: Path):
    replies = Replies(tmp_path)
    for model, schema in ((Says("Plain."), None), (Says("{}"), {"a": 1}), (Says("[]"), {"a": 2})):
        stored = Stored(model, replies, "a")
        reply = Reply(
            stored.in_form(schema) if schema else stored, ASKED, timeout_s=9, max_tokens=9
        )
        assert "".join(reply) == model.pieces[0]
        assert not reply.cached
    again = Reply(Stored(Says(), replies, "a").in_form({"a": 1}), ASKED, timeout_s=9, max_tokens=9)
    assert ("".join(again), again.cached) == ("{}", True)


def test_what_was_stopped_is_not_kept(tmp_path: Path):
    class Stopped(Says):
        pieces = ()

        def begin(self, messages: object, put: object, *, deadline: float):
            put("Half")  # pyright: ignore[reportCallIssue]
            return lambda: None

    stored = Stored(Stopped(), Replies(tmp_path), "a")
    with closing(iter(Reply(stored, ASKED, timeout_s=9, max_tokens=9))) as pieces:
        assert next(pieces) == "Half"
    assert not told(Says("Whole."), tmp_path).cached


def test_nobody_else_may_read_them(tmp_path: Path):
    told(Says("One."), tmp_path / "new" / "folder")
    file = tmp_path / "new" / "folder" / FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_oldest_go_first_and_the_file_stays_small(tmp_path: Path):
    replies = Replies(tmp_path, most_bytes=10_000)
    for n in range(200):
        replies.keep(f"key {n}", [f"{n} " * 300])
    kept = [n for n in range(200) if replies.find(f"key {n}")]
    assert kept == list(range(200 - len(kept), 200))
    assert 5 < len(kept) < 12
    assert (tmp_path / FILE).stat().st_size < 60_000
    replies.keep("long", ["x" * 10_001])
    assert replies.find("long") is None


@pytest.mark.parametrize("damage", ["[1]", '["Alpha sends bombs."]', "{", ""])
def test_a_damaged_entry_is_as_none(tmp_path: Path, damage: str):
    told(Says("One."), tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as database, database:
        assert database.execute("UPDATE replies SET pieces = ?", [damage]).rowcount == 1
    assert text(told(Says("Two."), tmp_path)) == "Two."
    assert told(Says("Three."), tmp_path).cached


@pytest.mark.parametrize("content", [b"no database " * 999, b"SQLite format 3\0" + b"\xff" * 9999])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes):
    (tmp_path / FILE).write_bytes(content)
    assert not told(Says("One."), tmp_path).cached
    told(Says("One."), tmp_path)
    assert told(Says("Two."), tmp_path).cached


def test_a_folder_that_is_none_keeps_nothing_and_answers(tmp_path: Path):
    (tmp_path / "file").touch()
    for _ in range(2):
        reply = told(Says("One."), tmp_path / "file")
        assert (text(reply), reply.cached) == ("One.", False)


def test_one_that_another_process_holds_is_not_waited_for_long(tmp_path: Path):
    told(Says("One."), tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as database:
        database.execute("BEGIN EXCLUSIVE")
        assert text(told(Says("Two."), tmp_path)) == "Two."
    assert text(told(Says("Two."), tmp_path)) == "One."


WRITES = """\
import sys
from pathlib import Path
from footnote.rag.llm.stored import Replies
replies = Replies(Path(sys.argv[1]))
for n in range(30):
    replies.keep(f"{sys.argv[2]} {n}", [f"{sys.argv[2]} said {n}"])
"""


@pytest.mark.slow
def test_several_processes_write_at_once(tmp_path: Path):
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITES, str(tmp_path), str(who)])
        for who in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    replies = Replies(tmp_path)
    found = [replies.find(f"{who} {n}") for who in range(3) for n in range(30)]
    # One that could not be written in time is asked for again; none is another's.
    assert sum(each is not None for each in found) > 60
    for at, each in enumerate(found):
        assert each in (None, [f"{at // 30} said {at % 30}"])
