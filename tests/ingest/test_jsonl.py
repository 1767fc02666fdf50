import datetime
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import read_source
from footnote.ingest.sources.objects import to_record
from footnote.rag.core.records import Sighting

GOOD = {"title": "Alpha", "abstract": "A sentence that is long enough to be quoted."}


def read(tmp_path: Path, *lines: object) -> list[SourceRecord | Refusal]:
    file = tmp_path / "papers.jsonl"
    file.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return list(read_source(file, file.name))


def test_all_fields(tmp_path: Path):
    record = GOOD | {
        "date": "2024-05-01T10:00:00Z",
        "authors": ["A", "B"],
        "organization": "lab",
        "upvotes": 3,
        "surplus": True,
    }
    [paper] = read(tmp_path, record)
    assert isinstance(paper, SourceRecord)
    assert paper.date == datetime.date(2024, 5, 1)
    assert (paper.n_authors, paper.organisation, paper.upvotes) == (2, "lab", 3)


@pytest.mark.parametrize("none", [[], "", " ; ", [None]])
def test_tags_that_say_nothing_hide_no_keywords(tmp_path: Path, none: object):
    [paper] = read(tmp_path, GOOD | {"tags": none, "keywords": "caching; disks"})
    assert isinstance(paper, SourceRecord)
    assert paper.tags == ("caching", "disks")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"title": "x"', "not JSON"),
        ('{"title": "x"}', "abstract: Field required"),
        ("[1]", "valid dictionary"),
        (GOOD | {"title": "  "}, "no title"),
        (GOOD | {"title": "!!!"}, "neither letters nor digits"),
        (GOOD | {"title": "x" * 2000}, "title of 2,000 characters"),
        (GOOD | {"abstract": "y" * 30_000}, "abstract of 30,000 characters"),
        (GOOD | {"abstract": "short"}, "abstract of 5 characters"),
        (GOOD | {"abstract": 7}, "valid string"),
        ("[" * 100_000, "not"),
        (
            r'{"title": "S\ud800x", "abstract": "A sentence that is long enough to be quoted."}',
            "half a character",
        ),
    ],
)
def test_a_broken_record_is_refused_and_the_next_one_kept(
    tmp_path: Path, line: object, reason: str
):
    items = read(tmp_path, GOOD, line, GOOD | {"title": "Bravo"})
    refusals = [i for i in items if isinstance(i, Refusal)]
    assert len(refusals) == 1
    assert reason in refusals[0].reason
    assert [i.title for i in items if isinstance(i, SourceRecord)] == ["Alpha", "Bravo"]


@pytest.mark.parametrize(
    "line",
    [
        GOOD | {"date": "soon"},
        GOOD | {"date": "2024-02-30"},
        GOOD | {"upvotes": -1},
        GOOD | {"authors": {"a": 1}},
        GOOD | {"arxiv_id": [1]},
        json.dumps(GOOD)[:-1] + f', "upvotes": {"9" * 5_000}}}',
        json.dumps(GOOD)[:-1] + ', "upvotes": 99999999999999999999}',
        json.dumps(GOOD)[:-1] + ', "n_authors": NaN}',
    ],
)
def test_what_is_wrong_with_an_optional_field_costs_that_field_alone(tmp_path: Path, line: object):
    [record] = read(tmp_path, line)
    assert isinstance(record, SourceRecord)
    assert (record.date, record.upvotes, record.n_authors, record.authors) == (None, None, None, ())


def test_null_falls_through_to_the_next_name(tmp_path: Path):
    [record] = read(
        tmp_path, {"title": "Alpha", "abstract": None, "digest": "", "summary": GOOD["abstract"]}
    )
    assert isinstance(record, SourceRecord)
    assert record.abstract == GOOD["abstract"]


def test_a_line_of_the_arxiv_snapshot(tmp_path: Path):
    [record] = read(
        tmp_path,
        {
            "id": "2301.00001",
            "submitter": "A. Nobody",
            "authors": "Ada Lovelace and Charles Babbage",
            "title": "Alpha:\n  A Cache",
            "comments": "This submission has been withdrawn by the author",
            "journal-ref": None,
            "doi": "10.1000/ABC",
            "categories": "cs.DC cs.LG",
            "abstract": f"  {GOOD['abstract']}\n",
            "versions": [{"version": "v1", "created": "x"}, {"version": "v2", "created": "y"}],
            "update_date": "2023-02-03",
            "authors_parsed": [["Lovelace", "Ada", ""], ["Babbage", "Charles", "Jr."]],
        },
    )
    assert isinstance(record, SourceRecord)
    assert (record.arxiv_id, record.version_number, record.doi) == ("2301.00001", 2, "10.1000/abc")
    assert record.authors == ("Ada Lovelace", "Charles Babbage Jr.")
    assert (record.withdrawn, str(record.date)) == (True, "2023-02-03")


def test_a_passage_without_a_title_of_a_beir_corpus(tmp_path: Path):
    [record] = read(tmp_path, {"_id": "d1", "title": "", "text": GOOD["abstract"]})
    assert isinstance(record, SourceRecord)
    assert record.title == GOOD["abstract"][:80]


def test_the_date_of_the_arxiv_snapshot_is_that_of_the_first_version(tmp_path: Path):
    """Years later its fields may be changed for all papers at once, which is its `update_date`."""
    snapshot = {**GOOD, "update_date": "2015-06-30"}
    versions = [
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
        {"version": "v2", "created": "Tue, 24 Jul 2007 20:10:27 GMT"},
    ]
    first, unknown = read(
        tmp_path,
        snapshot | {"versions": versions},
        snapshot | {"versions": [{"version": "v1", "created": ["x"]}]},
    )
    assert isinstance(first, SourceRecord)
    assert isinstance(unknown, SourceRecord)
    assert (str(first.date), first.version_number) == ("2007-04-02", 2)
    assert str(unknown.date) == "2015-06-30"


def inverted(text: str) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return index


WORK = {
    "id": "https://openalex.org/W1",
    "doi": "https://doi.org/10.1000/ABC",
    "title": "Alpha: A Cache",
    "display_name": "Alpha: A Cache",
    "publication_year": 2023,
    "publication_date": "2023-02-03",
    "ids": {"openalex": "https://openalex.org/W1", "doi": "https://doi.org/10.1000/abc"},
    "authorships": [
        {"author": {"display_name": "Ada Lovelace"}, "institutions": [{"display_name": "Engines"}]},
        {"author": {"display_name": None}, "raw_author_name": "Charles Babbage, Jr."},
    ],
    "primary_location": {"landing_page_url": "https://example.org/alpha"},
    "locations": [{"landing_page_url": "https://arxiv.org/abs/2301.00001v2"}, None],
    "is_retracted": False,
    "abstract_inverted_index": inverted(GOOD["abstract"]),
}


def test_a_work_of_openalex(tmp_path: Path):
    [record] = read(tmp_path, WORK)
    assert isinstance(record, SourceRecord)
    assert (record.title, record.abstract) == ("Alpha: A Cache", GOOD["abstract"])
    assert record.authors == ("Ada Lovelace", "Charles Babbage Jr.")
    assert (record.n_authors, str(record.date), record.withdrawn) == (2, "2023-02-03", False)
    assert (record.arxiv_id, record.version_number, record.doi) == ("2301.00001", 2, "10.1000/abc")


@pytest.mark.parametrize(
    ("changed", "field", "value"),
    [
        pytest.param({"is_retracted": True}, "withdrawn", True, id="retracted"),
        pytest.param({"publication_date": "2023-01-01"}, "date", "2023", id="a-year-alone"),
        pytest.param({"publication_date": None}, "date", "2023", id="no-date"),
        pytest.param({"doi": None}, "doi", "10.1000/abc", id="doi-among-ids"),
        pytest.param({"doi": None, "ids": None}, "doi", None, id="no-doi"),
        pytest.param({"title": None}, "title", "Alpha: A Cache", id="no-title"),
        pytest.param({"authorships": None}, "authors", (), id="no-authors"),
        pytest.param({"authorships": [3, {"author": "x"}]}, "authors", (), id="bad-authors"),
        pytest.param({"locations": 3, "doi": None, "ids": None}, "url", "https://example.org/alpha", id="no-locations"),
        pytest.param({"abstract_inverted_index": json.dumps(inverted(GOOD["abstract"]))}, "abstract", GOOD["abstract"], id="index-as-text"),
    ],
)  # fmt: skip
def test_a_work_that_lacks_something(
    tmp_path: Path, changed: dict[str, object], field: str, value: object
):
    [record] = read(tmp_path, WORK | changed)
    assert isinstance(record, SourceRecord)
    found = getattr(record, field)
    assert (str(found) if field == "date" else found) == value


@pytest.mark.parametrize("index", [None, {}, [], "x", {"word": None}, {"word": [None]}, 3], ids=str)
def test_a_work_without_an_abstract_is_refused(tmp_path: Path, index: object):
    [refused] = read(tmp_path, WORK | {"abstract_inverted_index": index})
    assert isinstance(refused, Refusal)
    assert refused.reason == "no abstract"


letters = st.characters(exclude_categories=["Z", "C"], exclude_characters="<")


@given(st.lists(st.text(letters, min_size=1), min_size=1, max_size=40))
def test_words_come_back_in_the_order_of_their_places(words: list[str]):
    text = " ".join(words)
    shuffled = dict(sorted(inverted(text).items()))
    record = to_record(WORK | {"abstract_inverted_index": shuffled}, Sighting(source="x"))
    assert record.abstract == text


def test_a_place_however_large_takes_no_memory(tmp_path: Path):
    index = {"Alpha": [0], "keeps the cache on disk.": [10**17]}
    [record] = read(tmp_path, WORK | {"abstract_inverted_index": index})
    assert isinstance(record, SourceRecord)
    assert record.abstract == "Alpha keeps the cache on disk."
