"""Commands of LaTeX, one by one; whole texts are in `test_clean`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.ingest.latex import read_command, read_commands


@pytest.mark.parametrize(
    ("latex", "says"),
    [
        (r"\times", "×"),
        (r"\sim", "~"),
        (r"\sqrt{n}", "√(n)"),
        (r"\frac{1}{2}", "1/2"),
        (r"\mathbf{x}", "x"),
        (r"\textsubscript{2}", "2"),
        (r"\cite{a,b}", ""),
        (r"\href{https://a.org}{here}", "here"),
        (r"\Unknown{kept}", "Unknown{kept}"),
        (r"\frac{1}", "frac{1}"),
    ],
)
def test_what_a_command_says(latex: str, says: str):
    assert read_command(latex) == says


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (r"\"{u} and \'e, \c c", "ü and é, ç"),
        (r"5\% of \$3 \& a\_b", "5% of $3 & a_b"),
        (r"$\alpha$-decay", "α-decay"),
        (r"\begin{center}a\end{center}", " a "),
    ],
)
def test_commands_among_prose(text: str, says: str):
    assert read_commands(text) == says


@given(st.text().filter(lambda text: "\\" not in text))
def test_prose_without_commands_stays_as_it_is(text: str):
    assert read_commands(text) == text


@given(st.text(alphabet="\\{}[]$%&#_^~ afrcsqtmbox12é'\"", max_size=60))
def test_no_text_makes_it_fail(text: str):
    assert isinstance(read_commands(text), str)
