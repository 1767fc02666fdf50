"""Papers over a real catalogue: any order and any batches of the same records, the same papers."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.identity.explain import explain, split_paper
from footnote.ingest.identity.keys import CROWD, identity_keys
from footnote.ingest.identity.merge import CLEANING, regroup, split, to_paper, to_part
from footnote.ingest.pipeline import ingest
from footnote.ingest.record import SourceRecord
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import PaperError
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.index import Index
from footnote.rag.index.stored import Part

T1, T2 = "A Cache That Lives on Disk", "Blocks Predicted Before They Are Read"
T3 = "Routing Questions to Cheap Models"
A1 = "The system keeps what it needs near and the rest far away, and it measures both. " * 4
A2 = "Quite another matter altogether is told about colours of glaze on old pots here. " * 4
A3 = "A third text speaks of routers that read the question alone and choose a model fast. " * 4
ALONE = "Introduction"


def record(title: str, abstract: str = A1, *, source: str = "a", **fields: object) -> SourceRecord:
    sighting = Sighting(source=source, service=fields.pop("service", None))  # pyright: ignore[reportArgumentType]
    return SourceRecord(title=title, abstract=abstract, sighting=sighting, **fields)  # pyright: ignore[reportArgumentType]


def take_in(catalogue: Catalogue, records: Iterable[SourceRecord]) -> None:
    catalogue.regroup(regroup(map(to_part, records), catalogue))


def catalogue_of(folder: Path, *batches: Sequence[SourceRecord]) -> Catalogue:
    catalogue = Catalogue(folder / "catalogue.sqlite", create=True)
    for batch in batches:
        take_in(catalogue, batch)
    return catalogue


def folder(tmp_path: Path) -> Path:
    other = tmp_path / "other"
    other.mkdir()
    return other


def works(catalogue: Catalogue) -> set[tuple[frozenset[str], str]]:
    """Each paper without its id: the records it is made of, and what became of them."""
    papers = catalogue.papers()
    parts = catalogue.parts_of(papers)
    return {
        (
            frozenset(p.part_id for p in parts[paper.paper_id]),
            paper.model_copy(update={"paper_id": "-"}).model_dump_json(),
        )
        for paper in papers
    }


CHAIN = [record(T1, A1), record(T2, A3), record(T1, A3)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("at_once", [True, False], ids=["batch", "one-by-one"])
def test_a_chain_is_one_paper_in_any_order(tmp_path: Path, order: tuple[int, ...], at_once: bool):
    records = [CHAIN[at] for at in order]
    batches = [records] if at_once else [[r] for r in records]
    catalogue = catalogue_of(tmp_path, *batches)
    assert len(catalogue) == 1
    assert works(catalogue) == works(catalogue_of(folder(tmp_path), CHAIN))


def test_two_known_papers_can_turn_out_to_be_one_and_both_ids_find_it(tmp_path: Path):
    catalogue = catalogue_of(tmp_path, [CHAIN[0]], [CHAIN[1]])
    older, newer = (to_paper(r).paper_id for r in CHAIN[:2])
    assert {p.paper_id for p in catalogue.papers()} == {older, newer}
    take_in(catalogue, [CHAIN[2]])
    assert [p.paper_id for p in catalogue.papers()] == [older]
    assert catalogue.resolve(newer) == catalogue.resolve(older) == older
    # The index may still hold the other one; it is told so.
    assert newer in {version.paper_id for version in catalogue.tombstones()}


texts = st.sampled_from([A1, A2, A3, A1[:120], A1 + A2, f"{A1}This version says more."])
some_records = st.builds(
    lambda title, abstract, arxiv_id, version, doi, author, key, source, withdrawn, service: record(
        title, abstract, arxiv_id=arxiv_id, version_number=version if arxiv_id else None, doi=doi,
        authors=(author,) if author else (), cite_key=key, source=source, withdrawn=withdrawn,
        service=service,
    ),
    st.sampled_from([T1, T2, T3, T1.upper(), ALONE]),
    texts,
    st.sampled_from([None, None, "2301.00001", "2301.00002"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from([None, None, "10.1000/a", "10.1000/b"]),
    st.sampled_from([None, "Ada Lovelace", "Charles Babbage"]),
    st.sampled_from([None, "key1"]),
    st.sampled_from(["a", "b"]),
    st.booleans(),
    st.sampled_from([None, None, "hf", "arxiv"]),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(some_records, min_size=1, max_size=7))
def test_order_and_batches_do_not_matter(data: st.DataObject, records: list[SourceRecord]):
    order = data.draw(st.permutations(records))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(records)))))
    batches = [order[a:b] for a, b in itertools.pairwise([0, *cuts, len(order)])]
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        whole = catalogue_of(Path(one), records)
        cut = catalogue_of(Path(other), *batches)
        assert works(whole) == works(cut)
        for catalogue in (whole, cut):
            ids = {p.paper_id for p in catalogue.papers()}
            # Every id that a record could have had leads to a paper.
            assert all(catalogue.resolve(to_paper(r).paper_id) in ids for r in records)
            assert all(
                catalogue.resolve(f"arxiv:{r.arxiv_id}") in ids for r in records if r.arxiv_id
            )
        before = works(whole)
        take_in(whole, records)
        assert works(whole) == before


def one(catalogue: Catalogue) -> Paper:
    [paper] = catalogue.papers()
    return paper


def test_one_work_over_arxiv_doi_and_a_listing(tmp_path: Path):
    catalogue = catalogue_of(
        tmp_path,
        [record(T1, A1, source="page.txt")],
        [record(T1, A2, source="arXiv", arxiv_id="2301.00001", version_number=1, doi="10.1000/a")],
        [record("Renamed in the Journal", A3, source="refs.bib", doi="10.1000/a", cite_key="k")],
    )
    paper = one(catalogue)
    # The listing's id came first and stays; the others lead to it.
    assert paper.paper_id == to_paper(record(T1)).paper_id
    assert catalogue.resolve("arxiv:2301.00001") == catalogue.resolve("doi:10.1000/a")
    assert (paper.arxiv_id, paper.doi, paper.cite_keys) == ("2301.00001", "10.1000/a", ("k",))
    assert paper.url == "https://arxiv.org/abs/2301.00001"
    explained = explain(catalogue, "doi:10.1000/a")
    assert {r.source for r in explained.records} == {"page.txt", "arXiv", "refs.bib"}
    assert {j.key.partition(":")[0] for j in explained.joins} == {"doi", "title"}


@pytest.mark.parametrize(
    ("fields", "own_id"),
    [
        ({"arxiv_id": "2301.00001", "doi": "10.1000/a"}, "arxiv:2301.00001"),
        ({"doi": "10.1000/a"}, "doi:10.1000/a"),
        ({}, to_paper(record(T1)).paper_id),
    ],
)
def test_a_new_paper_is_called_by_its_best_id(tmp_path: Path, fields: dict[str, str], own_id: str):
    assert one(catalogue_of(tmp_path, [record(T1, **fields)])).paper_id == own_id


def versions(*numbers: int, withdrawn: int | None = None) -> list[SourceRecord]:
    texts = {1: A1 + A2, 2: A1, 3: "This paper has been withdrawn by its authors."}
    return [
        record(T1, texts[n], arxiv_id="2301.00001", version_number=n, withdrawn=n == withdrawn)
        for n in numbers
    ]


def test_the_newest_version_wins_though_it_is_shorter(tmp_path: Path):
    paper = one(catalogue_of(tmp_path, versions(2), versions(1)))
    assert (paper.abstract, paper.version_number) == (A1.strip(), 2)


def test_a_withdrawn_version_is_told_and_the_text_before_it_stays(tmp_path: Path):
    paper = one(catalogue_of(tmp_path, versions(3, 2, 1, withdrawn=3)))
    assert (paper.withdrawn, paper.abstract, paper.version_number) == (True, A1.strip(), 2)


def test_a_version_after_the_withdrawal_ends_it(tmp_path: Path):
    assert not one(catalogue_of(tmp_path, versions(1, 2, withdrawn=1))).withdrawn


@pytest.mark.parametrize(
    ("records", "n_papers"),
    [
        pytest.param([record(T1, A1, arxiv_id="2301.00001"), record(T1, A2, arxiv_id="2301.00002")], 2, id="two-arxiv-ids-share-a-title"),
        pytest.param([record(T1, A1, arxiv_id="2301.00001"), record(T1, A1[:100]), record(T1, A2, arxiv_id="2301.00002")], 2, id="a-listing-goes-to-the-likest"),
        pytest.param([record(T1, A1, authors=("Ada Lovelace",)), record(T1, A2, authors=("Kurt Gödel",))], 2, id="other-first-author"),
        pytest.param([record(T1, A1, authors=("Ada Lovelace",)), record(T1, A2, authors=("A. Lovelace",))], 1, id="same-first-author"),
        pytest.param([record(ALONE, A1, cite_key="k"), record(ALONE, A2, cite_key="k")], 1, id="bibtex-key-and-title"),
        pytest.param([record(T1, A1, cite_key="k"), record(T2, A2, cite_key="k")], 2, id="bibtex-key-alone"),
        pytest.param([record(T1, A1), record(T2, f"{A1}And more.")], 1, id="abstracts-alike"),
        pytest.param([record(T1, A1[:81] + A3), record(T2, A1[:81] + A2)], 2, id="abstracts-begin-alike"),
        pytest.param([record(T1, A1, doi="10.1000/a"), record(T1, A2, doi="10.1000/b")], 2, id="other-doi-other-text"),
        pytest.param([record(T1, A1, doi="10.1000/a"), record(T1, A1, doi="10.1000/b")], 1, id="other-doi-same-text"),
    ],
)  # fmt: skip
def test_what_speaks_for_and_against(tmp_path: Path, records: list[SourceRecord], n_papers: int):
    assert len(catalogue_of(tmp_path, records)) == n_papers
    assert len(catalogue_of(folder(tmp_path), *[[r] for r in reversed(records)])) == n_papers


def test_a_title_that_very_many_papers_have_joins_none_and_costs_little(tmp_path: Path):
    letters = "abcdefghijklmnopqrst"
    records = [
        record(ALONE, f"{a}{b}{c} " * 30)
        for a, b, c in itertools.product(letters, letters, letters[:10])
    ]
    assert len(records) > 20 * CROWD
    batches = [records[at : at + 200] for at in range(0, len(records), 200)]
    assert len(catalogue_of(tmp_path, *batches)) == len(records)


def test_told_apart_for_good(tmp_path: Path):
    records = [record(T1, A1, source="a"), record(T1, A2, source="b"), record(T1, A2, source="c")]
    catalogue = catalogue_of(tmp_path, records)
    paper = one(catalogue)
    parts = catalogue.parts_of([paper])[paper.paper_id]
    catalogue.regroup(regroup(split(parts), catalogue))
    papers = catalogue.papers()
    assert sorted(len(p.sightings) for p in papers) == [1, 2]
    assert paper.paper_id in {p.paper_id for p in papers}
    # A record that would join both joins one, and the two stay apart.
    take_in(catalogue, [record(T1, A2, source="d")])
    assert sorted(len(p.sightings) for p in catalogue.papers()) == [1, 3]


def test_works_that_share_a_title_get_ids_of_their_own(tmp_path: Path):
    catalogue = catalogue_of(tmp_path, [record(ALONE, A1), record(ALONE, A2), record(ALONE, A3)])
    assert len({paper.paper_id for paper in catalogue.papers()}) == 3


def outdated(part: Part) -> Part:
    """A part as an older cleaning made it: with longer text, and under another title."""
    paper = part.paper.model_copy(
        update={
            "title": f"**{part.paper.title}**",
            "abstract": f"{part.paper.abstract} **It** was *longer* before.",
        }
    )
    return part._replace(paper=paper, cleaning="old")


def test_a_part_of_an_older_cleaning_is_replaced(tmp_path: Path):
    catalogue = catalogue_of(tmp_path)
    new = to_part(record(T1, A1))
    catalogue.regroup(regroup([outdated(new)], catalogue))
    assert catalogue.cleaned_otherwise([new.part_id], "old") == set()
    assert catalogue.cleaned_otherwise([new.part_id], CLEANING) == {new.part_id}
    before = one(catalogue).paper_id
    catalogue.regroup(regroup([new], catalogue))
    paper = one(catalogue)
    assert (paper.paper_id, paper.title, paper.abstract) == (before, T1, A1.strip())
    assert catalogue.parts_of([paper])[before] == [new]


def test_what_was_told_apart_stays_so_when_it_is_cleaned_anew(tmp_path: Path):
    catalogue = catalogue_of(tmp_path)
    new = [to_part(record(T1, A1, source="a")), to_part(record(T1, A2, source="b"))]
    catalogue.regroup(regroup(map(outdated, new), catalogue))
    paper = one(catalogue)
    catalogue.regroup(regroup(split(catalogue.parts_of([paper])[paper.paper_id]), catalogue))
    assert len(catalogue) == 2
    catalogue.regroup(regroup(new, catalogue))
    assert {p.abstract for p in catalogue.papers()} == {A1.strip(), A2.strip()}
    assert {p.title for p in catalogue.papers()} == {T1}


def test_a_paper_saved_without_its_records_takes_in_further_ones(tmp_path: Path):
    """An index of an earlier version holds papers alone."""
    catalogue = catalogue_of(tmp_path)
    old = to_paper(record(T1, A1, source="old.txt"))
    catalogue.save([(old, [f"title:{old.paper_id}", *identity_keys(old)])], {"f": old.paper_id})
    take_in(catalogue, [record(T1, A1 + A2, source="new.txt")])
    paper = one(catalogue)
    assert paper.paper_id == old.paper_id
    assert [s.source for s in paper.sightings] == ["new.txt", "old.txt"]


def test_a_title_in_place_of_an_id_is_told_its_id(tmp_path: Path):
    catalogue = catalogue_of(tmp_path, [record("Bravo: Routing Questions")])
    [paper] = catalogue.papers()
    with pytest.raises(PaperError) as error:
        explain(catalogue, "bravo, routing question")
    assert f"did you mean {paper.paper_id!r}, 'Bravo: Routing Questions'?" in str(error.value)


def test_an_id_that_nobody_has_is_an_error_that_says_what_to_do(tmp_path: Path):
    with pytest.raises(PaperError, match=r"'arxiv:1'; `footnote papers --json` lists"):
        explain(catalogue_of(tmp_path), "arxiv:1")


@pytest.mark.slow
def test_the_index_follows_a_merge_and_a_split(tmp_path: Path):
    """Two papers become one and two again; nothing of either is left over in the index."""
    config = load_config(index=tmp_path / "index")

    def run(*records: SourceRecord) -> Index:
        file = tmp_path / "papers.jsonl"
        file.write_text(
            "".join(r.model_dump_json(include={"title", "abstract"}) + "\n" for r in records)
        )
        index = open_index(config, create=True)
        ingest([file], index, lambda *_: None)
        assert index.problems() == []
        return index

    assert len(run(CHAIN[0], CHAIN[1]).catalogue) == 2
    index = run(CHAIN[2])
    [paper] = index.catalogue.papers()
    assert len(index.bm25) == 1
    apart = split_paper(index, paper.paper_id, lambda *_: None)
    assert len(apart) == len(index.catalogue.papers()) == len(index.bm25) == 3
    assert index.problems() == []
    with pytest.raises(PaperError, match="it is one record"):
        split_paper(index, apart[0].paper_id, lambda *_: None)
