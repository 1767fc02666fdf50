import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.ingest.clean import RESIDUE, Rule, clean_text


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ("a 1.96times speedup", "a 1.96× speedup"),
        (r"up to 5.18\times$ lower, 42.9%$ less", "up to 5.18× lower, 42.9% less"),
        ("4.7 sim 71.3times faster", "4.7~71.3× faster"),
        ("by 1.6sim14.6times", "by 1.6~14.6×"),
        ("17.21%sim28.17% less", "17.21%~28.17% less"),
        (r"by sim75\% in all", "by ~75% in all"),
        ("params (sim2.6B)", "params (~2.6B)"),
        ("loss (approx60%)", "loss (≈60%)"),
        (r"6.25~\% of it", "6.25% of it"),
        ("roughly 2{3} of it", "roughly 2/3 of it"),
        ("via ell_1{ell_2} terms", "via ℓ₁/ℓ₂ terms"),
        ("using N^2d^2{M} steps", "using N²d²/M steps"),
        ("M$^3$ViT", "M³ViT"),
        ("M^3ViT and M^{3}ViT", "M³ViT and M³ViT"),
        ("3T T_{2}^*-weighted, T_1-weighted", "3T T₂*-weighted, T₁-weighted"),
        ("HyperZcdotZcdotW", "HyperZ·Z·W"),
        ("HyperZ{cdotZ{cdot}W}", "HyperZ·Z·W"),
        (r"Towards $\infty$-LLMs", "Towards ∞-LLMs"),
        (r"below -150{\deg}C", "below -150°C"),
        (r"the factor {\gamma}.", "the factor γ."),
        ("M geq d^2 and Tgeq 0", "M ≥ d² and T≥ 0"),
        ("0.939 pm 0.008", "0.939 ± 0.008"),
        ("scratchx2013even", "scratch–even"),
        ("bottle- necks, imbal- ance", "bottlenecks, imbalance"),
        ("compute- and memory-bound", "compute- and memory-bound"),
        ("cross- layer", "cross-layer"),
        ("Mixtral-8times7B", "Mixtral-8×7B"),
        ("with 1times 1 convolution", "with 1×1 convolution"),
        ("compression of times 64 while", "compression of ×64 while"),
        ("{De}coupled {Mo}mentum (DeMo)", "Decoupled Momentum (DeMo)"),
        (r"the \textit{Straggler Effect}.", "the Straggler Effect."),
        (r"introduces \HyperRouter, which", "introduces HyperRouter, which"),
        ("``memory wall''", "“memory wall”"),
        (r"na\"ive T\"ulu", "naïve Tülu"),
        ("MobileNetV4 -- Universal", "MobileNetV4 – Universal"),
        ("R&amp;D", "R&D"),
        ("a &amp;lt; b", "a < b"),
        (r"Han{\v{c}} and Mor\'{\i}n", "Hanč and Morín"),
        (r"J{\o}rgen Stra{\ss}e", "Jørgen Straße"),
        ("a\u00a0b\u200bc\td", "a bc d"),
        ("parallelism{this url}", "parallelism this url"),
        ("**Foo**", "Foo"),
        ("**Foo**: A *Fast* Bar", "Foo: A Fast Bar"),
        ("a novel *two-stage* cache (*E. coli*), ***all*** of it", "a novel two-stage cache (E. coli), all of it"),
        (r"$\sim$3 and $\times$2, not $5", "~3 and ×2, not $5"),
        (r"$\tilde{O}(\sqrt{n})$ for $\varepsilon \neq 0$", "Õ(√(n)) for ε ≠ 0"),
        (r"\frac{\sqrt{a}}{b}, \mathcal O and \sqrt2", "√(a)/b, O and √(2)"),
        (r"$\mathbb{R}^d$, 90^\circ, H\textsubscript{2}O", "R^d, 90°, H2O"),
        (r"Bj\o rn Stra\ss e, \v Cern\'y", "Bjørn Straße, Černý"),
        (r"\emph{{5% of} $x$ \textbf{bold}}, a", "5% of x bold, a"),
        (r"{\em fast} \cite{a} \href{https://a.org}{code}", "fast code"),
        (r"\begin{itemize} \item one \end{itemize}", "one"),
        (r"half a \frac{1}, a \href, \ours{}", "half a frac1, a href, ours"),
        (r"\{a\}\, \[b\] 5\%", "a b 5%"),
        ("naÃ¯ve, itâ€™s 1.96Ã— faster", "naïve, it’s 1.96× faster"),
        ("eﬃcient ﬁne-tuning", "efficient fine-tuning"),
        ("popula- tion- based, cortical- subcortical", "population-based, cortical-subcortical"),
        ("large- scale through- put", "large-scale throughput"),
    ],
)  # fmt: skip
def test_residue_is_resolved(shown: str, meant: str):
    assert clean_text(shown) == meant


@pytest.mark.parametrize(
    "prose",
    [
        "It trains 4 times longer, several times in recent times.",
        "The times 2010s and simple similarity of simulators.",
        "1024x2048 images, 32x2010 pixels",
        "It costs $3 and then $5 a day.",
        "See github.com/a/object_detection and MPI_Send/Recv.",
        "Cohen's kappa, PixArt-delta, alpha and beta.",
        "~100 papers, 1.5~2.0 points",
        "single- or multi-GPU, zero- and few-shot",
        "A* search",
        "A* and B* search",
        "Retro* beats RetroGraph*",
        "a*b and c*d",
        "2 * 3 * 4",
        "The C*-algebra and *-homomorphisms",
        "p < 0.05 *, p < 0.01 **",
        "(*p<0.05, **p<0.01)",
        "x**2 + y**2",
        "T₂*-weighted and T₁*-weighted",
        "** not bold **",
        "**",
        "*a",
        "(a)*b and (c)* d",
        "“Quoted”, l’humanité, Ångström, São Paulo, ×2 – ½",
        "全角，（ＡＢＣ）。",
    ],
)
def test_prose_stays_as_it_is(prose: str):
    assert clean_text(prose) == prose


residue = st.lists(
    st.sampled_from(
        ["&amp;", "lt;", "&#38;", "\\", "{", "}", "$", "times", "1", "frac", "sim", "^", "_", "x2010",
         "- ", "ab", " ", "``", "~", "\\text{", "\\times", "T_", "\\'", "{\\c", "\\sqrt{", "\\em ", "\\o ", "Ã", "©", "â€™", "amp;", "ell", "\u200b"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(residue | st.text(max_size=60))
def test_cleaning_twice_changes_nothing_more(text: str):
    assert clean_text(clean_text(text)) == clean_text(text)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        "1,",
        "1{",
        "{",
        "$a",
        "&amp;",
        "amp;",
        "a- ",
        "\\",
        "x2010",
        "^{1",
        "\\frac{",
        "1 sim",
        "a~",
        "*a",
        "**a ",
        " *a",
        "\\a ",
        "\\a{",
        "\\frac{a}{",
        "\\sqrt{\\sqrt{\\sqrt{",
        "\\a{}",
        "\\a[",
        "\\'e",
        "{}",
        "Ã©",
        "â€™ ",
    ],
)
def test_a_longer_text_takes_longer_in_proportion(unit: str):
    """Nineteen thousand digits took eleven seconds."""

    def cpu_s(n_chars: int) -> float:
        text, times = ("&" + unit * n_chars)[:n_chars], list[float]()
        for _ in range(3):
            started = time.process_time()
            clean_text(text)
            times.append(time.process_time() - started)
        return min(times)

    # Four times the text, and not sixteen times the work.
    assert cpu_s(16_000) < 8 * cpu_s(4_000) + 0.01


@given(st.text(alphabet="ab1 .$\\{}^_~%-'`×", max_size=60) | st.text(max_size=60))
def test_the_result_is_one_line_without_edges(text: str):
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())


@pytest.mark.parametrize("rule", RESIDUE, ids=lambda rule: rule.pattern.pattern[:30])
@given(data=st.data())
def test_what_a_rule_undoes_has_one_of_its_signs(rule: Rule, data: st.DataObject):
    text = data.draw(st.from_regex(rule.pattern))
    assert rule.applied(text) == rule.pattern.sub(rule.replacement, text)
    assert any(sign in text for sign in rule.signs)
