"""Evaluation sets: question files against the current index, and BEIR folders with their own."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from pydantic import ConfigDict, Field, ValidationError

from footnote.ingest.clean import clean_text
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.base import Record
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.core.request import Act
from footnote.rag.core.text import identity_key

# More faults than a person repairs in one go are only counted.
_FAULTS_SHOWN = 50
# Of a name so near to a field's it is one misspelt: `relevance` is, and `at`, a time, is not `act`.
_LEAST_LIKENESS = 0.82


class JudgedQuestion(Record):
    """One question with its judgements; one that has none of them has no answer here.

    Keys that are not known here are kept, and mean nothing; but in a file, what looks like a field
    misspelt is a fault.
    """

    model_config = ConfigDict(extra="allow")

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    kind: str = "all"
    relevant: dict[str, int] = Field(default={})
    """Grade by paper id (in a file: by title or id); a grade of 0 is not relevant."""
    must_include: tuple[str, ...] = ()
    answers: dict[str, dict[int, int]] = Field(default={})
    """By paper id (in a file: by title or id): grades by number of the sentence, from 0: 2 for one
    that answers by itself, 1 for one that belongs to a full answer."""
    history: tuple[str, ...] = ()
    act: Act | None = None
    """What it does in its conversation."""
    sides: tuple[str, ...] = ()
    """Papers that it compares, by id (in a file: by title or id)."""
    lists: tuple[str, ...] = ()
    """All papers that a full answer lists, by id (in a file: by title or id)."""
    count: int | None = Field(default=None, ge=0)
    """How many papers it asks for."""

    @property
    def is_answerable(self) -> bool:
        """True if the papers answer it."""
        return bool(self.relevant or self.lists or self.count is not None)


class Dataset(NamedTuple):
    """Questions whose judgements name papers of one catalogue."""

    name: str
    questions: tuple[JudgedQuestion, ...]
    left_out: tuple[str, ...] = ()
    """Documents of a BEIR folder that are no papers, a line each with the reason."""


def load_questions(
    file: Path, papers: Iterable[Paper], aliases: Mapping[str, str] | None = None
) -> Dataset:
    """Read a question file and resolve the titles that its judgements name.

    Args:
        file: Of JSON objects, one a line.
        papers: All papers of the index.
        aliases: Paper ids by the further ids under which they are found.

    Raises:
        DatasetError: The file is absent or empty, or any of its lines has a fault: not JSON, a
            wrong, missing or misspelt field, key facts without a right paper, an id that occurred
            before, a title that no paper was ever seen under. All faults are listed.
    """
    ids = ids_by_name(papers, aliases or {})
    questions: list[JudgedQuestion] = []
    faults: list[str] = []
    seen: set[str] = set()
    for number, line in lines_of(file):
        try:
            written = JudgedQuestion.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            faults.append(f"line {number}: {reason_of(error)}")
            continue
        if written.id in seen:
            faults.append(f"line {number}: id {written.id!r} occurred before")
        seen.add(written.id)
        faults += [f"line {number}: {fault}" for fault in _misread(written)]
        faults += [
            f"line {number}: {no_paper(name)}"
            for name in [*written.relevant, *written.answers, *written.sides, *written.lists]
            if name_key(name) not in ids
        ]
        relevant = {ids.get(name_key(n), n): grade for n, grade in written.relevant.items()}
        faults += [f"line {number}: grade {g} is below 0" for g in relevant.values() if g < 0]
        answers = {ids.get(name_key(n), n): grades for n, grades in written.answers.items()}
        sides, lists = (
            tuple(ids.get(name_key(n), n) for n in names)
            for names in (written.sides, written.lists)
        )
        resolved = {"relevant": relevant, "answers": answers, "sides": sides, "lists": lists}
        questions.append(written.model_copy(update=resolved))
    refuse(file, faults, questions)
    return Dataset(file.stem, tuple(questions))


def _misread(written: JudgedQuestion) -> list[str]:
    """Say what would silently mean something else: misspelt fields, or facts that none can have."""
    fields = [name for name in JudgedQuestion.model_fields if name not in written.model_fields_set]
    near = {
        name: get_close_matches(name.lower(), fields, n=1, cutoff=_LEAST_LIKENESS)
        for name in written.model_extra or {}
    }
    misspelt = [
        f"unknown field {name!r}; did you mean {found[0]!r}?"
        for name, found in near.items()
        if found
    ]
    if written.must_include and not written.is_answerable and not misspelt:
        return ["must_include stands without a right paper; name one in relevant"]
    return misspelt


def load_beir(folder: Path, split: str = "test") -> tuple[list[Paper], Dataset]:
    """Read a BEIR folder: `corpus.jsonl`, `queries.jsonl` and `qrels/{split}.tsv`.

    Only questions that the split judges are asked. Papers keep the ids of the corpus. A document
    without text is left out and listed; its judgements stay, since it should have been found.

    Raises:
        DatasetError: A file is absent or empty, or a line of one has a fault, or a judgement names
            a paper or question that is not there. All faults are listed.
    """
    faults: list[str] = []
    left_out: dict[str, str] = {}
    papers = {p.paper_id: p for p in _beir_papers(folder / "corpus.jsonl", faults, left_out)}
    texts = dict(_beir_queries(folder / "queries.jsonl", faults))
    judged: dict[str, dict[str, int]] = {}
    for number, row in _qrels(folder / "qrels" / f"{split}.tsv", faults):
        question_id, paper_id, grade = row
        if question_id not in texts:
            faults.append(f"qrels line {number}: no question {question_id!r}")
        if paper_id not in papers and paper_id not in left_out:
            faults.append(f"qrels line {number}: no paper {paper_id!r}")
        judged.setdefault(question_id, {})[paper_id] = grade
    questions = [
        JudgedQuestion(id=i, question=texts[i], relevant=grades)
        for i, grades in judged.items()
        if i in texts
    ]
    refuse(folder, faults, questions)
    dataset = Dataset(folder.name, tuple(questions), tuple(left_out.values()))
    return list(papers.values()), dataset


def ids_by_name(papers: Iterable[Paper], aliases: Mapping[str, str]) -> Mapping[str, str]:
    """Return paper ids by each name of a paper, an id or a title, spelt as by `name_key`."""
    # Before the papers: an alias that is now another paper's own name means that one.
    ids = {name_key(alias): paper_id for alias, paper_id in aliases.items()}
    for paper in papers:
        for name in (paper.paper_id, paper.title, *paper.titles):
            ids[name_key(name)] = paper.paper_id
    return ids


def name_key(name: str) -> str:
    """Return what two spellings of one title share."""
    return identity_key(clean_text(name))


def no_paper(name: str) -> str:
    """Say that no paper is called so, and what to call one."""
    return f"no paper is called {name!r}; give the title as `footnote papers` prints it, or an id"


def lines_of(file: Path) -> Iterator[tuple[int, str]]:
    """Read the lines that are not empty, each with its number.

    Raises:
        DatasetError: The file cannot be read.
    """
    try:
        with file.open(encoding="utf-8") as lines:
            yield from ((n, line) for n, line in enumerate(lines, start=1) if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{file} cannot be read: {error}") from error


def _beir_papers(file: Path, faults: list[str], left_out: dict[str, str]) -> Iterator[Paper]:
    """The papers of a corpus; `left_out` is told of documents without text, by their ids."""
    for number, line in lines_of(file):
        where = f"{file.name} line {number}"
        try:
            fields = json.loads(line)
            paper_id, title, text = str(fields["_id"]), fields.get("title") or "", fields["text"]
            record = SourceRecord(
                title=title or text[:80], abstract=text, sighting=Sighting(source=file.name)
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            faults.append(f"{where}: {reason_of(error)}")
            continue
        try:
            yield to_paper(record).model_copy(update={"paper_id": paper_id})
        except ValueError:
            left_out[paper_id] = f"{where}: document {paper_id!r} holds no text"


def _beir_queries(file: Path, faults: list[str]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for number, line in lines_of(file):
        try:
            fields = json.loads(line)
            question_id, text = str(fields["_id"]), str(fields["text"])
        except (ValueError, KeyError, TypeError) as error:
            faults.append(f"{file.name} line {number}: {reason_of(error)}")
            continue
        if question_id in seen:
            faults.append(f"{file.name} line {number}: id {question_id!r} occurred before")
        seen.add(question_id)
        yield question_id, text


def _qrels(file: Path, faults: list[str]) -> Iterator[tuple[int, tuple[str, str, int]]]:
    rows = csv.reader((line for _, line in lines_of(file)), delimiter="\t")
    for number, row in enumerate(rows, start=1):
        try:
            question_id, paper_id, grade = row
            yield number, (question_id, paper_id, int(grade))
        except ValueError:
            if number > 1:  # the first is a heading
                faults.append(f"{file.name} line {number}: not question, paper and whole grade")


def refuse(source: Path, faults: Sequence[str], held: Sized, what: str = "question") -> None:
    """Refuse a file with faults, or one that holds nothing.

    Raises:
        DatasetError: It has; the message lists them, or the first of them.
    """
    if not held and not faults:
        faults = [f"it holds no {what}"]
    if faults:
        shown = "; ".join(faults[:_FAULTS_SHOWN])
        more = len(faults) - _FAULTS_SHOWN
        raise DatasetError(
            f"{source} has {len(faults)} fault{'s' * (len(faults) > 1)}: {shown}"
            + (f"; and {more} more" if more > 0 else "")
        )


def reason_of(error: Exception) -> str:
    """Say what is wrong with a line."""
    if isinstance(error, ValidationError):
        return ", ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {error.msg} at column {error.colno}"
    if isinstance(error, KeyError):
        return f"no {error.args[0]!r}"
    return str(error).split("\n")[0]
