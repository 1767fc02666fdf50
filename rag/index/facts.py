"""Typed facts of the papers that are served, which filters and counts ask for.

Triggers in the catalogue's file keep them: whatever changes a paper changes its facts in the same
transaction, an earlier version of the program too.
"""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

from footnote.rag.core.request import Filters, RecordField
from footnote.rag.index import text_facts
from footnote.rag.index.readonly import UNWRITABLE

_TABLES = (
    """CREATE TABLE facts (
        paper_id     TEXT PRIMARY KEY,
        title        TEXT NOT NULL,
        date         TEXT,            -- YYYY-MM-DD, YYYY-MM or YYYY
        organisation TEXT,
        upvotes      INTEGER,
        n_authors    INTEGER,
        withdrawn    INTEGER NOT NULL,
        fields       TEXT NOT NULL,   -- all that the vector store's rows say of it, as JSON
        described    TEXT             -- `fields` as those rows have them, null for not at all
    ) WITHOUT ROWID""",
    """CREATE TABLE names (
        kind     TEXT NOT NULL,       -- author or source
        name     TEXT NOT NULL,
        paper_id TEXT NOT NULL,
        PRIMARY KEY (kind, name, paper_id)
    ) WITHOUT ROWID""",
)
_INDEXES = (
    "CREATE INDEX facts_undescribed ON facts (paper_id) WHERE described IS NOT fields",
    "CREATE INDEX names_of_paper ON names (paper_id)",
)
# A row of `papers` is called `new`, as triggers call it. A damaged record changes nothing.
_RECORD = "coalesce(new.held, new.record)"
_IS_SERVED = f"new.indexed IS NOT NULL AND json_valid({_RECORD})"
_ADD_FACTS = f"""INSERT INTO facts
    (paper_id, title, date, organisation, upvotes, n_authors, withdrawn, fields)
    SELECT new.paper_id, {_RECORD} ->> '$.title', {_RECORD} ->> '$.date',
        {_RECORD} ->> '$.organisation', {_RECORD} ->> '$.upvotes',
        coalesce({_RECORD} ->> '$.n_authors',
            nullif(json_array_length({_RECORD}, '$.authors'), 0)),
        {_RECORD} ->> '$.withdrawn',
        json_extract({_RECORD}, '$.date', '$.organisation', '$.upvotes', '$.n_authors',
            '$.withdrawn', '$.authors', '$.sightings')
    {{of_all}} WHERE {_IS_SERVED}
    ON CONFLICT (paper_id) DO UPDATE SET title = excluded.title, date = excluded.date,
        organisation = excluded.organisation, upvotes = excluded.upvotes,
        n_authors = excluded.n_authors, withdrawn = excluded.withdrawn, fields = excluded.fields"""
# DISTINCT, not OR IGNORE: in a trigger the policy of the statement that fires it is used instead.
_ADD_NAMES = f"""INSERT INTO names
    SELECT DISTINCT iif(kind.value = '$.authors', 'author', 'source'),
        iif(kind.value = '$.authors', each.value, each.value ->> '$.source'), new.paper_id
    FROM {{of_all}} json_each('["$.authors", "$.sightings"]') AS kind,
        json_each(iif({_IS_SERVED}, {_RECORD}, '{{{{}}}}'), kind.value) AS each"""  # noqa: S608
_OF_ALL = (
    _ADD_FACTS.format(of_all="FROM papers AS new"),
    _ADD_NAMES.format(of_all="papers AS new,"),
)
_OF_ONE = "; ".join(each.format(of_all="") for each in (_ADD_FACTS, _ADD_NAMES))
_TRIGGERS = (
    f"CREATE TRIGGER facts_of_added AFTER INSERT ON papers BEGIN {_OF_ONE}; END",
    f"""CREATE TRIGGER facts_of_changed AFTER UPDATE OF record, indexed, held ON papers BEGIN
        DELETE FROM facts WHERE paper_id = new.paper_id AND new.indexed IS NULL;
        DELETE FROM names WHERE paper_id = new.paper_id;
        {_OF_ONE};
    END""",  # noqa: S608
    """CREATE TRIGGER facts_of_removed AFTER DELETE ON papers BEGIN
        DELETE FROM facts WHERE paper_id = old.paper_id;
        DELETE FROM names WHERE paper_id = old.paper_id;
    END""",
)

LISTED = "(SELECT value FROM json_each(?))"
"""In a condition: one of the values of a list written as JSON."""
_OF_NAMES = f"paper_id IN (SELECT paper_id FROM names WHERE kind = ? AND name IN {LISTED})"  # noqa: S608

_N_SOURCES = (
    "(SELECT count(*) FROM names n WHERE n.paper_id = facts.paper_id AND n.kind = 'source')"
)

# As texts: no month has a day after its 31st.
_FIRST_DAY = "substr(date || '-01-01', 1, 10)"
_LAST_DAY = "date || substr('-12-31', length(date) - 3)"

_COLUMNS = {
    RecordField.DATE: "date",
    RecordField.ORGANISATION: "organisation",
    RecordField.UPVOTES: "upvotes",
    RecordField.AUTHORS: "n_authors",
}

Rows = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Reads with a statement and its values."""
Kind = Literal["author", "source"]


class Facts(NamedTuple):
    """What the record of a served paper says beside its text; None where it does not."""

    paper_id: str
    title: str
    date: str | None
    """`YYYY-MM-DD`, or `YYYY-MM` or `YYYY` where no more is known."""
    organisation: str | None
    upvotes: int | None
    n_authors: int | None
    withdrawn: bool
    names_authors: bool

    @property
    def year(self) -> str | None:
        """The year of its date."""
        return self.date and self.date[:4]

    @property
    def month(self) -> str | None:
        """The month of its date, `YYYY-MM`; None where no more than the year is known."""
        return self.date[:7] if self.date and len(self.date) >= len("2024-01") else None


def prepare(db: sqlite3.Connection) -> None:
    """Make the tables and the triggers, unless they are there.

    A catalogue of an earlier version that cannot be written is given tables of this connection
    alone: nobody changes what they are made of.
    """
    if _is_prepared(db):
        return
    try:
        with db:
            db.execute("BEGIN IMMEDIATE")
            if not _is_prepared(db):  # another process may just have
                _run(db, *_TABLES, *_INDEXES, *_TRIGGERS, *_OF_ALL)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in UNWRITABLE:
            raise
        db.execute("PRAGMA temp_store = MEMORY")
        with db:
            _run(db, *(each.replace("TABLE", "TEMP TABLE", 1) for each in _TABLES), *_OF_ALL)


def _is_prepared(db: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE name = 'facts'"
    return db.execute(sql).fetchone() is not None


def _run(db: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        db.execute(statement)


def matching(rows: Rows, filters: Filters) -> frozenset[str]:
    """Return the ids of the served papers that may answer; all where nothing is filtered."""
    asked = conditions(rows, filters)
    # The conditions are those below; what a person typed is a value.
    where = " AND ".join(["TRUE", *(condition for condition, _ in asked)])
    values = [value for _, own in asked for value in own]
    found = rows(f"SELECT paper_id FROM facts WHERE {where}", values)  # noqa: S608
    return frozenset(paper_id for (paper_id,) in found)


def conditions(rows: Rows, filters: Filters) -> list[tuple[str, Sequence[object]]]:
    """Return what filters ask of a row of `facts`: conditions in SQL, each with its values."""
    asked: list[tuple[str, Sequence[object]]] = []
    # Of a month or a year all days have to fit; some, where a date need not be known.
    first, last = (_LAST_DAY, _FIRST_DAY) if filters.undated else (_FIRST_DAY, _LAST_DAY)
    undated = " OR date IS NULL" if filters.undated else ""
    if filters.since:
        asked.append((f"({first} >= ?{undated})", [filters.since.isoformat()]))
    if filters.until:
        asked.append((f"({last} <= ?{undated})", [filters.until.isoformat()]))
    if filters.papers is not None:
        asked.append((f"paper_id IN {LISTED}", [json.dumps(filters.papers)]))
    if filters.withdrawn is not None:
        asked.append(("withdrawn = ?", [filters.withdrawn]))
    if filters.reports_number is not None:
        among = "" if filters.reports_number else "NOT "
        stating = json.dumps(text_facts.FIGURES.papers(rows))
        asked.append((f"paper_id {among}IN {LISTED}", [stating]))
    if named := [*filter(None, [filters.organisation]), *(filters.other_organisations or ())]:
        written = _organisations(rows)
        same = [each for name in named for each in _called(name, written)]
        asked.append((f"organisation IN {LISTED}", [json.dumps(same)]))
    if filters.without:
        written = _organisations(rows)
        out = [each for name in filters.without for each in _called(name, written)]
        asked.append((f"(organisation IS NULL OR organisation NOT IN {LISTED})", [json.dumps(out)]))
    for column, least, most in (
        ("upvotes", filters.min_upvotes, filters.max_upvotes),
        ("n_authors", filters.min_authors, filters.max_authors),
    ):
        if least is not None:
            asked.append((f"{column} >= ?", [least]))
        if most is not None:
            asked.append((f"{column} <= ?", [most]))
    for sign, n in ((">=", filters.min_sources), ("<=", filters.max_sources)):
        if n is not None:
            asked.append((f"{_N_SOURCES} {sign} ?", [n]))
    asked += [_telling(rows, field, tells=True) for field in filters.told or ()]
    asked += [_telling(rows, field, tells=False) for field in filters.untold or ()]
    if named := [*filter(None, [filters.source]), *(filters.other_sources or ())]:
        parts = [*map(_folded, named)]
        sources = _names(rows, "source")
        within = [name for name in sources if any(part in _folded(name) for part in parts)]
        asked.append((_OF_NAMES, ["source", json.dumps(within)]))
    if filters.author:
        found = [name for name in _names(rows, "author") if is_named(name, filters.author)]
        asked.append((_OF_NAMES, ["author", json.dumps(found)]))
    return asked


def _telling(rows: Rows, field: RecordField, *, tells: bool) -> tuple[str, Sequence[object]]:
    if field is RecordField.LINK:
        linking = json.dumps(text_facts.LINKS.papers(rows))
        return f"paper_id {'' if tells else 'NOT '}IN {LISTED}", [linking]
    return f"{_COLUMNS[field]} IS {'NOT ' if tells else ''}NULL", ()


def facts_of(rows: Rows, paper_ids: Iterable[str]) -> list[Facts]:
    """Return the facts of those of these papers that are served, by title, then by id."""
    found = rows(
        "SELECT paper_id, title, date, organisation, upvotes, n_authors, withdrawn,"  # noqa: S608
        " EXISTS (SELECT 1 FROM names n WHERE n.paper_id = f.paper_id AND kind = 'author')"
        f" FROM facts f WHERE paper_id IN {LISTED}",
        [json.dumps(list(paper_ids))],
    )
    each = [Facts(*row[:-2], *map(bool, row[-2:])) for row in found]
    return sorted(each, key=lambda f: (f.title.casefold(), f.paper_id))


def names_of(rows: Rows, kind: Kind, paper_ids: Iterable[str]) -> dict[str, int]:
    """Count the papers among these that have each name of an author or of a source, most first."""
    found = rows(
        f"SELECT name, count(*) FROM names WHERE kind = ? AND paper_id IN {LISTED}"  # noqa: S608
        " GROUP BY name ORDER BY count(*) DESC, name",
        [kind, json.dumps(list(paper_ids))],
    )
    return dict(found)


def sources_of(rows: Rows, paper_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the names of the sources that each of these papers was seen in, in order."""
    found: dict[str, list[str]] = {paper_id: [] for paper_id in paper_ids}
    sql = f"SELECT paper_id, name FROM names WHERE kind = 'source' AND paper_id IN {LISTED}"  # noqa: S608
    for paper_id, name in rows(f"{sql} ORDER BY name", [json.dumps(list(found))]):
        found[paper_id].append(name)
    return found


def is_named(name: str, part: str) -> bool:
    """Return True if a part is some of the whole words of a name, in any case."""
    name, part = _folded(name), _folded(part)
    if not part or part not in name:  # most are done with here
        return False
    return bool(re.search(rf"(?<!\w){re.escape(part)}(?!\w)", name))


def _organisations(rows: Rows) -> list[str]:
    sql = "SELECT DISTINCT organisation FROM facts WHERE organisation IS NOT NULL"
    return [name for (name,) in rows(sql, ())]


def words_left_out(rows: Rows, filters: Filters) -> list[str]:
    """Return what leaves papers out that say it: that by which no organisation is called."""
    written = _organisations(rows) if filters.without else []
    return [text for text in filters.without or () if not _called(text, written)]


def is_organisation(rows: Rows, name: str) -> bool:
    """Return True if a paper that is served is of an organisation so called, in any case."""
    return any(_folded(each) == _folded(name) for each in _organisations(rows))


def _called(name: str, written: Sequence[str]) -> list[str]:
    """Return the organisations of a name, or else those with it among their words."""
    meant = _folded(name)
    same = [each for each in written if _folded(each) == meant]
    return same or [each for each in written if is_named(each, meant)]


def _names(rows: Rows, kind: Kind) -> list[str]:
    return [n for (n,) in rows("SELECT DISTINCT name FROM names WHERE kind = ?", [kind])]


def _folded(text: str) -> str:
    """Reduce to what two cases of the same text share."""
    if text.isascii():  # the same, in a third of the time
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text.casefold()).split())
