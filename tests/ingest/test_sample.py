"""The bundled digests are our own words, with the papers' facts."""

import json
import re

import pytest

from footnote.ingest.clean import clean_text
from footnote.ingest.record import Refusal
from footnote.ingest.sources import read_source
from footnote.rag.core.config import Config
from footnote.rag.core.records import Paper, paper_id
from footnote.rag.core.text import words
from footnote.rag.index.catalogue import Catalogue
from tests.conftest import SAMPLE, needs_shared

RECORDS = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
MAX_COMMON_RUN = 7
NUMBER = re.compile(r"\d+(?:\.\d+)?")
each_digest = pytest.mark.parametrize("record", RECORDS, ids=[r["title"][:40] for r in RECORDS])


def test_the_sample_is_read_without_a_refusal():
    items = list(read_source(SAMPLE, SAMPLE.name))
    assert [i for i in items if isinstance(i, Refusal)] == []
    assert len({paper_id(r["title"]) for r in RECORDS}) == len(items) == 408


@each_digest
def test_a_digest_has_sixty_to_a_hundred_and_thirty_clean_words(record: dict[str, str]):
    assert 60 <= len(record["digest"].split()) <= 130
    assert clean_text(record["digest"]) == record["digest"]
    assert set(record) <= {"title", "date", "n_authors", "organisation", "digest"}


@pytest.fixture(scope="module")
def papers(pages_config: Config) -> dict[str, Paper]:
    return {p.paper_id: p for p in Catalogue(pages_config.index / "catalogue.sqlite").papers()}


@needs_shared
@each_digest
def test_a_digest_says_what_its_abstract_says(record: dict[str, str], papers: dict[str, Paper]):
    paper = papers[paper_id(record["title"])]
    assert (record["title"], record.get("date"), record.get("n_authors")) == (
        paper.title,
        paper.date and str(paper.date),
        paper.n_authors,
    )
    assert record.get("organisation") == paper.organisation
    assert numbers(record["digest"]) <= numbers(f"{paper.title} {paper.abstract}")
    assert common_runs(record["digest"], paper) == []


def numbers(text: str) -> set[str]:
    # `8,16,32` is three numbers, `242,000` one, and `M³` holds none.
    joined = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return set(NUMBER.findall(re.sub(r"[⁰¹²³⁴-⁹₀-₉]", " ", joined)))


def common_runs(digest: str, paper: Paper) -> list[str]:
    """Runs of more than seven words that the digest shares with the abstract, but for its title."""
    n = MAX_COMMON_RUN + 1
    title, ours, theirs = words(paper.title), words(digest), words(paper.abstract)
    runs = {tuple(theirs[i : i + n]) for i in range(len(theirs) - n + 1)}
    runs -= {tuple(title[i : i + n]) for i in range(len(title) - n + 1)}
    return [
        " ".join(ours[i : i + n])
        for i in range(len(ours) - n + 1)
        if tuple(ours[i : i + n]) in runs
    ]
