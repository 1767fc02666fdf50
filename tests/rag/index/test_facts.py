"""Facts follow the served records, whatever is done to the catalogue; filters read them exactly."""

import datetime
import re
import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.core.request import Filters, RecordField
from footnote.rag.index import facts, text_facts
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts
from footnote.rag.index.stored import Regrouping
from tests.rag.index.small import paper

ORGANISATIONS = [None, "ACME Labs", "acme labs", "Straße AG", "Ünited"]
SOURCES = ["Page A.txt", "page b.txt", "hf:2025-01-03"]
AUTHORS = ["Ada Müller", "Yi-Chen Li", "Li Wei", "Adam Mull"]
DAYS = [None, *(datetime.date(2024, month, 1) for month in (1, 5, 12)), datetime.date(2025, 1, 1)]


DATES = [*DAYS, PartialDate(2024), PartialDate(2024, 5), PartialDate(2025, 1)]
LAST = {"2024": "2024-12-31", "2024-05": "2024-05-31", "2025-01": "2025-01-31"}


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    own = paper(
        draw(st.sampled_from("ABCDE")),
        draw(st.sampled_from(["One.", "Two. Three.", "Twice 4%.", "See https://a.org/b."])),
    )
    authors = tuple(draw(st.lists(st.sampled_from(AUTHORS), unique=True, max_size=3)))
    found = {
        "date": draw(st.sampled_from(DATES)),
        "organisation": draw(st.sampled_from(ORGANISATIONS)),
        "upvotes": draw(st.sampled_from([None, 0, 7])),
        "withdrawn": draw(st.booleans()),
        "authors": authors,
        "n_authors": draw(st.sampled_from([None, 4])) or len(authors) or None,
        "sightings": tuple(
            Sighting(source=s, day=draw(st.sampled_from([None, "2024-01-02"])))
            for s in draw(st.lists(st.sampled_from(SOURCES), max_size=3))
        ),
    }
    return own.model_copy(update=found)


OPERATIONS = ("save", "mark", "remove", "begin", "switch", "restore", "regroup", "describe")
steps = st.lists(st.tuples(st.sampled_from(OPERATIONS), st.lists(papers(), max_size=3)), max_size=8)


def apply(catalogue: Catalogue, operation: str, papers: list[Paper]) -> None:
    papers = list({p.paper_id: p for p in papers}.values())
    known = [p for p in papers if p.paper_id in catalogue.known(x.paper_id for x in papers)]
    match operation:
        case "save":
            catalogue.save([(p, []) for p in papers], {})
        case "mark":
            catalogue.mark_indexed(catalogue.pending(2))
        case "remove":
            catalogue.remove(p.paper_id for p in papers)
        case "begin":
            catalogue.begin("snapshot")
        case "switch":
            catalogue.switch("snapshot")
        case "restore":
            catalogue.restore(known)
        case "regroup":
            gone = [p.paper_id for p in known[1:]]
            catalogue.regroup(Regrouping([(p, []) for p in known[:1]], {}, {}, gone))
        case "describe":
            catalogue.mark_described(catalogue.undescribed(1))
        case _:
            raise AssertionError


def served(catalogue: Catalogue) -> dict[str, Paper]:
    return {p.paper_id: p for p in catalogue.served_after("", 100)}


def assert_facts_are_those_served(catalogue: Catalogue) -> None:
    expected = [
        Facts(
            p.paper_id, p.title, p.date and p.date.isoformat(), p.organisation, p.upvotes,
            p.n_authors, p.withdrawn, bool(p.authors),
        )
        for p in served(catalogue).values()
    ]  # fmt: skip
    every = [f"title:{name}" for name in "abcde"]
    assert catalogue.facts(every) == sorted(expected, key=lambda f: f.title)
    for kind, names in (
        ("author", [set(p.authors) for p in served(catalogue).values()]),
        ("source", [{s.source for s in p.sightings} for p in served(catalogue).values()]),
    ):
        counts = {name: sum(name in own for own in names) for name in (*AUTHORS, *SOURCES)}
        assert catalogue.names(kind, every) == {n: c for n, c in counts.items() if c}


@pytest.mark.slow
@settings(max_examples=60)
@given(steps)
def test_facts_are_those_of_the_records_served_whatever_was_done(done):
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Catalogue(Path(folder) / "catalogue.sqlite", create=True)
        for operation, own in done:
            apply(catalogue, operation, own)
            assert_facts_are_those_served(catalogue)
        forget_facts(catalogue)
        assert_facts_are_those_served(Catalogue(catalogue.file))


def forget_facts(catalogue: Catalogue) -> None:
    """Make the file one of an earlier version."""
    with closing(sqlite3.connect(catalogue.file)) as db:
        for (name,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.executescript("DROP TABLE facts; DROP TABLE names; DROP TABLE figures; DROP TABLE links")


def may_answer(p: Paper, filters: Filters, whole: Iterable[Paper]) -> bool:
    """What the docstrings of `Filters` say, word for word."""

    def cased(text: str) -> str:
        return text.casefold()

    def is_of(organisation: str, asked: str) -> bool:
        names = [q.organisation for q in whole if q.organisation]
        is_written = any(cased(name) == cased(asked) for name in names)
        return cased(organisation) == cased(asked) if is_written else has_words(organisation, asked)

    def is_between(n: int | None, least: int | None, most: int | None) -> bool:
        if n is None:
            return least is None and most is None
        return (least is None or n >= least) and (most is None or n <= most)

    told = {
        RecordField.DATE: p.date is not None,
        RecordField.ORGANISATION: p.organisation is not None,
        RecordField.UPVOTES: p.upvotes is not None,
        RecordField.AUTHORS: p.n_authors is not None or bool(p.authors),
        RecordField.LINK: "://" in p.abstract,
    }
    n_authors = p.n_authors if p.n_authors is not None else len(p.authors) or None

    def has_words(name: str, part: str) -> bool:
        words = re.split(r"\b", cased(name))
        asked = re.split(r"\b", cased(part))
        asked = [w for w in asked if w]
        words = [w for w in words if w]
        return any(words[i : i + len(asked)] == asked for i in range(len(words)))

    organisations = [*filter(None, [filters.organisation]), *(filters.other_organisations or ())]
    sources = [*filter(None, [filters.source]), *(filters.other_sources or ())]
    date = str(p.date)
    # Any month has a first day, and any year.
    first = datetime.date.fromisoformat(date + "-01-01"[: 10 - len(date)]) if p.date else None
    last = datetime.date.fromisoformat(LAST.get(date, date)) if p.date else None
    if filters.undated:
        first, last = last, first
    checks = [
        filters.since is None or (first >= filters.since if first else filters.undated),
        filters.until is None or (last <= filters.until if last else filters.undated),
        not organisations
        or (p.organisation is not None and any(is_of(p.organisation, o) for o in organisations)),
        p.organisation is None or not any(is_of(p.organisation, o) for o in filters.without or ()),
        is_between(p.upvotes, filters.min_upvotes, filters.max_upvotes),
        is_between(n_authors, filters.min_authors, filters.max_authors),
        is_between(len({s.source for s in p.sightings}), filters.min_sources, filters.max_sources),
        all(told[field] for field in filters.told or ()),
        not any(told[field] for field in filters.untold or ()),
        not sources or any(cased(part) in cased(s.source) for s in p.sightings for part in sources),
        filters.author is None or any(has_words(a, filters.author) for a in p.authors),
        filters.withdrawn is None or p.withdrawn == filters.withdrawn,
        filters.reports_number is None or ("4%" in p.abstract) == filters.reports_number,
    ]
    return all(checks)


all_filters = st.builds(
    Filters,
    since=st.sampled_from([*DAYS, datetime.date(2024, 5, 31), datetime.date(2024, 5, 2)]),
    until=st.sampled_from([*DAYS, datetime.date(2024, 5, 31), datetime.date(2024, 12, 31)]),
    undated=st.sampled_from([None, True]),
    organisation=st.sampled_from([None, None, None, "Acme LABS", "STRASSE ag", "acme", "' OR 1"]),
    other_organisations=st.sampled_from([None, None, None, ("acme",), ("STRASSE ag", "nobody")]),
    without=st.sampled_from([None, None, None, ("acme",), ("Acme LABS", "cache")]),
    source=st.sampled_from([None, None, "PAGE", "b.t", "%", "2025"]),
    other_sources=st.sampled_from([None, None, None, ("2025", "a.txt")]),
    author=st.sampled_from([None, None, "li", "MÜLLER", "Mull", "Yi-Chen", "Ada", "wei li"]),
    withdrawn=st.sampled_from([None, None, True, False]),
    reports_number=st.sampled_from([None, None, True, False]),
    min_upvotes=st.sampled_from([None, None, 0, 3]),
    max_upvotes=st.sampled_from([None, None, 0, 10]),
    min_authors=st.sampled_from([None, None, 1, 2]),
    max_authors=st.sampled_from([None, None, 2]),
    min_sources=st.sampled_from([None, None, None, 1, 2]),
    max_sources=st.sampled_from([None, None, None, 1]),
    told=st.sampled_from([None, None, *[(field,) for field in RecordField], tuple(RecordField)]),
    untold=st.sampled_from([None, None, *[(field,) for field in RecordField]]),
)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(papers(), max_size=6), st.lists(all_filters, min_size=1, max_size=8))
def test_what_a_filter_lets_through_is_what_its_docstring_says(saved, filters):
    with tempfile.TemporaryDirectory() as folder:
        catalogue = Catalogue(Path(folder) / "catalogue.sqlite", create=True)
        catalogue.save([(p, []) for p in saved], {})
        assert catalogue.matching(Filters()) == frozenset()
        catalogue.switch("snapshot")
        whole = served(catalogue)
        assert catalogue.matching(Filters()) == whole.keys()
        for each in filters:
            expected = {i for i, p in whole.items() if may_answer(p, each, whole.values())}
            assert catalogue.matching(each) == expected


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path / "catalogue.sqlite", create=True)


def test_a_version_that_waits_changes_no_fact(catalogue: Catalogue):
    first = paper("A", "One.").model_copy(update={"upvotes": 1})
    catalogue.save([(first, [])], {})
    assert catalogue.facts([first.paper_id]) == []
    catalogue.mark_indexed([first])
    later = paper("A", "Two.").model_copy(update={"upvotes": 2})
    catalogue.save([(later, [])], {})
    assert [f.upvotes for f in catalogue.facts([first.paper_id])] == [1]
    catalogue.mark_indexed([later])
    assert [f.upvotes for f in catalogue.facts([first.paper_id])] == [2]


def test_a_fact_that_changed_without_the_text_is_still_to_be_described(catalogue: Catalogue):
    first = paper("A", "One.")
    catalogue.save([(first, [])], {})
    catalogue.mark_indexed([first])
    assert catalogue.undescribed(9) == []
    liked = first.model_copy(update={"upvotes": 5})
    catalogue.save([(liked, [])], {})
    assert (catalogue.count_pending(), catalogue.count_undescribed()) == (0, 1)
    assert catalogue.undescribed(9) == [liked]
    catalogue.mark_described([liked])
    assert catalogue.count_undescribed() == 0


def test_a_damaged_record_keeps_the_facts_it_had(catalogue: Catalogue):
    first = paper("A", "One.").model_copy(update={"upvotes": 5})
    catalogue.save([(first, [])], {})
    catalogue.mark_indexed([first])
    with closing(sqlite3.connect(catalogue.file)) as db, db:
        db.execute("UPDATE papers SET record = substr(record, 9)")
    assert [f.upvotes for f in catalogue.facts([first.paper_id])] == [5]


def test_an_earlier_catalogue_that_may_only_be_read_has_facts_too(catalogue: Catalogue):
    first = paper("A", "One.").model_copy(update={"upvotes": 5, "authors": ("Ada Li",)})
    catalogue.save([(first, [])], {})
    catalogue.switch("snapshot")
    forget_facts(catalogue)
    with closing(sqlite3.connect(f"{catalogue.file.as_uri()}?mode=ro", uri=True)) as db:
        facts.prepare(db)
        for fact in text_facts.EACH:
            fact.prepare(db)

        def read(sql: str, values: Sequence[object]) -> list[tuple]:
            return db.execute(sql, values).fetchall()

        found = facts.facts_of(read, [first.paper_id])
        assert [f.upvotes for f in found] == [5]
        assert facts.matching(read, Filters(author="li")) == {first.paper_id}
        assert facts.matching(read, Filters(reports_number=False)) == {first.paper_id}
    with closing(sqlite3.connect(catalogue.file)) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'facts'").fetchall()


def test_an_earlier_catalogue_is_read_for_figures_until_it_is_indexed_again(catalogue: Catalogue):
    first, second = paper("A", "It halves waiting, by 50%."), paper("B", "It has 3 parts.")
    catalogue.save([(first, []), (second, [])], {})
    catalogue.mark_indexed([first, second])
    forget_facts(catalogue)
    earlier = Catalogue(catalogue.file)
    assert noted(earlier) == set()
    assert earlier.matching(Filters(reports_number=True)) == {first.paper_id}
    assert earlier.matching(Filters(reports_number=False)) == {second.paper_id}
    assert earlier.count_stating() == 1
    earlier.switch("snapshot")
    assert noted(earlier) == {(first.version, 1), (second.version, 0)}
    assert earlier.matching(Filters(reports_number=True)) == {first.paper_id}


def test_an_earlier_catalogue_is_read_for_web_addresses_too(catalogue: Catalogue):
    first, second = paper("A", "Its code is at github.com/a/b."), paper("B", "It has 3 parts.")
    catalogue.save([(first, []), (second, [])], {})
    catalogue.mark_indexed([first, second])
    told = Filters(told=(RecordField.LINK,)), Filters(untold=(RecordField.LINK,))
    for each in (catalogue, None):
        if each is None:
            forget_facts(catalogue)
        own = each or Catalogue(catalogue.file)
        assert [own.matching(f) for f in told] == [{first.paper_id}, {second.paper_id}]


def noted(catalogue: Catalogue) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(catalogue.file)) as db:
        return set(db.execute("SELECT version, stated FROM figures"))
