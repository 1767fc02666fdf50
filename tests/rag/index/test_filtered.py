"""Searches among some papers: what all of them would give, without the others, in every part."""

import datetime
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index import bm25, chroma
from footnote.rag.index.chunking import facts_of, paper_of_chunk
from footnote.rag.index.facts import prepare
from footnote.rag.index.index import Index
from footnote.rag.index.writer import IndexWriter, unwatched
from footnote.rag.retrieval.hybrid import HybridRetriever, fuse_ranks
from tests.rag.index.small import ALPHA, BRAVO, empty_index, filled_index, paper, save
from tests.rag.index.test_facts import forget_facts

pytestmark = pytest.mark.slow

WORDS = [
    "blocks",
    "caches",
    "disks",
    "models",
    "zebras",
    "routes",
    "queries",
    "tokens",
    "layers",
    "graphs",
]
N_PAPERS = 30
IDS = [f"title:paper {n}" for n in range(N_PAPERS)]
some_ids = st.frozensets(st.sampled_from([*IDS, "title:nowhere"]))
vectors = st.integers(0, 10_000).map(lambda seed: np.random.default_rng(seed).normal(size=64))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    chosen = random.Random(0)  # noqa: S311
    index = empty_index(tmp_path_factory.mktemp("index"))
    sentences = [
        [f"It has {' '.join(chosen.choices(WORDS, k=5))} {n}." for n in range(chosen.randint(1, 4))]
        for _ in IDS
    ]
    own = [paper(f"Paper {n}", " ".join(said)) for n, said in enumerate(sentences)]
    save(index, *own)
    IndexWriter(index).update(unwatched)
    return index


def dimension(index: Index) -> int:
    return index.snapshot().card.dimension or 0


@settings(max_examples=60)
@given(some_ids, vectors, st.integers(1, 200))
@pytest.mark.parametrize("exact_up_to", [1_000, 0])
def test_vectors_find_among_some_papers_what_they_find_of_all_without_the_others(
    index: Index, exact_up_to: int, only: frozenset[str], vector: np.ndarray, depth: int
):
    searched = index.snapshot().vector_search(exact_up_to)
    asked = np.resize(vector, dimension(index)).tolist()
    of_all = searched.nearest(asked, depth=1_000)
    expected = [(i, cosine) for i, cosine in of_all if paper_of_chunk(i) in only]
    found = searched.nearest(asked, depth=depth, only=only)
    # Two sentences may be as near; which of them comes first is not told.
    assert [c for _, c in found] == pytest.approx([c for _, c in expected[:depth]], abs=1e-6)
    assert {i for i, _ in found} <= {i for i, _ in expected}
    assert len({i for i, _ in found}) == len(found)


@settings(max_examples=60)
@given(
    some_ids,
    st.lists(st.sampled_from([*WORDS, "zebrs"]), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_words_find_among_some_papers_what_they_find_of_all_without_the_others(
    index: Index, only: frozenset[str], words: list[str], depth: int
):
    of_all = index.bm25.search(" ".join(words), depth=1_000)
    expected = [(i, score) for i, score in of_all if i in only][:depth]
    found = index.bm25.search(" ".join(words), depth=depth, only=only)
    assert [s for _, s in found] == pytest.approx([s for _, s in expected])
    assert {i for i, _ in found} <= {i for i, _ in of_all if i in only}


def test_words_find_the_same_whether_papers_are_named_or_looked_for_among_all(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    asked = [(words, frozenset(IDS[first::step])) for words in ("models", "caches disks graphs")
             for step in (1, 2, 5) for first in range(step)]  # fmt: skip
    names = [*WORDS, "zebrs", "nowhere"]

    def found() -> list[object]:
        searches = [index.bm25.search(words, depth=3, only=only) for words, only in asked]
        known = [[index.bm25.knows(name, only) for name in names] for _, only in asked]
        return [searches, known]

    named = found()
    monkeypatch.setattr(bm25, "_MOST_NAMED", 0)
    assert found() == named
    # Of so few that are looked at first none may be found, though there are some.
    monkeypatch.setattr(bm25, "_WIDER", (1,))
    assert found() == named


@pytest.mark.parametrize("exact_up_to", [1_000, 0])
def test_what_is_found_in_some_papers_comes_to_the_depth_asked_for(index: Index, exact_up_to: int):
    search = index.snapshot().vector_search(exact_up_to)
    retriever = HybridRetriever(search, index.bm25, depth=200, fuse=fuse_ranks)
    query = index.embedder.query("which zebras and models?")
    for only in (frozenset(IDS[:7]), frozenset[str]()):
        found = retriever.retrieve(replace(query, only=only))
        assert {each.paper_id for each in found} == only
    assert len(retriever.retrieve(query)) == N_PAPERS


def test_many_papers_are_named_in_several_searches_or_in_none(
    index: Index, monkeypatch: pytest.MonkeyPatch
):
    asked = np.ones(dimension(index)).tolist()
    of_all = index.vectors.nearest(asked, depth=1_000)
    monkeypatch.setattr(chroma, "_MOST_NAMED", 4)
    for only in (frozenset(IDS[:25]), frozenset(IDS[:9])):
        for depth in (3, 50):
            expected = [i for i, _ in of_all if i in only][:depth]
            found = index.vectors.nearest(asked, depth=depth, only=only)
            assert [i in only for i, _ in found] == [True] * len(expected)
            by_id = dict(of_all)
            assert [c for _, c in found] == pytest.approx([by_id[i] for i in expected], abs=1e-6)


def test_papers_that_hold_every_word_in_a_form_are_told_all_of_them(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    held = index.bm25.holding
    assert held("routing a question") == [BRAVO.paper_id]
    assert held("it") == []
    assert held("") == []
    assert held("block cheap") == []
    assert held("zebras") == []
    assert held("fast blocking") == [ALPHA.paper_id]
    assert held("qestions") == []  # as it is written: nothing is guessed of what is counted


KNOWN: dict[str, object] = {
    "date": datetime.date(2024, 3, 9),
    "organisation": "ACME",
    "upvotes": 3,
    "authors": ("Ada Li", "Bo Ek"),
    "n_authors": 2,
    "sightings": (Sighting(source="a.txt"), Sighting(source="b.txt"), Sighting(source="a.txt")),
}


def rows_where(index: Index, where: dict[str, object]) -> set[str]:
    found = index.vectors._collection.get(where=where, include=[])  # pyright: ignore
    return set(found["ids"])


def update(index: Index, *papers: Paper) -> None:
    save(index, *papers)
    IndexWriter(index).update(unwatched)


WHERES: list[dict[str, object]] = [
    {"date": {"$gte": 20240309}},
    {"year": 2024},
    {"organisation": "ACME"},
    {"upvotes": {"$gt": 2}},
    {"n_authors": 2},
    {"authors": {"$contains": "Bo Ek"}},
    {"sources": {"$contains": "b.txt"}},
]


def test_other_programs_can_filter_the_rows_of_chroma_by_what_is_known(tmp_path: Path):
    index = empty_index(tmp_path / "index")
    update(index, ALPHA.model_copy(update=KNOWN), BRAVO)
    for where in WHERES:
        assert rows_where(index, where) == {ALPHA.paper_id}, where
    assert rows_where(index, {"withdrawn": False}) == {ALPHA.paper_id, BRAVO.paper_id}


def test_what_changes_without_the_text_reaches_the_rows(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    before = index.catalogue.state()
    update(index, ALPHA.model_copy(update=KNOWN))
    for where in WHERES:
        assert rows_where(index, where) == {ALPHA.paper_id}, where
    update(index, ALPHA.model_copy(update={"withdrawn": True}))
    for where in WHERES:
        assert rows_where(index, where) == set(), where
    assert rows_where(index, {"withdrawn": True}) == {ALPHA.paper_id}
    assert index.catalogue.state() == before  # nothing was embedded or added anew
    assert index.snapshot().is_sealed
    assert index.problems() == []


def test_a_writer_killed_before_it_told_the_rows_is_finished_by_the_next_command(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    save(index, ALPHA.model_copy(update=KNOWN))
    IndexWriter(index).recover()
    assert rows_where(index, {"organisation": "ACME"}) == {ALPHA.paper_id}


def test_an_index_made_before_rows_had_facts_is_given_them_in_place(tmp_path: Path):
    index = filled_index(tmp_path / "index")
    update(index, ALPHA.model_copy(update=KNOWN))
    gone = dict.fromkeys(facts_of(ALPHA))
    ids = sorted(index.vectors.ids())
    index.vectors._collection.update(ids=ids, metadatas=[gone] * len(ids))  # pyright: ignore
    forget_facts(index.catalogue)
    assert rows_where(index, {"withdrawn": False}) == set()
    prepare(index.catalogue._db)  # pyright: ignore
    IndexWriter(index).recover()
    assert rows_where(index, {"withdrawn": False}) == {ALPHA.paper_id, BRAVO.paper_id}
    assert rows_where(index, {"year": 2024}) == {ALPHA.paper_id}


def test_a_copy_of_a_snapshot_has_the_facts_too(tmp_path: Path):
    index = empty_index(tmp_path / "index")
    update(index, ALPHA.model_copy(update=KNOWN), BRAVO)
    IndexWriter(index)._compact(unwatched)  # pyright: ignore
    assert index.vectors.ids() == {ALPHA.paper_id, BRAVO.paper_id}
    for where in WHERES:
        assert rows_where(index, where) == {ALPHA.paper_id}, where
