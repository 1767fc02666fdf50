"""Standing questions: exactly what new papers say to them, cited, and nothing twice."""

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from footnote import Library
from footnote.ingest.opening import Meter
from footnote.ingest.record import SourceRecord
from footnote.ingest.sources import find_files, read_source
from footnote.rag import watching
from footnote.rag.build import open_index
from footnote.rag.core.errors import IndexDamagedError, QuestionError
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Filters
from footnote.rag.core.text import short_name
from footnote.rag.index.writer import IndexWriter
from footnote.rag.watches import News, Watches
from tests.conftest import PAGES, needs_shared

pytestmark = pytest.mark.slow
FIRST = (
    ("Nimbus: A Serving System", "Nimbus schedules prompts in waves. It reaches 1.4x the throughput of vLLM on one GPU."),
    ("Tidal: A Scheduler", "Tidal puts short requests first. Its queue drains 30% sooner."),
    ("Growing Barley in Dry Soil", "Barley was sown in dry soil for three years. Yields fell by 12% without water."),
)  # fmt: skip
SECOND = (
    ("Many Devices for One Model", "We place models on many devices. On eight GPUs Nimbus reaches 2.6x the throughput of vLLM."),
    ("Nesting Habits of Terns", "Terns nest on gravel banks. Their broods are larger in wet springs."),
)  # fmt: skip
THIRD = (
    ("A Study of Clay Tablets", "Clay tablets were read under raking light. Four scribes could be told apart."),
    ("Waves of Prompts, Revisited", "Scheduling in waves was measured again. Nimbus does not reach 1.4x the throughput of vLLM on one GPU."),
)  # fmt: skip
QUESTION = "What throughput does Nimbus reach?"
CLAIM = "Nimbus reaches 1.4x the throughput of vLLM on one GPU."
IN_SECOND, IN_THIRD = (papers[at][1].split(". ")[1] for papers, at in ((SECOND, 0), (THIRD, 1)))


def add(library: Library, file: Path, papers: Sequence[tuple[str, str]], **more: object) -> None:
    rows = ({"title": title, "abstract": abstract, **more} for title, abstract in papers)
    file.write_text("\n".join(map(json.dumps, rows)))
    library.add(file)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    library = Library.open(tmp_path / "index")
    add(library, tmp_path / "first.jsonl", FIRST)
    return library


def told(news: Sequence[News]) -> list[tuple[str, str, str]]:
    return [(n.kind, n.citation.title, n.citation.quote) for n in news]


def test_three_ingests_tell_exactly_what_changed(library: Library, tmp_path: Path):
    question, claim = library.watch(QUESTION), library.watch(CLAIM, is_claim=True)
    assert library.news() == []  # what was here is not news
    add(library, tmp_path / "second.jsonl", SECOND)
    second = library.news()
    assert told(second) == [
        ("number", "Many Devices for One Model", IN_SECOND),
        ("against", "Many Devices for One Model", IN_SECOND),
    ]
    assert [n.watch_id for n in second] == [question.watch_id, claim.watch_id]
    assert [(n.figures, n.is_first) for n in second] == [(("2.6x",), False), (("2.6x",), True)]
    assert second[1].reason == "“1.4x” is not in the sentences cited"
    add(library, tmp_path / "third.jsonl", THIRD)
    third = library.news()
    assert told(third) == [
        ("support", "Waves of Prompts, Revisited", IN_THIRD),  # its figure was known
        ("against", "Waves of Prompts, Revisited", IN_THIRD),
    ]
    assert not third[1].is_first
    for each in (*second, *third):
        paper = next(p for p in library.papers() if p.paper_id == each.citation.paper_id)
        assert paper.abstract[each.citation.start : each.citation.end] == each.citation.quote
    assert len({n.corpus for n in (*second, *third)}) == 2
    assert library.news() == []
    library.add(tmp_path / "second.jsonl", tmp_path / "third.jsonl")
    assert library.news() == []


def test_a_claim_to_which_nothing_is_judged_is_left_open(library: Library, tmp_path: Path):
    library.watch("Tidal puts short requests first.", is_claim=True)
    add(library, tmp_path / "more.jsonl", [("Queues", "Requests are of two kinds. Tidal puts short requests first when the queue is long.")])  # fmt: skip
    [news] = library.news()
    assert news.kind == "open"
    assert news.reason == "quotes alone cannot tell if it speaks for the claim or against it"


def test_a_paper_that_only_sounds_like_a_claim_is_no_news_of_it(library: Library, tmp_path: Path):
    add(library, tmp_path / "dams.jsonl", [("Beavers and Floods", "Beaver dams were watched for six years in four valleys. They lowered peak flow by a third after storms.")])  # fmt: skip
    library.watch("Beaver dams reduce peak flow by a third.", is_claim=True)
    near = ("Trees over Streams", "Tree shade was measured along eleven streams. Shade lowered the peak water temperature by 3 degrees in summer.")  # fmt: skip
    to_it = ("Ponds of Beavers", "Beaver dams hold back water. Peak flow below the dams fell by 34% in the wettest winter.")  # fmt: skip
    add(library, tmp_path / "more.jsonl", [near, to_it])
    assert [n.citation.title for n in library.news()] == ["Ponds of Beavers"]


def test_filters_leave_out_papers_that_may_not_answer(library: Library, tmp_path: Path):
    library.watch(QUESTION, Filters(source="journal"))
    add(library, tmp_path / "second.jsonl", SECOND)
    assert library.news() == []
    add(library, tmp_path / "journal.jsonl", THIRD)
    assert [n.citation.quote for n in library.news()] == [IN_THIRD]


def test_a_new_version_tells_only_the_sentences_that_it_adds(library: Library, tmp_path: Path):
    library.watch(QUESTION)
    title, abstract = FIRST[0]
    arxiv = {"url": "https://arxiv.org/abs/2405.00001v2"}
    longer = f"{abstract} On four GPUs Nimbus reaches 1.9x the throughput of vLLM."
    add(library, tmp_path / "again.jsonl", [(title, longer)], **arxiv)
    assert [n.citation.quote for n in library.news()] == [longer.split(". ")[2]]


def test_nothing_is_told_again_of_what_was_removed_rebuilt_or_taken_in_anew(
    library: Library, tmp_path: Path
):
    library.watch(QUESTION)
    add(library, tmp_path / "second.jsonl", SECOND)
    [news] = library.news()
    writer = IndexWriter(open_index(library.config))
    with writer.writing():
        writer.remove([news.citation.paper_id])
    assert library.news() == []
    library.add(tmp_path / "second.jsonl")
    assert library.news() == []
    writer = IndexWriter(open_index(library.config))
    with writer.holding():
        writer.rebuild(lambda *_: None)
    assert library.news() == []


def test_what_was_not_told_when_a_look_was_broken_off_is_told_at_the_next(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    library.watch(QUESTION)
    library.watch(CLAIM, is_claim=True)
    add(library, tmp_path / "second.jsonl", SECOND)
    noted = Watches.note

    def killed(self: Watches, *arguments: object) -> list[News]:
        if self.news():
            raise KeyboardInterrupt
        return noted(self, *arguments)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patched:
        patched.setattr(Watches, "note", killed)
        with pytest.raises(KeyboardInterrupt):
            library.news()
    assert [n.kind for n in library.news()] == ["against"]
    kept = Watches(library.config.index).news()
    assert [n.kind for _, n in sorted(kept.items())] == ["number", "against"]


def test_two_processes_that_look_at_once_tell_a_thing_once(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    library.watch(QUESTION)
    add(library, tmp_path / "second.jsonl", SECOND)
    watches = Watches(library.config.index)
    asked = watching._news

    def slowly(*arguments: object) -> Iterator[News]:
        news = list(asked(*arguments))  # pyright: ignore[reportArgumentType]
        monkeypatch.setattr(watching, "_news", asked)
        assert len(library.news()) == 1  # the other one is faster
        yield from news

    monkeypatch.setattr(watching, "_news", slowly)
    assert library.news() == []
    assert len(watches.news()) == 1


def test_the_same_question_is_watched_once_and_another_time_with_filters(library: Library):
    first = library.watch(QUESTION)
    assert library.watch(f"  {QUESTION} ") == first
    library.watch(QUESTION, Filters(source="journal"))
    assert len(library.watches()) == 2
    assert library.unwatch(first.watch_id) == first
    assert [w.filters.source for w in library.watches()] == ["journal"]
    with pytest.raises(QuestionError, match="no standing question 'deadbeef'"):
        library.unwatch("deadbeef")


@pytest.mark.parametrize("question", ["hello", "How many papers per year?", "  "])
def test_what_no_sentence_answers_is_not_watched(library: Library, question: str):
    with pytest.raises(QuestionError):
        library.watch(question)
    assert library.watches() == []


def test_a_damaged_file_is_said_to_be_one(library: Library):
    library.watch(QUESTION)
    file = Watches(library.config.index).file
    file.write_bytes(b"no database" * 1000)
    with pytest.raises(IndexDamagedError, match="move the file away"):
        library.news()
    file.unlink()
    assert library.watches() == []


def test_its_file_is_its_owners_alone(library: Library):
    library.watch(QUESTION)
    file = Watches(library.config.index).file
    assert file.stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def records_of_pages() -> list[SourceRecord]:
    """The records of the shared pages, the first of each title."""
    meter = Meter()
    items = (i for file, name in find_files([PAGES]) for i in read_source(file, name, meter))
    records = (item for item in items if isinstance(item, SourceRecord))
    return list({re.sub(r"\W+", "", r.title).lower(): r for r in records}.values())


@needs_shared
def test_each_slice_of_real_papers_gives_its_own_news(tmp_path: Path):
    names, slices = named_slices()
    library = Library.open(tmp_path / "index")
    questions = {f"What is {name}?": at for name, at in names.items()}
    told: list[str] = []
    for at, records in enumerate(slices):
        add(library, tmp_path / f"slice{at}.jsonl", [(r.title, r.abstract) for r in records])
        if at == 0:
            for question in questions:
                library.watch(question)
            known = {p.paper_id for p in library.papers()}
            continue
        here = {p.paper_id: p for p in library.papers()}
        news = library.news()
        assert {n.question for n in news} == {q for q, own in questions.items() if own == at}
        for each in news:
            assert each.citation.paper_id in here.keys() - known, each
            assert said_in(here[each.citation.paper_id], each)
        told += [f"{n.watch_id} {n.citation.quote}" for n in news]
        known |= here.keys()
    assert len(told) == len(set(told))


def said_in(paper: Paper, news: News) -> bool:
    return paper.abstract[news.citation.start : news.citation.end] == news.citation.quote


def named_slices() -> tuple[dict[str, int], list[list[SourceRecord]]]:
    """Three slices of real records, and four names that only papers of one slice say."""
    records = records_of_pages()[:120]
    slices = [records[at::3] for at in range(3)]
    said = Counter[str]()
    for record in records:
        said.update(set(re.findall(r"\w+", f"{record.title} {record.abstract}".lower())))
    names: dict[str, int] = {}
    for at in (1, 2):
        own = (short_name(r.title) or "" for r in slices[at])
        # A plural is taken for its singular.
        rare = [n for n in own if re.fullmatch(r"[A-Za-z]{4,}[^\Ws]", n) and said[n.lower()] == 1]
        names |= dict.fromkeys(rare[:2], at)
    assert len(names) == 4
    return names, slices
