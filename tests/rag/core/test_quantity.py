"""Reading quantities, and which claims about them follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.core.quantity import Agreement, agreement, derivable, quantities, states_figure

NONE, CLASH, DOUBTFUL, SAME = Agreement


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,000 papers", [(1000, "")]),
        ("about 18.4k questions", [(18_400, "")]),
        ("40 million sessions", [(40e6, "")]),
        ("two hundred and five days", [(205 * 86400, "s")]),
        ("three thousand two hundred papers", [(3200, "")]),
        ("a hundred papers", [(100, "")]),
        ("ninety-one percent", [(0.91, "share")]),
        ("fourteen, sixty and seventy-seven papers", [(14, ""), (60, ""), (77, "")]),
        ("two million five hundred thousand", [(2.5e6, "")]),
        ("from 480 ms to 0.16 s", [(0.48, "s"), (0.16, "s")]),
        ("2–4×", [(2, "x"), (4, "x")]),
        ("3, 5 and 7%", [(0.03, "share"), (0.05, "share"), (0.07, "share")]),
        ("two thirds of it", [(2 / 3, "share")]),
        ("2/3 of it", [(2 / 3, "share")]),
        ("it halved", [(2, "x")]),
        ("an order of magnitude", [(10, "x")]),
        ("threefold", [(3, "x")]),
        ("multiplied the throughput by 13", [(13, "x")]),
        ("10+% more", [(0.1, "share")]),
        ("a decade", [(120, "month")]),
        ("$14 per pupil", [(14, "$")]),
        ("0.31 standard deviations", [(0.31, "")]),
        ("LLaMA-7B, GPT-4, A100, 2:4, W4A4, 3D, the third year, one of them", []),
        ("RTX 4090 and 1.3× more", [(4090, ""), (1.3, "x")]),
    ],
)
def test_quantities_are_read(text: str, values: list[tuple[float, str]]):
    assert [(q.value, q.measures) for q in quantities(text)] == [
        (pytest.approx(value), measures) for value, measures in values
    ]


@pytest.mark.parametrize(
    ("claimed", "stated", "expected"),
    [
        ("1.91x", "1.91×", SAME),
        ("1,000", "1000", SAME),
        ("0.012 seconds", "12 ms", SAME),
        ("4000 MB", "4 GB", SAME),
        ("4096 MB", "4 GB", SAME),
        ("1,048,576 MB", "1 TB", SAME),
        ("1,024,000 MB", "1 TB", NONE),
        ("66%", "two thirds", SAME),
        ("65%", "two thirds", NONE),
        ("67%", "66.8%", DOUBTFUL),
        ("66%", "66.8%", NONE),
        ("120 minutes", "two hours", SAME),
        ("24 months", "two years", SAME),
        ("half", "50%", SAME),
        ("twice", "2×", SAME),
        ("about 60%", "59.3%", SAME),
        ("over 3×", "3.3×", SAME),
        ("over 3×", "3.75×", SAME),
        ("over 3×", "4×", NONE),
        ("over 3×", "2.9×", NONE),
        ("under 5%", "4.2%", SAME),
        ("under 5%", "3.6%", NONE),
        ("under 5%", "5.2%", NONE),
        ("about 60%", "56%", NONE),
        ("about 60%", "up to 59.3%", NONE),
        ("up to 3×", "3×", SAME),
        ("3×", "up to 3×", DOUBTFUL),
        ("3×", "over 3×", DOUBTFUL),
        ("over 3×", "3×", DOUBTFUL),
        ("1.9×", "1.91×", DOUBTFUL),
        ("140%", "2.4×", DOUBTFUL),
        ("2.4×", "140%", DOUBTFUL),
        ("33%", "1.5×", DOUBTFUL),
        ("60%", "1.5×", NONE),
        ("half", "halved", SAME),
        ("halved", "half", SAME),
        ("up to half", "halved", DOUBTFUL),
        ("half", "doubled", DOUBTFUL),
        ("a third", "3×", DOUBTFUL),
        ("a quarter", "3×", NONE),
        ("50%", "1×", NONE),
        ("at least 3×", "up to 3×", CLASH),
        ("12 s", "12 ms", CLASH),
        ("2.4%", "2.4×", CLASH),
        ("5 points", "5%", CLASH),
        ("doubled", "halved", CLASH),
        ("5 tokens/s", "5 tokens/s", SAME),
        ("10×", "10%", CLASH),
        ("up to 88%", "up to 68%", NONE),
        ("5,200", "5,020", NONE),
        ("1.92×", "1.91×", NONE),
        ("41%", "40%", NONE),
    ],
)
def test_what_follows_from_what(claimed: str, stated: str, expected: Agreement):
    [one], [other] = quantities(claimed), quantities(stated)
    assert agreement(one, other) is expected


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("It is 2.5x faster.", True),
        ("It cuts waiting by 40%.", True),
        ("It halves memory, to 300 MB.", True),
        ("It serves 900 requests/s.", True),
        ("Its F1 is 0.93.", True),
        ("It has three parts and 8 benchmarks.", False),
        ("GPT-4 came in 2023.", False),
        ("", False),
    ],
)
def test_a_text_states_a_figure_by_its_measured_values(text: str, states: bool):
    assert states_figure(text) is states


def test_a_ratio_may_be_reckoned_from_two_figures():
    stated = quantities("from 480 ms to 160 ms")
    assert derivable(quantities("three times")[0], stated)
    assert derivable(quantities("a third")[0], stated)
    assert derivable(quantities("66.7%")[0], stated)
    assert not derivable(quantities("2×")[0], stated)
    assert not derivable(quantities("160 s")[0], stated)


@given(st.text(max_size=300))
def test_quantities_lie_inside_the_text_and_do_not_overlap(text: str):
    end = 0
    for quantity in quantities(text):
        assert end <= quantity.start < quantity.end <= len(text)
        end = quantity.end


@given(st.text(alphabet="0123456789.,%x× kmsGB/$-", max_size=60))
def test_a_quantity_agrees_with_itself(text: str):
    for quantity in quantities(text):
        assert agreement(quantity, quantity) is SAME


@pytest.mark.parametrize(
    ("claimed", "stated", "follows"),
    [
        pytest.param("2.5×", "from 10 ms to 4 ms", True, id="ratio"),
        pytest.param("150%", "from 10 ms to 4 ms", True, id="growth"),
        pytest.param("60%", "from 10 ms to 4 ms", True, id="fall"),
        pytest.param("40%", "from 10 ms to 4 ms", True, id="share"),
        pytest.param("2.5×", "10 ms, 4 GB", False, id="of-two-units"),
        pytest.param("350%", "from 10 ms to 4 ms", False, id="one-too-many"),
        pytest.param("50%", "from 10 ms to 4 ms", False, id="another"),
        pytest.param("2.5×", "from 0 ms to 4 ms", False, id="from-nothing"),
        pytest.param("1×", "10 ms", False, id="one-figure-alone"),
        pytest.param("6 ms", "from 10 ms to 4 ms", False, id="a-difference"),
        # 0.4, 0.6 and 1.5 follow; a bound in words may be a quarter away, `about` a twentieth.
        pytest.param("under half", "from 10 ms to 4 ms", True, id="below"),
        pytest.param("under a third", "from 10 ms to 4 ms", False, id="not-below"),
        pytest.param("under nine tenths", "from 10 ms to 4 ms", False, id="far-below"),
        pytest.param("over a third", "from 10 ms to 4 ms", True, id="above"),
        pytest.param("over two fifths", "from 10 ms to 4 ms", True, id="just-there"),
        pytest.param("over a tenth", "from 10 ms to 4 ms", False, id="far-above"),
        pytest.param("two fifths", "from 10 ms to 4 ms", True, id="in-words"),
        pytest.param("about 41%", "from 10 ms to 4 ms", True, id="about"),
        pytest.param("41%", "from 10 ms to 4 ms", False, id="not-exactly"),
        pytest.param("75%", "from 8 GPUs to 2 GPUs", True, id="one-thing-counted-twice"),
        pytest.param("75%", "from 8 to 2 GPUs", True, id="counted-once-for-both"),
        pytest.param("5%", "in 25 of 500 runs", True, id="so-many-of-so-many"),
        pytest.param("5%", "in 25 out of the 500 runs", True, id="so-many-out-of-so-many"),
        pytest.param("95%", "24 families and 500 specimens", False, id="two-things-counted"),
        pytest.param("99%", "24 families in 2025", False, id="a-year"),
        pytest.param("99%", "2023 2021", False, id="counts-of-nothing"),
        pytest.param("50%", "errors fall from 10% to 5%", True, id="a-share-that-changes"),
        pytest.param("95%", "91% beside 87%", False, id="a-share-of-a-share"),
    ],
)
def test_a_figure_follows_from_two_by_their_ratio_alone(
    claimed: str, stated: str, *, follows: bool
):
    [quantity] = quantities(claimed)
    assert derivable(quantity, quantities(stated)) is follows


_PIECES = """5
5.5 5% 5× 12 $3 .5 1,000 2024 7B GPT-4 3/4 x2
two twice half three-quarters 2-fold dozen within second
a to and / of per k ms MHz requests/s x Phase"""


@given(st.lists(st.sampled_from(_PIECES.split()), max_size=8).map(" ".join))
def test_a_figure_in_digits_is_among_all_that_are_found(text: str):
    found = quantities(text)
    whole = any(q.measures or q.per or q.places for q in found)
    assert states_figure(text) or not whole
    if states_figure(text) and not whole:  # then a rate tells it, and no number in digits
        assert any("/" in text[q.end :] or " per " in text[q.end :] for q in found)


def test_a_name_with_two_numbers_is_no_share():
    assert not quantities("They block kinase ABC 1/2 and its kin.")
    assert [q.value for q in quantities("They block 1/2 of all kinases.")] == [0.5]
