import datetime
from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.identity import find_same_work, identity_keys, merge, to_paper, with_own_id
from ingest.record import SourceRecord
from rag.schema import Paper, Sighting

LONG = "The system keeps what it needs near and the rest far away, and it measures both. " * 4
OTHER = "Quite another matter altogether is told about colours of glaze on old pots here. " * 4


def paper(title: str, abstract: str = LONG, **fields: object) -> Paper:
    sighting = Sighting(source=str(fields.pop("source", "a.txt")))
    return to_paper(
        SourceRecord(title=title, abstract=abstract, sighting=sighting, **fields)  # pyright: ignore[reportArgumentType]
    )


def same(one: Paper, other: Paper) -> bool:
    return bool(identity_keys(one) & identity_keys(other)) and find_same_work(one, [other]) == other


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


def test_works_that_share_a_title_get_ids_of_their_own():
    one, other = paper("Introduction"), paper("Introduction", OTHER)
    assert one.paper_id == other.paper_id
    assert with_own_id(other).paper_id not in {one.paper_id, with_own_id(one).paper_id}


def test_the_best_value_of_each_field_wins():
    merged = merge(
        paper("T", LONG[:100], date=datetime.date(2024, 5, 14), date_inferred=True, upvotes=2),
        paper("T", LONG, date=datetime.date(2025, 5, 14), n_authors=3, source="b.txt"),
    )
    assert merged.abstract == LONG.strip()
    assert (merged.date, merged.date_inferred) == (datetime.date(2025, 5, 14), False)
    assert (merged.n_authors, merged.upvotes) == (3, 2)
    assert [s.source for s in merged.sightings] == ["a.txt", "b.txt"]


seen = st.builds(
    lambda n, day, inferred, upvotes, source: paper(
        "One Title", LONG[: 40 + n], date=day, date_inferred=inferred and day is not None,
        upvotes=upvotes, source=source,
    ),
    st.integers(0, 40),
    st.none() | st.dates(datetime.date(2020, 1, 1), datetime.date(2020, 1, 4)),
    st.booleans(),
    st.none() | st.integers(0, 3),
    st.sampled_from(["a.txt", "b.txt"]),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(seen, min_size=1, max_size=3))
def test_the_order_of_sightings_does_not_matter(papers: list[Paper]):
    results = [reduce(merge, order) for order in permutations(papers)]
    assert all(r == results[0] for r in results)
    assert all(merge(results[0], p) == results[0] for p in papers)
