"""A fault costs at most its own record, in every format, and each record is accounted for."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import read_source

# The real one would make each file megabytes long.
MAX_LINE_BYTES = 8_000
PROSE = "It keeps the cache of the model on disk and reads what the next token asks for. " * 4


class Fields(NamedTuple):
    title: str | None
    abstract: str


class Form(NamedTuple):
    before: str
    record: Callable[[Fields], str]
    between: str
    after: str
    unbalanced: tuple[str, str] | None = None
    """What stands in each record, and what it is replaced by to unbalance it."""


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _plain(fields: Fields) -> str:
    return json.dumps(_given(title=fields.title, abstract=fields.abstract), ensure_ascii=False)


def _on_one_line(fields: Fields) -> str:
    # In an array of one line the next element is known by its first key.
    return json.dumps({"title": fields.title or "", "abstract": fields.abstract})


def _beir(fields: Fields) -> str:
    return json.dumps(
        {"_id": "x", "title": fields.title or "", "text": fields.abstract}, ensure_ascii=False
    )


def _snapshot(fields: Fields) -> str:
    known = {"authors_parsed": [["Lovelace", "Ada", ""]], "versions": [{"version": "v1"}]}
    return json.dumps(
        {"id": "2309.06180", **_given(title=fields.title), "abstract": fields.abstract, **known},
        ensure_ascii=False,
    )


def _csl(fields: Fields) -> str:
    authors = [{"family": "Lovelace", "given": "Ada"}, {"literal": "The {Engine] Team"}]
    item = _given(id="x", title=fields.title, abstract=fields.abstract, author=authors)
    return json.dumps(item, ensure_ascii=False, indent=2).replace("\n", "\n  ")


def _daily(fields: Fields) -> str:
    paper = _given(id="2309.06180", title=fields.title, summary=fields.abstract)
    return json.dumps({"paper": paper | {"authors": [{"name": "A"}, {"name": "B"}]}})


def _bibtex(line_break: str) -> Callable[[Fields], str]:
    def write(fields: Fields) -> str:
        title = f"title = {{{fields.title}}}," if fields.title else ""
        lines = ["@article{key,", title, f"abstract = {{{fields.abstract}}},", "year = 2024}"]
        return line_break.join(lines)

    return write


def _ris(fields: Fields) -> str:
    title = f"TI  - {fields.title}\n" if fields.title else ""
    return f"TY  - JOUR\n{title}AU  - Lovelace, Ada\nAB  - {fields.abstract}\nER  - "


def _atom(prefix: str = "", line_break: str = "\n") -> Callable[[Fields], str]:
    def write(fields: Fields) -> str:
        title = f"<{prefix}title>{fields.title}</{prefix}title>" if fields.title else ""
        summary = f"<{prefix}summary>{fields.abstract}</{prefix}summary>"
        return line_break.join([f"<{prefix}entry>", title, summary, f"</{prefix}entry>"])

    return write


def _row(quote: str, delimiter: str) -> Callable[[Fields], str]:
    return lambda fields: delimiter.join(
        f"{quote}{text}{quote}" for text in (fields.title or "", fields.abstract)
    )


def _page(fields: Fields) -> str:
    return f"{fields.title}\n\n{fields.abstract}" if fields.title else fields.abstract


FEED = '<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>Papers</title>\n'
PREFIXED = '<a:feed xmlns:a="http://www.w3.org/2005/Atom">\n'
NO_QUOTE = ('": "Paper', '": Paper')
FORMS = {
    "page": Form("Daily Papers\n\n", _page, "\n\n", "\n"),
    "jsonl": Form("", _plain, "\n", "\n", NO_QUOTE),
    "beir": Form("", _beir, "\n", "\n", NO_QUOTE),
    "snapshot": Form("", _snapshot, "\n", "\n", NO_QUOTE),
    "array": Form("[\n", _plain, ",\n", "\n]\n", NO_QUOTE),
    "array-on-one-line": Form("[", _on_one_line, ", ", "]", NO_QUOTE),
    "daily-on-one-line": Form("[", _daily, ",", "]", NO_QUOTE),
    "csl": Form("[\n  ", _csl, ",\n  ", "\n]\n", NO_QUOTE),
    "bibtex": Form("% exported\n", _bibtex("\n  "), "\n\n", "\n", ("},", ",")),
    "bibtex-a-line-each": Form("", _bibtex(" "), "\n", "\n", ("},", ",")),
    "bibtex-on-one-line": Form("", _bibtex(" "), " ", "\n"),
    "ris": Form("", _ris, "\n\n", "\n", ("ER  - ", "")),
    "atom": Form(FEED, _atom(), "\n", "\n</feed>", ("</title>", "")),
    "atom-on-one-line": Form(FEED.replace("\n", ""), _atom(line_break=""), "", "</feed>", ("</title>", "")),
    "atom-prefixed": Form(PREFIXED, _atom("a:"), "\n", "\n</a:feed>", ("</a:title>", "")),
    "csv": Form("title,abstract\n", _row("", ","), "\n", "\n", ("Paper", '"Paper')),
    "csv-quoted": Form("title,abstract\n", _row('"', ","), "\n", "\n", ('","', ",")),
    "tsv": Form("title\tabstract\n", _row("", "\t"), "\n", "\n", ("Paper", '"Paper')),
}  # fmt: skip
# These take the abstract's beginning, or do without: the record arrives.
HARMLESS = {("beir", "untitled"), ("ris", "unbalanced")}
DAMAGES = ("none", "bad-byte", "too-long", "untitled", "unbalanced")

letters = st.text("abcxyzÄé中😀 ", min_size=1, max_size=30)


def damaged(form: Form, number: int, words: str, damage: str) -> bytes:
    """One record as it stands in the file."""
    title = None if damage == "untitled" else f"Paper {number} {words.strip()}".strip()
    abstract = f"Abstract {number}: {PROSE}{words.strip()}."
    if damage == "too-long":
        abstract += " and so on" * MAX_LINE_BYTES
    text = form.record(Fields(title, abstract))
    if damage == "unbalanced" and form.unbalanced:
        text = text.replace(*form.unbalanced, 1)
    return text.encode().replace(
        b"next token", b"next t\xf6ken" if damage == "bad-byte" else b"next token"
    )


def read(content: bytes) -> list[SourceRecord | Refusal]:
    with tempfile.NamedTemporaryFile() as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr("footnote.ingest.lines.MAX_LINE_BYTES", MAX_LINE_BYTES)
        patch.setattr("footnote.ingest.lines._PIECE_BYTES", MAX_LINE_BYTES // 2)
        patch.setattr("footnote.ingest.sources.table.MAX_LINE_BYTES", MAX_LINE_BYTES)
        Path(file.name).write_bytes(content)
        return list(read_source(Path(file.name), "file"))


@pytest.mark.parametrize("name", FORMS)
@settings(max_examples=40, deadline=None)
@given(
    wanted=st.lists(st.tuples(letters, st.sampled_from(DAMAGES)), min_size=1, max_size=7),
    is_cut=st.booleans(),
    n_blank=st.integers(0, 3),
    is_windows=st.booleans(),
)
def test_a_fault_costs_its_own_record_and_no_other(
    name: str, wanted: list[tuple[str, str]], is_cut: bool, n_blank: int, is_windows: bool
):
    form = FORMS[name]
    # The format of a file is known by what is whole in it.
    plan = [("whole", "none"), *wanted]
    pieces = [damaged(form, n, words, damage) for n, (words, damage) in enumerate(plan)]
    may_arrive = {n for n, (_, damage) in enumerate(plan) if (name, damage) in HARMLESS}
    if not form.unbalanced:
        may_arrive |= {n for n, (_, damage) in enumerate(plan) if damage == "unbalanced"}
    must_arrive = {n for n, (_, damage) in enumerate(plan) if damage == "none"}
    between = form.between.encode() + b"\n" * (n_blank if "\n" in form.between else 0)
    content, lines = form.before.encode(), list[int]()
    for n, piece in enumerate(pieces):
        content += between * (n > 0)
        lines.append(content.count(b"\n") + 1)
        content += piece
    if is_cut:
        content = content[: -len(pieces[-1]) + pieces[-1].index(b"cache of the model")]
        must_arrive.discard(len(plan) - 1)
        may_arrive.add(len(plan) - 1)
    else:
        content += form.after.encode()
    items = read(b"\r\n".join(content.split(b"\n")) if is_windows else content)

    assert len(items) == len(plan), [i for i in items if isinstance(i, Refusal)]
    for n, item in enumerate(items):
        if isinstance(item, SourceRecord):
            assert n in must_arrive | may_arrive, item
            assert item.abstract.startswith(f"Abstract {n}:")
        else:
            assert n not in must_arrive, item
            assert item.record
            named = (f"line {lines[n]}", f"Paper {n}", f"Abstract {n}")
            assert any(name in item.record for name in named)


def test_a_latin_1_letter_is_charged_to_the_entry_that_has_it():
    """It was charged to the entry before, so that 7 of 12 papers arrived, and 3 were refused."""
    titles = ["Müller" if n in (3, 6, 9) else "Miller" for n in range(12)]
    entries = [
        f"@article{{k{n}, title={{{title} {n}}}, abstract={{{PROSE}}}}}"
        for n, title in enumerate(titles)
    ]
    items = read("\n".join(entries).encode("latin-1"))
    refused = [i for i in items if isinstance(i, Refusal)]
    assert [r.record for r in refused] == ["line 4", "line 7", "line 10"]
    assert len(items) == 12
    assert all("not UTF-8: byte 0xfc" in r.reason for r in refused)
