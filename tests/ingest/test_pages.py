"""Listing pages in each layout, whole and damaged; the texts are our own."""

import datetime
import os
from pathlib import Path

import pytest

from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import FORMAT_NAMES, read_source

ABSTRACT_A = (
    "Alpha keeps the cache of a language model on disk and fetches only what the next token needs. "
    "It predicts which blocks those are from the attention of the layer before. On one laptop Alpha "
    "writes 3.1 tokens a second with a model of 70 billion parameters, 2.5times more than paging."
)
ABSTRACT_B = (
    "Bravo trains a router that sends easy questions to a small model and hard ones to a large one. "
    "The router reads the question alone and costs less than a millisecond. Over four test sets it "
    "halves the bill while the answers stay within one point of those of the large model."
)
ABSTRACT_C = (
    "Charlie compresses gradients to two bits before they cross the network and keeps the error for "
    "the next step. Convergence is proved for smooth losses. Training on 64 workers takes 38% less "
    "time over slow links, and the final accuracy of the network does not change measurably at all."
)

SPACED = f"""new

Get trending papers in your email inbox!

Subscribe

byAK and the research community

Mar 14

Alpha: A Cache on Disk

{ABSTRACT_A}

Bravo: Routing Questions

{ABSTRACT_B}
"""
GLUED = (
    "Get trending papers in your email inbox once a day!\n"
    "Get trending papers in your email inbox!\n"
    f"SubscribeAlpha: A Cache on Disk\n{ABSTRACT_A}\nBravo: Routing Questions\n{ABSTRACT_B}"
)
DETAILED = f"""Daily Papers

byAK and the research community

Dec 10

Alpha: A Cache on Disk

{ABSTRACT_A}

  • 6 authors
·
Sep 22, 2022

Bravo: Routing Questions

{ABSTRACT_B}

some-lab Some Lab
·
May 14 5

Charlie: Two-Bit Gradients

{ABSTRACT_C}
"""


def read(tmp_path: Path, text: str | bytes) -> tuple[list[SourceRecord], list[Refusal]]:
    page = tmp_path / "page.txt"
    page.write_bytes(text.encode() if isinstance(text, str) else text)
    items = list(read_source(page, page.name))
    return (
        [i for i in items if isinstance(i, SourceRecord)],
        [i for i in items if isinstance(i, Refusal)],
    )


@pytest.mark.parametrize("page", [SPACED, GLUED], ids=["spaced", "glued"])
def test_titles_and_abstracts_of_plain_layouts(tmp_path: Path, page: str):
    records, refusals = read(tmp_path, page)
    assert [(r.title, r.abstract) for r in records] == [
        ("Alpha: A Cache on Disk", ABSTRACT_A),
        ("Bravo: Routing Questions", ABSTRACT_B),
    ]
    assert refusals == []


def test_a_page_without_any_year_keeps_its_day_without_one(tmp_path: Path):
    records, _ = read(tmp_path, SPACED)
    assert {r.sighting.day for r in records} == {"--03-14"}


def test_details_of_the_third_layout(tmp_path: Path):
    (alpha, bravo, charlie), refusals = read(tmp_path, DETAILED)
    assert (alpha.date, alpha.date_inferred) == (datetime.date(2022, 9, 22), False)
    assert (alpha.n_authors, alpha.organisation, alpha.upvotes) == (6, None, None)
    # The page spells out 2022 at the latest, so what has no year is of 2023.
    assert (bravo.date, bravo.date_inferred) == (datetime.date(2023, 5, 14), True)
    assert (bravo.n_authors, bravo.organisation, bravo.upvotes) == (None, "some-lab", 5)
    assert (charlie.title, charlie.date, charlie.n_authors) == (
        "Charlie: Two-Bit Gradients",
        None,
        None,
    )
    assert alpha.sighting.day == "2023-12-10"
    assert refusals == []


@pytest.mark.parametrize("cut", range(200, len(DETAILED.encode()), 61))
def test_a_page_cut_anywhere_keeps_whole_records_and_loses_none_silently(tmp_path: Path, cut: int):
    records, refusals = read(tmp_path, DETAILED.encode()[:cut])
    whole = [a for a in (ABSTRACT_A, ABSTRACT_B, ABSTRACT_C) if a in DETAILED[:cut]]
    assert [r.abstract for r in records][: len(whole)] == whole
    # What was cut is either a shorter abstract or a refusal by its title.
    titles = [
        t
        for t in ("Alpha:", "Bravo:", "Charlie:")
        if t in DETAILED.encode()[:cut].decode(errors="ignore")
    ]
    named = [r.title for r in records] + [r.record or "" for r in refusals]
    assert all(any(n.startswith(t) for n in named) for t in titles)


def test_a_page_that_begins_inside_an_abstract(tmp_path: Path):
    records, refusals = read(tmp_path, DETAILED[DETAILED.index("predicts which") - 20 :])
    assert [r.title[:5] for r in records] == ["Bravo", "Charl"]
    # The rest of Alpha's abstract has no title any more, so it may not be taken for anyone's.
    assert len(refusals) == 1


def test_a_paragraph_without_title_is_never_given_to_a_neighbour(tmp_path: Path):
    page = SPACED.replace("Bravo: Routing Questions\n\n", "")
    records, [refusal] = read(tmp_path, page)
    assert [r.abstract for r in records] == [ABSTRACT_A]
    assert refusal.reason == "a paragraph without a title above it"


def test_a_title_without_abstract_is_refused_and_the_rest_goes_on(tmp_path: Path):
    page = SPACED.replace(ABSTRACT_A, "")
    records, [refusal] = read(tmp_path, page)
    assert [r.title for r in records] == ["Bravo: Routing Questions"]
    assert refusal.record == "Alpha: A Cache on Disk"


def test_the_dot_may_follow_the_abstract_at_once(tmp_path: Path):
    records, refusals = read(tmp_path, DETAILED.replace("  • 6 authors\n", ""))
    assert (len(records), refusals) == (3, [])
    assert records[0].date == datetime.date(2022, 9, 22)


def test_broken_details_do_not_stop_the_page(tmp_path: Path):
    bad = DETAILED.encode().replace(b"some-lab Some Lab", b"\xff\xfe bad")
    assert len(read(tmp_path, bad)[0]) >= 2
    many = DETAILED.replace("6 authors", "9" * 5_000 + " authors")
    assert len(read(tmp_path, many)[0]) >= 2


def test_a_date_that_does_not_exist_leaves_the_record(tmp_path: Path):
    records, refusals = read(tmp_path, DETAILED.replace("Sep 22, 2022", "Feb 30, 2022"))
    assert (records[0].date, refusals) == (None, [])


def test_a_line_that_is_not_utf8_costs_only_its_record(tmp_path: Path):
    damaged = SPACED.encode().replace(b"Alpha keeps", b"Alpha k\xe9eps")
    records, [refusal] = read(tmp_path, damaged)
    assert [r.title for r in records] == ["Bravo: Routing Questions"]
    assert "byte 0xe9" in refusal.reason
    assert refusal.record == "Alpha: A Cache on Disk"


def test_a_huge_line_costs_only_its_record(tmp_path: Path):
    records, [refusal] = read(tmp_path, SPACED.replace(ABSTRACT_A, "x" * 50_000_000))
    assert [r.title for r in records] == ["Bravo: Routing Questions"]
    assert "50,000,001 bytes" in refusal.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "an empty file", id="empty"),
        pytest.param(b" \n\n", "an empty file", id="blank"),
        pytest.param(b"\x89PNG\r\n\x00\x00rest", "a binary file", id="binary"),
        pytest.param("Alpha\n".encode("utf-16"), "UTF-16 text; save it as UTF-8", id="utf-16"),
        pytest.param(b"just\na poem\nof short lines\n", f"not {FORMAT_NAMES}", id="poem"),
    ],
)
def test_files_that_are_no_page(tmp_path: Path, content: bytes, reason: str):
    records, [refusal] = read(tmp_path, content)
    assert (records, refusal.record, refusal.reason) == ([], None, reason)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for name, path in (("pipe", tmp_path / "pipe"), ("null", Path(os.devnull))):
        [refusal] = read_source(path, name)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "not a regular file"


def test_a_missing_file_is_refused_by_name(tmp_path: Path):
    [refusal] = read_source(tmp_path / "nowhere.txt", "nowhere.txt")
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "No such file or directory"


@pytest.mark.parametrize(
    ("shown", "upvotes"), [("5", 5), ("1,234", 1234), ("1.2k", 1200), ("12K", 12_000)]
)
def test_upvotes_as_they_are_shown_keep_the_date(tmp_path: Path, shown: str, upvotes: int):
    records, refusals = read(tmp_path, DETAILED.replace("May 14 5", f"May 3, 2023 {shown}"))
    assert refusals == []
    assert (records[1].date, records[1].upvotes) == (datetime.date(2023, 5, 3), upvotes)


@pytest.mark.parametrize(
    ("day", "kept"), [("Feb 30", None), ("Mar 77", None), ("Feb 29", "--02-29")]
)
def test_the_day_of_a_page_is_one_that_exists(tmp_path: Path, day: str, kept: str | None):
    records, _ = read(tmp_path, SPACED.replace("Mar 14", day))
    assert {r.sighting.day for r in records} == {kept}
