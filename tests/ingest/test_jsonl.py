import datetime
import json
from pathlib import Path

import pytest

from ingest.record import Refusal, SourceRecord
from ingest.sources import read_source

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
        (GOOD | {"date": "soon"}, "date"),
        (GOOD | {"upvotes": -1}, "greater than or equal to 0"),
        ("[" * 100_000, "not"),
        (json.dumps(GOOD)[:-1] + f', "upvotes": {"9" * 5_000}}}', "Exceeds the limit"),
        (json.dumps(GOOD)[:-1] + ', "upvotes": 99999999999999999999}', "upvotes"),
        (json.dumps(GOOD)[:-1] + ', "n_authors": NaN}', "n_authors"),
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
