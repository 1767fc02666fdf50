"""Notes of Obsidian: what of a paper is text in them, what is linked, and which files they are."""

import datetime
import errno
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from footnote.export.obsidian import (
    NoteFile,
    Obsidian,
    answer_notes,
    block_name,
    note_name,
    paper_note,
    write_notes,
)
from footnote.export.styles import PlainText
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Answer, Citation, Sentence, Source
from tests.export.test_pages import ATTACK, read
from tests.export.test_references import NASTY, made
from tests.made import paper

SIGNS = st.text(NASTY + "#0123456789/&;w", min_size=1, max_size=60)
ALPHA = paper("Alpha: A Cache [[on]] #disk?", "Alpha keeps the cache on disk. It is 5% faster.")


def properties(note: NoteFile) -> dict[str, object]:
    _, head, _ = note.text.split("---\n", 2)
    return yaml.safe_load(head)


def answered(quoted: int = 0, **more: object) -> Answer:
    said = Citation.of(ALPHA, ALPHA.sentences[quoted], marker=1, score=0.5)
    return Answer(
        question="What does CON: cache?",
        answer=said.quote,
        refused=False,
        reason=None,
        sentences=(Sentence(text=said.quote, verdict="quoted", citations=(said,)),),
        sources=(Source.of(ALPHA, 1),),
        mode="quote",
    ).model_copy(update=more)


@given(SIGNS)
def test_what_is_escaped_is_read_as_the_same_text_and_nothing_else(said: str):
    line = PlainText().text(said).strip()
    written = Obsidian({}).text(line)
    found = read(MarkdownIt("commonmark").enable("table").render(written))
    assert set(found.tags) <= {"p"}
    assert found.said.strip() == line
    # Obsidian's own: tags, comments, highlights, formulas, links; and bare addresses.
    assert not re.search(r"(?<!\\)[#%=$\[\]:@]", re.sub("&(amp|lt|gt);", "", written))


@pytest.mark.parametrize("said", ["see https://evil.example/x", "www.evil.example", "a@b.example"])
def test_an_address_in_a_text_is_not_linked(said: str):
    found = MarkdownIt("commonmark").render(Obsidian({}).text(said))
    assert read(found).said.strip() == said
    assert not re.search(r"://|www\.|(?<!\\)@", Obsidian({}).text(said))


def test_a_papers_note_has_what_is_known_and_a_block_a_sentence():
    known = made(
        "Cache",
        authors=("Ada Lovelace",),
        date=datetime.date(2024, 5, 17),
        doi="10.1000/a",
        tags=("to read", "2024", "disk/caches", "C++"),
        collections=("Mine",),
    )
    note = paper_note(known)
    assert properties(note) == {
        "title": "Cache",
        "authors": ["Ada Lovelace"],
        "date": datetime.date(2024, 5, 17),
        "doi": "10.1000/a",
        "citekey": "lovelace2024cache",
        "collections": ["Mine"],
        "tags": ["to-read", "disk/caches", "C"],
        "aliases": ["Cache"],
        "paper_id": known.paper_id,
    }
    body = note.text.split("---\n", 2)[2]
    block = block_name("We keep the cache on disk.")
    assert body == f"\n# Cache\n\n## Abstract\n\nWe keep the cache on disk. ^{block}\n"


def test_a_year_alone_is_no_day_in_a_papers_note():
    assert properties(paper_note(made("Cache", date=PartialDate(2024))))["date"] == "2024"


def test_a_quote_of_an_answer_links_to_its_sentence_in_the_papers_note():
    answer, alpha = answer_notes(answered(1), {ALPHA.paper_id: ALPHA}.get)
    assert alpha == paper_note(ALPHA)
    [(name, block)] = re.findall(r"\[\[([^#|]+)#\^(\w+)\|Alpha A Cache on disk\]\]", answer.text)
    assert f"{name}.md" == alpha.name
    assert f"It is 5\\% faster. ^{block}\n" in alpha.text
    assert "[^1a]: “It is 5\\% faster.”" in answer.text
    assert properties(answer)["aliases"] == ["What does CON: cache?"]


def test_a_paper_that_is_gone_is_cited_without_a_link():
    [answer] = answer_notes(answered(), {}.get)
    assert "[[" not in answer.text
    assert "Alpha\\: A Cache" in answer.text


def test_no_text_of_a_paper_becomes_a_property_a_link_or_markup():
    evil = made("x]] [[Other|y\n---\nadmin: true", tags=("a]] [[b",), notice=ATTACK, withdrawn=True)
    note = paper_note(evil.model_copy(update={"abstract": evil.abstract}))
    assert "[[" not in note.text
    assert "admin" not in properties(note)
    body = note.text.split("\n---\n", 1)[1]
    assert {"img", "a", "strong", "hr"}.isdisjoint(read(MarkdownIt("commonmark").render(body)).tags)


@example("-:- Cache", "title:1")
@given(st.text(max_size=200) | SIGNS, st.sampled_from(["title:1", "title:2"]))
def test_a_name_is_one_that_every_system_takes(title: str, paper_id: str):
    name = note_name(made("T").model_copy(update={"title": title, "paper_id": paper_id}))
    assert len(f"{name}.md".encode()) <= 255
    assert not re.search(r'[\x00-\x1f<>:"/\\|?*#^\[\].]', name)
    assert name == name.strip(" .")
    assert not name.startswith("-")
    assert name.split(".")[0].upper() not in {"CON", "PRN", "AUX", "NUL", "COM1", "LPT1"}


@pytest.mark.parametrize("letter", ["a", "é", "紙", "𝔘", "𐀀"])
def test_a_long_name_fits_whatever_its_letters_take(letter: str):
    name = note_name(made("T").model_copy(update={"title": letter * 300}))
    assert name.startswith(letter * 40)
    assert len(f".{name}.md.new".encode()) <= 255


def test_papers_of_the_same_title_have_names_of_their_own():
    names = {note_name(made("Cache", paper_id=f"title:{n}")).casefold() for n in range(1_000)}
    assert len(names) == 1_000


def test_notes_are_written_once_and_what_a_person_changed_is_left(tmp_path: Path):
    folder = tmp_path / "vault" / "papers"
    notes = list(answer_notes(answered(), {ALPHA.paper_id: ALPHA}.get))
    assert write_notes(notes, folder) == (2, ())
    assert write_notes(notes, folder) == (0, ())
    (folder / notes[1].name).write_text("mine")
    assert write_notes(notes, folder) == (0, (notes[1].name,))
    assert (folder / notes[1].name).read_text() == "mine"


def test_a_note_that_could_not_be_written_whole_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    notes = list(answer_notes(answered(), {ALPHA.paper_id: ALPHA}.get))

    write = Path.write_text

    def half(file: Path, text: str, **how: Any) -> int:
        write(file, text[: len(text) // 2], **how)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(QuestionError, match="No space left"):
        write_notes(notes, tmp_path)
    assert list(tmp_path.glob("*.md")) == []
    monkeypatch.undo()
    assert write_notes(notes, tmp_path) == (2, ())
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(n.name for n in notes)


def test_a_folder_that_is_a_file_is_an_error_of_one_line(tmp_path: Path):
    (tmp_path / "vault").write_text("")
    with pytest.raises(QuestionError, match="vault: File exists; name another folder"):
        write_notes([paper_note(ALPHA)], tmp_path / "vault")
