import datetime
import json
from pathlib import Path

import pytest

from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import read_source

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
