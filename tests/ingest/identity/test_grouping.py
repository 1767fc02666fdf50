"""What groups records into papers, each case worked out by hand; no index, and no network."""

import datetime
from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.identity.keys import CROWD, agree, content_fingerprint, identity_keys
from footnote.ingest.identity.merge import (
    CLEANING,
    joins_of,
    merge_all,
    papers_of,
    regroup,
    split,
    to_paper,
    to_part,
)
from footnote.ingest.record import SourceRecord
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import Part

# Three texts without a word in common, each long enough to identify a work (200 letters).
CACHE = (
    "Servers keep hot pages near processors, evicting cold ones whenever memory runs short. " * 4
)
GLAZE = (
    "Medieval potters mixed copper into ash before firing; colours depended upon each kiln. " * 4
)
ROUTE = (
    "A small router reads every question alone and then picks which model should answer it. " * 4
)
SHORT = {"cache": CACHE[:87], "glaze": GLAZE[:87], "route": ROUTE[:87]}
TITLE = "Four Words of Title"
ONE_ID, OTHER_ID = "2301.00001", "2301.00002"
ONE_DOI, OTHER_DOI = "10.1000/a", "10.1000/b"


def record(title: str = TITLE, abstract: str = CACHE, **fields: object) -> SourceRecord:
    sighting = Sighting(
        source=str(fields.pop("source", "a")),
        service=fields.pop("service", None),  # pyright: ignore[reportArgumentType]
    )
    return SourceRecord(title=title, abstract=abstract, sighting=sighting, **fields)  # pyright: ignore[reportArgumentType]


def paper(title: str = TITLE, abstract: str = CACHE, **fields: object) -> Paper:
    return to_paper(record(title, abstract, **fields))


def parts(papers: Iterable[Paper]) -> list[Part]:
    return [Part(f"{number:03}", paper) for number, paper in enumerate(papers)]


def groups(found: Sequence[Part]) -> list[list[int]]:
    return [[int(part.part_id) for part in group] for group in papers_of(found)]


def together(*papers: Paper) -> list[list[int]]:
    """The papers that these records are, the same in whatever order they come."""
    numbered = parts(papers)
    found = groups(numbered)
    for order in permutations(numbered) if len(papers) < 5 else [numbered[::-1]]:
        assert groups(order) == found
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(paper("One Name", CACHE, doi=ONE_DOI), paper("Another", GLAZE, doi=ONE_DOI), id="doi"),
        pytest.param(paper("One Name", CACHE, arxiv_id=ONE_ID, version_number=1), paper("Another", GLAZE, arxiv_id=ONE_ID, version_number=4), id="versions-of-one-arxiv-id"),
        pytest.param(paper("One Name", CACHE), paper("Another", CACHE), id="whole-abstract"),
        pytest.param(paper("One Name", CACHE, authors=("Ada",), doi=ONE_DOI), paper("Another", CACHE, authors=("Kurt",), doi=OTHER_DOI), id="whole-abstract-whoever-wrote-it"),
        pytest.param(paper("On Über-Caches: A Study"), paper("on uber  caches (a study)", SHORT["glaze"]), id="title-in-another-spelling"),
        pytest.param(paper("{Four} Words of $T$itle"), paper("four words of title", GLAZE), id="title-with-braces"),
        pytest.param(paper(TITLE, CACHE, authors=("Ada Lovelace",)), paper(TITLE, GLAZE, authors=("Lovelace A.",)), id="title-and-first-author"),
        pytest.param(paper("Sparse Routers", CACHE, authors=("Ada Lovelace",)), paper("Sparse Routers", GLAZE, authors=("A Lovelace", "B")), id="short-title-and-first-author"),
        pytest.param(paper("Sparse Routers", CACHE, cite_key="k"), paper("Sparse Routers", GLAZE, cite_key="k"), id="short-title-and-key"),
        pytest.param(paper("Sparse Routers", CACHE), paper("Sparse Routers", SHORT["cache"]), id="short-title-and-cut-abstract"),
        pytest.param(paper("One Name", CACHE), paper("Another", f"{CACHE}More."), id="goes-on-after-a-like-beginning"),
        pytest.param(paper("One Name", SHORT["cache"]), paper("One name!", SHORT["cache"], authors=("Kurt",)), id="same-title-and-text"),
    ],
)  # fmt: skip
def test_one_paper(one: Paper, other: Paper):
    assert together(one, other) == [[0, 1]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(paper("One Name", CACHE, doi=ONE_DOI), paper("Another", GLAZE, doi=OTHER_DOI), id="nothing-in-common"),
        pytest.param(paper("One Name", SHORT["cache"]), paper("Another", SHORT["cache"]), id="a-short-abstract-that-both-have"),
        pytest.param(paper(TITLE, CACHE, authors=("Ada Lovelace",)), paper(TITLE, GLAZE, authors=("Kurt Gödel",)), id="one-title-other-authors"),
        pytest.param(paper(TITLE, CACHE, authors=("A. Lovelace",)), paper(TITLE, GLAZE, authors=("A. Gödel",)), id="an-initial-is-no-name"),
        pytest.param(paper(TITLE, CACHE, doi=ONE_DOI), paper(TITLE, GLAZE, doi=OTHER_DOI), id="one-title-other-doi"),
        pytest.param(paper("Sparse Routers", CACHE), paper("Sparse Routers", GLAZE), id="short-title-alone"),
        pytest.param(paper("Three Sparse Routers", CACHE), paper("Three Sparse Routers", GLAZE), id="three-words-are-short"),
        pytest.param(paper("Sparse Routers", CACHE, cite_key="k"), paper("Sparse Routers", GLAZE, cite_key="l"), id="short-title-other-key"),
        pytest.param(paper(TITLE, CACHE, arxiv_id=ONE_ID), paper(TITLE, CACHE[:300], arxiv_id=OTHER_ID), id="two-arxiv-ids-of-one-title"),
        pytest.param(paper("One Name", CACHE, arxiv_id=ONE_ID), paper("Another", CACHE, arxiv_id=OTHER_ID), id="two-arxiv-ids-of-one-abstract"),
        pytest.param(paper(TITLE, CACHE, arxiv_id=ONE_ID), paper(TITLE, CACHE, arxiv_id=OTHER_ID), id="two-arxiv-ids-of-one-text"),
        pytest.param(paper("One Name", CACHE[:87] + GLAZE), paper("Another", CACHE[:87] + ROUTE), id="begins-alike-alone"),
        pytest.param(paper("One Name", CACHE, doi=ONE_DOI), paper("Another", f"{CACHE}More.", doi=OTHER_DOI), id="begins-alike-other-doi"),
        pytest.param(paper("One Name", CACHE, authors=("Ada",)), paper("Another", f"{CACHE}More.", authors=("Kurt",)), id="begins-alike-other-author"),
        pytest.param(paper("One Name", CACHE, cite_key="k"), paper("Another", GLAZE, cite_key="k"), id="key-alone"),
    ],
)  # fmt: skip
def test_two_papers(one: Paper, other: Paper):
    assert together(one, other) == [[0], [1]]


def test_the_limits_of_likeness_belong_to_one_paper():
    strangers = (paper(authors=("Ada",)), paper(abstract=GLAZE, authors=("Kurt",)))
    friends = (paper(), paper(abstract=GLAZE))
    assert agree("title:x", *strangers, 0.5)
    assert not agree("title:x", *strangers, 0.499)
    assert agree("start:x", *friends, 0.8)
    assert not agree("start:x", *friends, 0.799)
    assert not agree("start:x", *strangers, 1.0)


def test_an_abstract_identifies_a_work_from_two_hundred_letters_on():
    letters = "abcdefghij" * 20
    kinds = [
        {key.partition(":")[0] for key in identity_keys(paper(abstract=text))}
        for text in (letters, letters[:-1])
    ]
    assert kinds == [{"title", "abstract", "start"}, {"title"}]
    [start] = (k for k in identity_keys(paper(abstract=letters)) if k.startswith("start:"))
    assert start == f"start:{'abcdefghij' * 6}"


def test_a_chain_is_one_paper_though_its_ends_share_nothing():
    assert together(
        paper("One Name", CACHE, doi=ONE_DOI),
        paper("Another", GLAZE, doi=ONE_DOI, arxiv_id=ONE_ID),
        paper(TITLE, ROUTE, arxiv_id=ONE_ID),
        paper(TITLE.upper(), SHORT["cache"]),
    ) == [[0, 1, 2, 3]]


def test_a_chain_is_cut_where_likeness_would_join_two_arxiv_ids():
    """What has no id goes to the paper that it is most like, whichever came first."""
    near, far = paper(TITLE, CACHE, arxiv_id=ONE_ID), paper(TITLE, GLAZE, arxiv_id=OTHER_ID)
    copied = paper(TITLE, SHORT["cache"])
    assert together(near, far, copied) == [[0, 2], [1]]
    assert together(far, copied, near) == [[0], [1, 2]]


def test_a_doi_joins_two_arxiv_ids_and_what_is_like_either_comes_along():
    one, other = (paper(TITLE, arxiv_id=i, doi=ONE_DOI) for i in (ONE_ID, OTHER_ID))
    assert together(one, other) == [[0, 1]]
    assert together(one, other, paper(TITLE, SHORT["cache"], arxiv_id=ONE_ID)) == [[0, 1, 2]]
    assert together(one, other, paper("Another", CACHE, arxiv_id="2301.00003")) == [[0, 1], [2]]
    # A record that has but one of the two ids is no stranger to them; its text alone would do.
    assert together(one, other, paper("Another", CACHE)) == [[0, 1, 2]]


def n_of_one_title(n: int) -> list[Paper]:
    """Records of one long title and of texts that have no word in common."""
    return [paper(TITLE, f"word{i} other{i} third{i} more{i}") for i in range(n)]


def test_a_title_joins_as_many_papers_as_are_no_crowd():
    assert len(together(*n_of_one_title(CROWD))) == 1
    assert len(together(*n_of_one_title(CROWD + 1))) == CROWD + 1


def test_records_that_are_one_paper_already_are_one_in_a_crowd():
    same = paper(TITLE, "word0 other0 third0 more0", source="b")
    assert len(together(*n_of_one_title(CROWD), same)) == 1


def test_a_crowded_title_lets_other_titles_join():
    others = [paper("Another Name of It", CACHE), paper("another name of it", GLAZE)]
    assert len(together(*n_of_one_title(CROWD + 1), *others)) == CROWD + 2


def test_what_was_told_apart_stays_so_and_joins_its_own_kind():
    """Of three that share a DOI two were told apart from the first: those two are one."""
    papers = [paper(f"Name {n}", text, doi=ONE_DOI) for n, text in enumerate((CACHE, GLAZE, ROUTE))]
    told = [p._replace(apart=a) for p, a in zip(parts(papers), ("x", "y", "y"), strict=True)]
    for order in permutations(told):
        assert groups(order) == [[0], [1, 2]]
    # One that nobody told apart joins one side, and the sides stay apart.
    free = Part("003", paper("Name 3", CACHE[:100], doi=ONE_DOI))
    assert groups([*told, free]) == [[0, 3], [1, 2]]


def test_split_marks_each_text_by_itself():
    texts = [paper(), paper(TITLE.upper(), CACHE.upper()), paper(abstract=GLAZE)]
    marks = [part.apart for part in split(parts(texts))]
    assert marks == [content_fingerprint(each) for each in texts]
    assert marks[0] == marks[1] != marks[2]
    assert groups(split(parts(texts))) == [[0, 1], [2]]


def joined(*papers: Paper) -> list[tuple[int, int, str, float]]:
    return [
        (int(j.one.part_id), int(j.other.part_id), j.key.partition(":")[0], j.likeness)
        for j in joins_of(parts(papers))
    ]


def test_a_join_is_told_by_the_strongest_key_that_both_have():
    every = {"arxiv_id": ONE_ID, "doi": ONE_DOI}
    assert joined(paper(**every), paper(**every)) == [(0, 1, "same", 1.0)]
    assert joined(paper(**every), paper(abstract=GLAZE, **every)) == [(0, 1, "arxiv", 0.0)]
    assert joined(paper("A", doi=ONE_DOI), paper("B", doi=ONE_DOI)) == [(0, 1, "doi", 1.0)]
    assert joined(paper("A"), paper("B")) == [(0, 1, "abstract", 1.0)]
    assert joined(paper(), paper(abstract=SHORT["cache"])) == [(0, 1, "title", 1.0)]
    assert joined(paper("A"), paper("B", f"{CACHE}More.")) == [(0, 1, "start", 1.0)]


def test_each_further_record_of_a_paper_is_joined_once():
    found = joined(
        paper("A", GLAZE, doi=ONE_DOI), paper("B", CACHE, doi=ONE_DOI), paper("C", CACHE), paper("C")
    )  # fmt: skip
    assert found == [(2, 3, "same", 1.0), (0, 1, "doi", 0.0), (1, 2, "abstract", 1.0)]


def test_the_likest_of_weak_pairs_joins_first():
    half = "Servers keep hot pages near processors, " + SHORT["glaze"]
    found = joined(paper(TITLE, SHORT["cache"]), paper(TITLE, half), paper(TITLE, CACHE))
    assert [(one, other) for one, other, *_ in found] == [(0, 2), (0, 1)]
    assert found[0][3] == 1.0 > found[1][3] > 0.0


some_papers = st.builds(
    lambda title, abstract, arxiv_id, doi, author: paper(
        title, abstract, arxiv_id=arxiv_id, doi=doi, authors=(author,) if author else ()
    ),
    st.sampled_from([TITLE, TITLE.upper(), "Introduction", "Another Name of It"]),
    st.sampled_from([CACHE, GLAZE, SHORT["cache"], f"{CACHE}More.", CACHE + GLAZE]),
    st.sampled_from([None, None, ONE_ID, OTHER_ID]),
    st.sampled_from([None, None, ONE_DOI, OTHER_DOI]),
    st.sampled_from([None, "Ada Lovelace", "Kurt Gödel"]),
)


@settings(max_examples=40, deadline=None)
@given(st.data(), st.lists(some_papers, min_size=1, max_size=8))
def test_the_order_of_arrival_does_not_matter(data: st.DataObject, papers: list[Paper]):
    numbered = parts(papers)
    found = groups(numbered)
    assert groups(data.draw(st.permutations(numbered))) == found
    assert sorted(number for group in found for number in group) == [*range(len(papers))]
    assert len(joins_of(numbered)) == len(papers) - len(found)
    for group in found:
        # Two arXiv ids are one paper by a DOI alone.
        ids = {papers[n].arxiv_id for n in group} - {None}
        assert len(ids) < 2 or any(papers[n].doi for n in group)


# What a paper made of several records looks like.


def test_a_record_as_a_paper():
    found = to_paper(
        record(
            "  {Alpha}:  A $1.96times$ Cache ", f" {SHORT['cache']} ", source="refs.bib",
            date=datetime.date(2024, 5, 1), date_inferred=True, organisation="Lab", upvotes=0,
            authors=("{The Team}", "  ", "Ada  Lovelace"), group_authors=("The {Team}",), arxiv_id=ONE_ID, version_number=2,
            doi=ONE_DOI, url="https://example.org", withdrawn=True, notice=" gone \n now",
            cite_key="k", tags=("b", " a ", "b", " "), collections=("To  read",),
        )
    )  # fmt: skip
    assert (found.title, found.original_title) == ("Alpha: A 1.96× Cache", "{Alpha}:  A $1.96times$ Cache")  # fmt: skip
    assert found.titles == (found.original_title,)
    assert found.paper_id == paper("alpha a 1.96× cache").paper_id
    assert found.abstract == found.original_abstract == SHORT["cache"].strip()
    assert [found.quote(span) for span in found.sentences] == [found.abstract]
    assert (found.date, found.date_inferred) == (datetime.date(2024, 5, 1), True)
    assert (found.authors, found.n_authors) == (("The Team", "Ada Lovelace"), 2)
    assert found.group_authors == ("The Team",)
    assert (found.organisation, found.upvotes, found.notice) == ("Lab", 0, "gone now")
    assert (found.arxiv_id, found.version_number, found.doi) == (ONE_ID, 2, ONE_DOI)
    assert (found.url, found.withdrawn, found.cite_keys) == ("https://example.org", True, ("k",))
    assert (found.tags, found.collections) == (("a", "b"), ("To read",))
    assert found.sightings == (Sighting(source="refs.bib"),)
    bare = paper(n_authors=7)
    assert (bare.n_authors, bare.cite_keys, bare.notice, paper().n_authors) == (7, (), None, None)


def test_a_group_is_one_whichever_source_tells_it():
    names = ("The Team", "Ada Lovelace")
    plain = paper(authors=names, source="arxiv:x", service="arxiv")
    told = paper(authors=names[:1], group_authors=names[:1], source="refs.bib")
    for papers in ([plain, told], [told, plain]):
        merged = merge_all(papers, "title:1")
        assert (merged.authors, merged.group_authors) == (names, names[:1])


def test_a_part_says_by_which_cleaning_it_was_made():
    one, other = to_part(record()), to_part(record(source="b"))
    assert (one.cleaning, one.apart, one.paper) == (CLEANING, None, paper())
    assert one.part_id != other.part_id
    assert one.part_id == to_part(record()).part_id


def merged(*papers: Paper) -> Paper:
    """One paper of all, the same in whatever order they come."""
    found = merge_all(papers, "id")
    for order in permutations(papers):
        assert merge_all(order, "id") == found
    return found


def test_every_field_of_a_merged_paper():
    one = paper(
        "One Name", SHORT["cache"], source="b", organisation="Zeta", upvotes=3, n_authors=2,
        authors=("Ada Lovelace",), doi=OTHER_DOI, url="https://example.org/b", cite_key="k2",
        notice="second", tags=("b",), collections=("x",), date=datetime.date(2024, 5, 2),
    )  # fmt: skip
    other = paper(
        "A Longer Name of It", GLAZE[:174], source="a", organisation="Alpha", upvotes=1,
        n_authors=5, authors=("Ada Lovelace", "Kurt Gödel"), doi=ONE_DOI, cite_key="k1",
        url="https://example.org/a", notice="first", tags=("a", "b"), collections=("w",),
        date=datetime.date(2024, 5, 1),
    )  # fmt: skip
    whole = merged(one, other)
    assert whole.paper_id == "id"
    assert (whole.title, whole.original_title) == ("A Longer Name of It", "A Longer Name of It")
    assert whole.titles == ("A Longer Name of It", "One Name")
    assert (whole.abstract, whole.sentences) == (other.abstract, other.sentences)
    assert whole.original_abstract == other.original_abstract
    assert (whole.organisation, whole.upvotes, whole.n_authors) == ("Alpha", 3, 5)
    assert whole.authors == ("Ada Lovelace", "Kurt Gödel")
    assert (whole.doi, whole.url) == (ONE_DOI, f"https://doi.org/{ONE_DOI}")
    assert (whole.arxiv_id, whole.version_number, whole.withdrawn) == (None, None, False)
    assert (whole.cite_keys, whole.notice) == (("k1", "k2"), "first")
    assert (whole.tags, whole.collections) == (("a", "b"), ("w", "x"))
    assert whole.date == datetime.date(2024, 5, 1)
    assert [s.source for s in whole.sightings] == ["a", "b"]


def test_the_address_is_arxiv_s_then_the_doi_s_then_a_record_s():
    own = paper(url="https://example.org/b")
    assert merged(own, paper(url="https://example.org/a")).url == "https://example.org/a"
    assert merged(own, paper(doi=ONE_DOI)).url == f"https://doi.org/{ONE_DOI}"
    both = merged(own, paper(doi=ONE_DOI), paper(arxiv_id=ONE_ID))
    assert both.url == f"https://arxiv.org/abs/{ONE_ID}"


def test_a_date_that_spells_its_year_out_goes_before_an_earlier_one_that_does_not():
    spelt, guessed = datetime.date(2025, 5, 1), datetime.date(2024, 5, 1)
    whole = merged(paper(date=spelt), paper(date=guessed, date_inferred=True), paper())
    assert (whole.date, whole.date_inferred) == (spelt, False)
    # A year that is spelt out goes before a guess too, and after the day or the month of another.
    year, month = PartialDate(2023), PartialDate(2024, 5)
    whole = merged(paper(date=year), paper(date=guessed, date_inferred=True))
    assert (whole.date, whole.date_inferred) == (year, False)
    assert merged(paper(date=year), paper(date=month)).date == month
    assert merged(paper(date=month), paper(date=spelt)).date == spelt
    whole = merged(paper(), paper(date=guessed, date_inferred=True))
    assert (whole.date, whole.date_inferred) == (guessed, True)


def test_title_text_and_authors_are_of_the_source_that_is_believed_most():
    file = paper("A Title from a File", CACHE, authors=("A", "B", "C"), version_number=9)
    daily = paper("Short of HF", GLAZE, service="hf", authors=("A", "B"))
    arxiv = paper("arXiv", ROUTE[:174], service="arxiv", authors=("A",), version_number=1)
    whole = merged(file, daily, arxiv)
    assert (whole.title, whole.abstract, whole.authors) == ("arXiv", arxiv.abstract, ("A",))
    assert whole.version_number == 1
    assert merged(file, daily).title == "Short of HF"
    # Whoever names no authors does not take those away that another names.
    nobody = paper("arXiv", service="arxiv")
    assert merged(file, nobody).authors == ("A", "B", "C")


def test_of_one_source_the_newest_version_goes_first_then_the_longest():
    short, long = paper(abstract=CACHE[:174]), paper("T", GLAZE, version_number=2)
    assert merged(short, paper(abstract=CACHE)).abstract == CACHE.strip()
    assert merged(paper(version_number=3, abstract=CACHE[:174]), long).version_number == 3
    gone = paper(abstract=ROUTE, version_number=4, withdrawn=True)
    whole = merged(gone, long)
    assert (whole.abstract, whole.version_number, whole.withdrawn) == (long.abstract, 2, True)
    # Of two titles as long the later one in the alphabet, so that the order does not matter.
    assert merged(paper("Beta One"), paper("Alfa One")).title == "Beta One"


def test_a_sighting_of_a_place_is_kept_once_and_its_service_with_it():
    day = {"source": "a"}
    whole = merged(paper(**day), paper(**day, service="hf"), paper(source="b"))
    assert [(s.source, s.service) for s in whole.sightings] == [("a", "hf"), ("b", None)]


# What a catalogue becomes when records are taken in.


def taken_in(tmp_path: Path, *batches: Sequence[SourceRecord]) -> Catalogue:
    catalogue = Catalogue(tmp_path / "catalogue.sqlite", create=True)
    for batch in batches:
        catalogue.regroup(regroup(map(to_part, batch), catalogue))
    return catalogue


def ids(catalogue: Catalogue) -> set[str]:
    return {each.paper_id for each in catalogue.papers()}


def test_nothing_changes_where_all_is_known(tmp_path: Path):
    records = [record(), record("Another", GLAZE)]
    catalogue = taken_in(tmp_path, records)
    change = regroup(map(to_part, records), catalogue)
    assert (change.papers, change.parts, change.aliases, change.gone) == ([], {}, {}, [])


def test_what_a_change_holds(tmp_path: Path):
    catalogue = taken_in(tmp_path, [record(TITLE, CACHE)], [record("Another", GLAZE)])
    one, other = paper(TITLE).paper_id, paper("Another").paper_id
    new = to_part(record(TITLE, GLAZE, doi=ONE_DOI))
    change = regroup([new], catalogue)
    [(whole, keys)] = change.papers
    assert (whole.paper_id, change.gone) == (one, [other])
    assert {key.partition(":")[0] for key in keys} == {"title", "doi", "abstract", "start"}
    assert sum(key.startswith("title:") for key in keys) == 2
    assert [part.paper.title for part in change.parts[one]].count(TITLE) == 2
    assert len(change.parts[one]) == 3
    assert change.aliases == {other: one, f"doi:{ONE_DOI}": one}


def test_a_paper_is_called_after_arxiv_then_doi_then_title(tmp_path: Path):
    found = taken_in(
        tmp_path,
        [
            record("One Name", CACHE, arxiv_id=ONE_ID, doi=ONE_DOI),
            record("Another", GLAZE, doi=OTHER_DOI),
            record("A Third", ROUTE),
        ],
    )
    assert ids(found) == {f"arxiv:{ONE_ID}", f"doi:{OTHER_DOI}", paper("A Third").paper_id}
    assert found.aliases_of(f"arxiv:{ONE_ID}") == [f"doi:{ONE_DOI}", paper("One Name").paper_id]


def test_the_oldest_id_stays_and_former_ones_lead_to_it(tmp_path: Path):
    first = paper("One Name").paper_id
    catalogue = taken_in(
        tmp_path,
        [record("One Name", CACHE)],
        [record("Another", GLAZE, doi=ONE_DOI)],
        [record("One Name", CACHE[:200], doi=ONE_DOI, arxiv_id=ONE_ID)],
    )
    assert ids(catalogue) == {first}
    for name in (f"doi:{ONE_DOI}", f"arxiv:{ONE_ID}", paper("Another").paper_id):
        assert catalogue.resolve(name) == first


def test_of_two_that_lay_claim_to_an_id_that_keeps_it_from_which_it_follows(tmp_path: Path):
    """Told apart, the record whose title made the id keeps it, though the other one's is first."""
    catalogue = taken_in(tmp_path, [record("One Name", GLAZE)], [record("Another", GLAZE)])
    [whole] = catalogue.papers()
    held = catalogue.parts_of([whole])[whole.paper_id]
    assert (whole.paper_id, len(held)) == (paper("One Name").paper_id, 2)
    apart = [p._replace(apart=p.paper.title) for p in held]
    catalogue.regroup(regroup(apart, catalogue))
    assert {p.title: p.paper_id for p in catalogue.papers()} == {
        title: paper(title).paper_id for title in ("One Name", "Another")
    }


def test_works_of_one_title_are_called_by_their_content_and_then_by_their_record(tmp_path: Path):
    texts = (CACHE, GLAZE)
    catalogue = taken_in(tmp_path, [record("Introduction", text) for text in texts])
    own = {f"title:{content_fingerprint(paper('Introduction', text))}" for text in texts}
    plain = paper("Introduction").paper_id
    assert plain in ids(catalogue)
    [other] = ids(catalogue) - {plain}
    assert other in own
    # Two arXiv ids of one text, told by the same DOI's absence: nothing but the record differs.
    more = [record("Preface", CACHE, source=s) for s in "ab"]
    first, second = (p._replace(apart=s) for p, s in zip(map(to_part, more), "ab", strict=True))
    change = regroup([first, second], catalogue)
    assert len(change.parts) == 2
    assert paper("Preface").paper_id in change.parts


def test_records_that_were_told_apart_stay_so_when_they_are_taken_in_again(tmp_path: Path):
    records = [record(abstract=CACHE), record(abstract=GLAZE)]
    catalogue = taken_in(tmp_path, records)
    [whole] = catalogue.papers()
    held = catalogue.parts_of([whole])[whole.paper_id]
    catalogue.regroup(regroup(split(held), catalogue))
    assert len(catalogue) == 2
    catalogue.regroup(regroup(map(to_part, records), catalogue))
    assert len(catalogue) == 2


def test_records_far_off_are_drawn_in_through_what_they_share(tmp_path: Path):
    """The new record shares no key with the first, but with one that shares one with it."""
    catalogue = taken_in(
        tmp_path,
        [record("One Name", CACHE, doi=ONE_DOI)],
        [record("Another", GLAZE, doi=ONE_DOI, arxiv_id=ONE_ID)],
        [record("A Third", ROUTE, arxiv_id=ONE_ID)],
    )
    [whole] = catalogue.papers()
    assert len(catalogue.parts_of([whole])[whole.paper_id]) == 3
    assert whole.titles == ("A Third", "Another", "One Name")


def test_a_title_that_became_a_crowd_joins_no_further_record(tmp_path: Path):
    texts = [f"{a}{b} " * 30 for a, b in pairwise("abcdefghijklmnopqrstuvwxyz" * 3)]
    crowd = [
        record("Introduction", f"{n} {t}", authors=(f"Name{n:02}",)) for n, t in enumerate(texts)
    ]
    catalogue = taken_in(tmp_path, crowd[: CROWD + 1])
    assert len(catalogue) == CROWD + 1
    # By its author it would be one with the first.
    catalogue.regroup(
        regroup([to_part(record("Introduction", ROUTE, authors=("Name00",)))], catalogue)
    )
    assert len(catalogue) == CROWD + 2
    # Nor does it join two that come together, though each alone would be the other's.
    both = [record("Introduction", text, authors=("Kurt Gödel",)) for text in (CACHE, GLAZE)]
    catalogue.regroup(regroup(map(to_part, both), catalogue))
    assert len(catalogue) == CROWD + 4
