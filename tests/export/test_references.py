"""Papers as BibTeX, RIS and CSL-JSON: our own ingest reads back what is written."""

import datetime
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from footnote.export.references import (
    Referrer,
    bibtex,
    csl,
    csl_array,
    ris,
)
from footnote.export.tables import papers_csv
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord, fault
from footnote.ingest.sources import read_source
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Paper, Sighting

# What BibTeX, LaTeX, RIS, CSV, Markdown, HTML and terminals take for signs of their own, and
# letters of scripts that they are not made for.
NASTY = "{}%$&#_^~\\\"'`<>[]()|*=+-@;:,.!? \n\t\r12aBé漢字עברית“”–×∞̈\u202e\u200b"
text = st.text(NASTY, max_size=40)
name = st.text(st.sampled_from("{}%$&#_~\\\"'<> aBÉéо李ב-."), min_size=1, max_size=20)
teams = st.sampled_from(["The Egret Team", "Wheels and Cogs", "Université {de} l'Île", "van Egret"])


@st.composite
def papers(draw: st.DrawFn) -> Paper:
    record = SourceRecord(
        title=f"{draw(text)}T{draw(text)}",
        abstract=f"{draw(text)} We keep the cache on disk. {draw(text)}",
        sighting=Sighting(source="made"),
        date=draw(
            st.none()
            | st.dates(datetime.date(1991, 1, 1), datetime.date(2030, 1, 1))
            | st.builds(PartialDate, st.integers(1991, 2030), st.none() | st.integers(1, 12))
        ),
        authors=tuple(draw(st.lists(name, max_size=4))),
        group_authors=tuple(draw(st.lists(name | teams, max_size=2))),
        arxiv_id=draw(st.sampled_from([None, "2309.06180", "cs/0112017"])),
        version_number=draw(st.sampled_from([None, 1, 12])),
        doi=draw(st.sampled_from([None, "10.1000/a_b%c&d", "10.1145/3600006.3613165"])),
        withdrawn=draw(st.booleans()),
        tags=tuple(
            draw(st.lists(st.sampled_from(["caching", "to read", "50% \\& more"]), max_size=2))
        ),
    )
    if not record.arxiv_id:
        record = record.model_copy(update={"version_number": None})
    names = (*record.authors, *record.group_authors)
    names = tuple(n for n in names if any(c.isalpha() for c in n))
    record = record.model_copy(update={"authors": names})
    assert fault(record) is None
    paper = to_paper(record)
    # What looks like a tag of HTML is left out of an abstract wherever that is read.
    assume(not re.search("</?[A-Za-z]", paper.abstract))
    return paper


def read(written: str, folder: Path, file: str) -> list[Paper]:
    (folder / file).write_text(written, encoding="utf-8", newline="")
    records = list(read_source(folder / file, file))
    return [to_paper(r) for r in records if isinstance(r, SourceRecord)]


def what_is_cited(paper: Paper) -> tuple[object, ...]:
    return (
        paper.title,
        paper.abstract,
        paper.authors,
        paper.date,
        paper.arxiv_id,
        paper.version_number,
        paper.doi,
        paper.withdrawn,
        paper.tags,
    )


def as_bibtex(written: Iterable[Paper]) -> str:
    return "\n".join(map(bibtex, map(Referrer().of, written)))


def as_ris(written: Iterable[Paper]) -> str:
    return "".join(map(ris, map(Referrer().of, written)))


def as_csl(written: Iterable[Paper]) -> str:
    return "".join(csl_array(map(Referrer().of, written)))


WRITERS = {
    "papers.bib": as_bibtex,
    "papers.ris": as_ris,
    "papers.json": as_csl,
    "papers.csv": lambda written: "".join(papers_csv(written)),
}


@pytest.mark.parametrize(("file", "write"), WRITERS.items(), ids=WRITERS)
@given(written=st.lists(papers(), min_size=1, max_size=3))
def test_what_is_written_is_read_back_as_the_same_papers(
    tmp_path_factory: pytest.TempPathFactory,
    file: str,
    write: Callable[[Iterable[Paper]], str],
    written: list[Paper],
):
    if file == "papers.csv":  # a text lists the names there, which an `and` would cut
        assume(not any(" and " in name for p in written for name in p.authors))
    back = read(write(written), tmp_path_factory.getbasetemp(), file)
    assert list(map(what_is_cited, back)) == list(map(what_is_cited, written))
    if file != "papers.csv":
        cited, again = ([Referrer().of(p).authors for p in of] for of in (written, back))
        assert again == cited


TEAMS = ("The Egret Team", "Wheels and Cogs, Inc.", "Ada Lovelace", "OpenAI")


@pytest.mark.parametrize(
    ("file", "write", "names"),
    [
        (
            "papers.bib",
            as_bibtex,
            "{The Egret Team} and {Wheels and Cogs, Inc.} and Lovelace, Ada and OpenAI",
        ),
        (
            "papers.ris",
            as_ris,
            "The Egret Team,\nAU  - Wheels and Cogs,, Inc.\nAU  - Lovelace, Ada\nAU  - OpenAI\n",
        ),
        ("papers.json", as_csl, '"literal": "The Egret Team"'),
    ],
    ids=["bibtex", "ris", "csl"],
)
def test_the_name_of_a_group_stays_whole(
    tmp_path: Path, file: str, write: Callable[[Iterable[Paper]], str], names: str
):
    paper = made("T", authors=TEAMS, n_authors=4, group_authors=TEAMS[:2])
    written = write([paper])
    assert names in written
    [back] = read(written, tmp_path, file)
    assert (back.authors, back.group_authors) == (TEAMS, TEAMS[:2])
    assert write([back]) == written


def made(title: str, **more: object) -> Paper:
    paper = to_paper(
        SourceRecord(
            title=title,
            abstract="We keep the cache on disk.",
            sighting=Sighting(source="made"),
        )
    )
    return paper.model_copy(update=more)


@given(st.lists(st.builds(lambda t: made("T").model_copy(update={"title": t or "T"}), text)))
def test_no_text_breaks_an_entry_of_bibtex_or_the_next_one(written: list[Paper]):
    for entry in map(bibtex, map(Referrer().of, written)):
        # BibTeX counts braces, with a backslash before them or without.
        depth = 0
        for at, sign in enumerate(entry):
            depth += (sign == "{") - (sign == "}")
            assert depth > 0 or at < entry.index("{") or not entry[at + 1 :].strip()
        assert depth == 0


def test_a_key_is_the_papers_own_or_made_of_author_year_and_title_and_no_two_are_alike():
    zhu = made(
        "NanoFlow: Towards Throughput", authors=("Kan Zhu",), date=datetime.date(2024, 8, 22)
    )
    own = made("Other", cite_keys=("{bad}", "Zhu:2024"))
    referrer = Referrer()
    again = zhu.model_copy(update={"paper_id": "title:other"})
    keys = [referrer.of(p).key for p in (zhu, own, again, made("A Cache on Disk"), made("漢字"))]
    assert keys[:2] == ["zhu2024nanoflow", "Zhu:2024"]
    assert keys[2].startswith("zhu2024nanoflow-")
    assert keys[3:] == ["cache", "paper"]
    assert [Referrer().of(again).key] == ["zhu2024nanoflow"]


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("Ludwig van Beethoven", "van Beethoven", "Ludwig"),
        ("Plato", "Plato", ""),
        ("Martin Luther, Jr. King", "King", "Martin Luther, Jr."),
        ("山田 太郎", "太郎", "山田"),
    ],
)
def test_a_family_name_is_told_with_its_particles(name: str, family: str, given: str):
    [author] = Referrer().of(made("T", authors=(name,))).authors
    assert (author.family, author.given) == (family, given)


def test_a_year_that_a_page_did_not_tell_is_not_cited():
    guessed = made("Cache", date=datetime.date(2024, 1, 2), date_inferred=True)
    assert "2024" not in bibtex(Referrer().of(guessed))


def test_quotes_are_notes_that_no_style_of_bibtex_prints():
    paper = made("Cache")
    reference = Referrer({paper.paper_id: ["It is 5% faster."]}).of(paper)
    assert "annote = {“It is 5\\% faster.”}" in bibtex(reference)
    assert "N1  - “It is 5% faster.”" in ris(reference)
    assert csl(reference)["note"] == "It is 5% faster."


def test_tags_are_keywords_as_zotero_reads_them():
    reference = Referrer().of(made("Cache", tags=("disk, or; tape", "to read")))
    assert "keywords = {disk or tape, to read}" in bibtex(reference)
    assert re.findall("KW  - (.*)", ris(reference)) == ["disk, or; tape", "to read"]
    assert csl(reference)["keyword"] == "disk or tape, to read"


def test_no_papers_are_an_empty_list():
    assert json.loads(as_csl([])) == []


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", None])
def test_what_is_no_address_of_the_web_is_left_out(url: str | None):
    assert Referrer().of(made("T", url=url)).url is None
