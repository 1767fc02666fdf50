import datetime
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.identity.merge import merge_all, papers_of, to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.core.records import Paper, Sighting
from footnote.rag.index.stored import Part

T = "A Title of Four Words"
LONG = "The system keeps what it needs near and the rest far away, and it measures both. " * 4
OTHER = "Quite another matter altogether is told about colours of glaze on old pots here. " * 4


def paper(title: str, abstract: str = LONG, **fields: object) -> Paper:
    sighting = Sighting(
        source=str(fields.pop("source", "a.txt")),
        service=fields.pop("service", None),  # pyright: ignore[reportArgumentType]
    )
    return to_paper(
        SourceRecord(title=title, abstract=abstract, sighting=sighting, **fields)  # pyright: ignore[reportArgumentType]
    )


def same(one: Paper, other: Paper) -> bool:
    return len(papers_of([Part("1", one), Part("2", other)])) == 1


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        pytest.param(paper("M$^3$ViT: Experts in Vision"), paper("M^3ViT: Experts in Vision"), True, id="latex"),
        pytest.param(paper("Direct Telemetry Access"), paper("Zero-CPU Collection with Direct Telemetry Access", OTHER), False, id="title-inside-title"),
        pytest.param(paper("Comet: Fine Overlap"), paper("COMET: Low-Bit Serving", OTHER), False, id="same-name"),
        pytest.param(paper("Introduction"), paper("Introduction", OTHER), False, id="generic-title"),
        pytest.param(paper("Introduction"), paper("Introduction", LONG[:90]), True, id="generic-title-cut-abstract"),
        pytest.param(paper("A Long Title of Many Words"), paper("A long title of many words", OTHER), True, id="digest-of-a-paper"),
        pytest.param(paper("First Name of This Work"), paper("Later Name of That Work"), True, id="renamed"),
    ],
)  # fmt: skip
def test_which_records_are_one_work(one: Paper, other: Paper, is_same: bool):
    assert same(one, other) is same(other, one) is is_same


def test_the_best_value_of_each_field_wins():
    guessed = datetime.date(2024, 5, 14)
    merged = merge_all(
        [
            paper("T", LONG[:100], date=guessed, date_inferred=True, upvotes=2),
            paper("T", LONG, date=datetime.date(2025, 5, 14), n_authors=3, source="b.txt"),
        ],
        "-",
    )
    assert merged.abstract == LONG.strip()
    assert (merged.date, merged.date_inferred) == (datetime.date(2025, 5, 14), False)
    assert (merged.n_authors, merged.upvotes) == (3, 2)
    assert [s.source for s in merged.sightings] == ["a.txt", "b.txt"]


FILE, HF, ARXIV = None, "hf", "arxiv"
seen = st.builds(
    lambda n, day, inferred, upvotes, source, service, version, withdrawn: paper(
        f"One Title{n}", LONG[: 40 + n], date=day, date_inferred=inferred and day is not None,
        upvotes=upvotes, source=source, service=service, version_number=version,
        withdrawn=withdrawn, authors=("Ada Lovelace",) * (n % 3),
    ),
    st.integers(0, 40),
    st.none() | st.dates(datetime.date(2020, 1, 1), datetime.date(2020, 1, 4)),
    st.booleans(),
    st.none() | st.integers(0, 3),
    st.sampled_from(["a.txt", "b.txt"]),
    st.sampled_from([FILE, HF, ARXIV]),
    st.sampled_from([None, 1, 2, 9]),
    st.booleans(),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(seen, min_size=1, max_size=3))
def test_the_order_of_sightings_does_not_matter(papers: list[Paper]):
    results = [merge_all(order, "-") for order in permutations(papers)]
    assert all(r == results[0] for r in results)
    assert all(merge_all([*papers, p], "-") == results[0] for p in papers)


@settings(max_examples=100, deadline=None)
@given(st.lists(seen, min_size=1, max_size=3), st.lists(seen, max_size=3))
def test_no_source_replaces_the_text_of_one_that_is_believed_more(
    papers: list[Paper], others: list[Paper]
):
    """Whatever less believed records say of their version, the text is as if they were not there."""
    rank = {FILE: 0, HF: 1, ARXIV: 2}
    most = max(rank[p.sightings[0].service] for p in papers)
    less = [p for p in others if rank[p.sightings[0].service] < most]
    alone, all_ = merge_all(papers, "-"), merge_all([*papers, *less], "-")
    for field in ("title", "abstract", "sentences", "original_abstract", "version_number"):
        assert getattr(all_, field) == getattr(alone, field)
    # Nor is a withdrawal that is believed more taken back by them.
    believed = [p for p in papers if rank[p.sightings[0].service] == most]
    if merge_all(believed, "-").withdrawn:
        assert all_.withdrawn


EVIL = "Nothing of what the others say about this work is true, and the opposite has been shown."


@pytest.mark.parametrize(
    ("ours", "theirs", "wins"),
    [
        pytest.param((ARXIV, 2), (FILE, 9), 0, id="a-file-claims-a-later-version-than-arxiv-s"),
        pytest.param((ARXIV, None), (FILE, 9), 0, id="arxiv-tells-no-version"),
        pytest.param((ARXIV, 1), (ARXIV, 2), 1, id="arxiv-s-own-next-version"),
        pytest.param((ARXIV, 1), (HF, None), 0, id="arxiv-over-daily-papers"),
        pytest.param((HF, None), (FILE, 9), 0, id="daily-papers-over-a-file"),
        pytest.param((FILE, None), (FILE, 9), 1, id="a-file-of-one-s-own-over-a-listing"),
        pytest.param((FILE, 2), (FILE, 1), 0, id="an-older-version-in-another-file"),
    ],
)
def test_whose_abstract_it_is(
    ours: tuple[str | None, int | None], theirs: tuple[str | None, int | None], wins: int
):
    """The second text is the longer one, so that length does not decide."""
    papers = [
        paper(T, abstract, service=service, version_number=version, arxiv_id="2309.06180")
        for abstract, (service, version) in ((EVIL[:60], ours), (EVIL, theirs))
    ]
    for order in permutations(papers):
        merged = merge_all(order, "-")
        assert merged.abstract == papers[wins].abstract
        assert merged.version_number == papers[wins].version_number


@pytest.mark.parametrize(
    ("withdrawn", "later", "is_withdrawn"),
    [
        pytest.param((ARXIV, 2), (ARXIV, 3), False, id="replaced"),
        pytest.param((ARXIV, 2), (FILE, 9), True, id="a-file-says-it-was-replaced"),
        pytest.param((FILE, 2), (ARXIV, 3), False, id="arxiv-has-a-later-one"),
        pytest.param((FILE, None), (ARXIV, 3), True, id="a-retraction-of-no-version"),
        pytest.param((FILE, 9), (ARXIV, 3), True, id="a-file-warns"),
    ],
)
def test_who_may_take_a_withdrawal_back(
    withdrawn: tuple[str | None, int | None],
    later: tuple[str | None, int | None],
    is_withdrawn: bool,
):
    papers = [
        paper(T, service=service, version_number=version, withdrawn=gone)
        for gone, (service, version) in ((True, withdrawn), (False, later))
    ]
    assert all(merge_all(order, "-").withdrawn is is_withdrawn for order in permutations(papers))


def test_many_withdrawn_records_of_one_paper_cost_no_more_each():
    papers = [paper(T, version_number=n, withdrawn=True) for n in range(1, 400)] * 50
    assert merge_all(papers, "-").withdrawn
