"""Papers and answers as notes of Obsidian: a note a paper, a note an answer, linked by sentence.

The abstract of a paper is a block a sentence, and the name of a block follows from its sentence: a
later answer links to it in a note that is there already.
"""

import datetime
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from footnote.export.forms import FindPaper, references
from footnote.export.pages import Note, page
from footnote.export.references import Reference, Referrer
from footnote.export.styles import Markdown, cited
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Answer, Paper, fingerprint

_MAX_NAME_CHARS = 70
# With the digits behind it, `.md`, and what a draft is called, a name then stays below 255 bytes.
_MAX_NAME_BYTES = 230
_ID_CHARS = 8
# What a tag of Obsidian's may not hold.
_NOT_IN_TAG = re.compile(r"[^\w/-]+")


class NoteFile(NamedTuple):
    """A note, and the file it goes into."""

    name: str
    """Without a folder, with its ending."""
    text: str


class Written(NamedTuple):
    """What became of notes."""

    written: int
    kept: tuple[str, ...]
    """Names of files that were there, with another text, and were left as they are."""


class Obsidian(Markdown):
    """Markdown that Obsidian neither links nor tags; each footnote links to its sentence."""

    # Further signs of Obsidian's, and of addresses, which it links by themselves.
    _SIGNS = re.compile(r"[\\`*_\[\]|~$^@#%=:/]|(?<=www)\.", re.IGNORECASE)

    def __init__(self, names: Mapping[int, str]):
        """Link to the notes of these papers, by the number of their markers, without `.md`."""
        self._names = names

    def _footnotes(self, note: Note) -> Iterator[str]:
        if note.in_table or not note.quotes:
            yield f"[^{note.marker}]: {self._link(note)}"
        for quoted in note.quotes:
            link = self._link(note, block_name(quoted.text))
            yield f"[^{quoted.label}]: “{self.text(quoted.text)}” {link}"

    def _link(self, note: Note, block: str = "") -> str:
        name = self._names.get(note.marker)
        if name is None:  # its paper is not here any more
            return self.text(cited(note.reference))
        at = f"#^{block}" if block else ""
        return f"[[{name}{at}|{_words(note.reference.title) or name}]]"


def paper_note(paper: Paper) -> NoteFile:
    """Write a paper: what is known of it as properties, its abstract a block a sentence."""
    style = Obsidian({})
    reference = Referrer().of(paper)
    parts = [style.heading(style.text(reference.title), 1)]
    if reference.notice:
        parts.append(style.paragraph(style.text(f"Withdrawn: {reference.notice}")))
    parts.append(style.heading("Abstract", 2))
    taken: set[str] = set()
    for quote in map(paper.quote, paper.sentences):
        name = block_name(quote)
        parts.append(style.text(quote) + (f" ^{name}" if name not in taken else ""))
        taken.add(name)
    return NoteFile(
        f"{note_name(paper)}.md", _properties(_known(paper, reference)) + style.page("", parts)
    )


def answer_notes(answer: Answer, find_paper: FindPaper) -> Iterator[NoteFile]:
    """Write the note of an answer, and those of the papers that it cites.

    Args:
        answer: What is written.
        find_paper: Gives the cited papers; one that is not found is cited by its title alone.
    """
    papers = {s.marker: paper for s in answer.sources if (paper := find_paper(s.paper_id))}
    names = {marker: note_name(paper) for marker, paper in papers.items()}
    known: dict[str, object] = {"question": answer.question, "aliases": [answer.question]}
    if answer.receipt:
        known["asked"] = answer.receipt.asked_at.replace(microsecond=0, tzinfo=None)
    cited_papers = {paper.paper_id: paper for paper in papers.values()}
    text = page(answer, references(answer, cited_papers), Obsidian(names))
    name = _name(answer.question, fingerprint(answer.question, answer.answer))
    yield NoteFile(f"{name}.md", _properties(known) + text)
    yield from map(paper_note, papers.values())


def write_notes(notes: Iterable[NoteFile], folder: Path) -> Written:
    """Write notes into a folder, which is made; what a person may have changed there is left.

    Raises:
        QuestionError: The folder cannot be written.
    """
    written, kept = 0, list[str]()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for note in notes:
            file = folder / note.name
            if not file.exists():
                # Whole or not at all: half a note would be left as if a person had changed it.
                draft = folder / f".{note.name}.new"
                draft.write_text(note.text, encoding="utf-8", newline="\n")
                draft.replace(file)
                written += 1
            elif file.read_bytes() != note.text.encode():
                kept.append(note.name)
    except OSError as error:
        raise QuestionError(
            f"notes cannot be written into {folder}: {error.strerror}", "name another folder"
        ) from error
    return Written(written, tuple(kept))


def note_name(paper: Paper) -> str:
    """Return the name of a paper's note: the same wherever it is written, and of no other paper."""
    return _name(paper.title, fingerprint(paper.paper_id))


def block_name(quote: str) -> str:
    """Return the name of the block that holds a sentence."""
    return f"q{fingerprint(quote)[:_ID_CHARS]}"


def _name(text: str, number: str) -> str:
    """Make a name that every system takes, and that links may hold."""
    words = _words(unicodedata.normalize("NFC", text))[:_MAX_NAME_CHARS]
    words = words.encode()[:_MAX_NAME_BYTES].decode(errors="ignore").strip()
    return f"{words} {number[:_ID_CHARS]}".strip()


def _words(text: str) -> str:
    """Return the words of a text, with neither punctuation nor signs."""
    kept = (c if unicodedata.category(c)[0] in "LMN" or c == "-" else " " for c in text)
    return " ".join("".join(kept).split()).lstrip("- ")


def _known(paper: Paper, reference: Reference) -> dict[str, object]:
    """Return the properties of a paper that are known; the names are those that plugins read."""
    properties: dict[str, object] = {
        "title": reference.title,
        "authors": list(paper.authors),
        "date": None if paper.date_inferred else _day(paper.date),
        "doi": paper.doi,
        "arxiv": reference.arxiv,
        "url": reference.url,
        "citekey": reference.key,
        "collections": list(paper.collections),
        "tags": _tags(paper.tags),
        "aliases": [reference.title],
        "paper_id": paper.paper_id,
    }
    return {name: value for name, value in properties.items() if value}


def _day(date: datetime.date | PartialDate | None) -> datetime.date | str | None:
    return str(date) if isinstance(date, PartialDate) else date


def _tags(tags: Sequence[str]) -> list[str]:
    """Return tags as Obsidian takes them: of one piece, and not of digits alone."""
    written = (_NOT_IN_TAG.sub("-", tag).strip("-/") for tag in tags)
    return list(dict.fromkeys(tag for tag in written if any(c.isalpha() for c in tag)))


def _properties(known: Mapping[str, object]) -> str:
    safe = {name: _unlinked(value) for name, value in known.items()}
    said = yaml.safe_dump(safe, allow_unicode=True, sort_keys=False, width=10_000)
    return f"---\n{said}---\n\n"


def _unlinked(value: object) -> object:
    """Take links apart: Obsidian follows them in properties, too."""
    if isinstance(value, list):
        return [_unlinked(each) for each in value]
    return value.replace("[[", "[ [") if isinstance(value, str) else value
