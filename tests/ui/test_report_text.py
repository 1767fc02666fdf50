"""A report as Markdown: what it says of each statement, and the sentences below."""

from footnote.rag.answering.report_parts import Joining
from footnote.rag.core.records import Answer, Block, Cell, Citation, Paper, Sentence, Source
from footnote.rag.report import Estimate
from footnote.ui.report_text import estimate_text, report_markdown
from tests.made import paper

ALPHA = paper("Alpha: A Cache", "Caches grow. Alpha keeps a|b on disk.")
BRAVO = paper("Bravo: Routing", "Bravo routes questions. The bill falls by 40%.")


def cited(of: Paper, number: int, marker: int) -> Citation:
    return Citation.of(of, of.sentences[number], marker=marker, score=1.0)


def answer(*sentences: Sentence, blocks: tuple[Block, ...], papers: tuple[Paper, ...]) -> Answer:
    return Answer(
        question="what", answer="", refused=False, reason=None, mode="quote", blocks=blocks,
        sentences=sentences, sources=tuple(Source.of(p, n) for n, p in enumerate(papers, 1)),
    )  # fmt: skip


def test_sections_share_their_sources_and_each_lists_its_sentences():
    joining = Joining("caches", "Where Caches Lie")
    first = answer(
        Sentence(text="Alpha is on disk.", verdict="quoted", citations=(cited(ALPHA, 1, 1),)),
        Sentence(text="All is well.", verdict="unbound", citations=()),
        blocks=(Block(form="prose", heading="Places", sentences=(0, 1)),),
        papers=(ALPHA,),
    )
    second = answer(
        Sentence(
            text="By 60%.",
            verdict="differs",
            reason="“60%” is not",
            citations=(cited(BRAVO, 1, 1),),
        ),
        Sentence(text="On a|b.", verdict="quoted", citations=(cited(ALPHA, 1, 2),)),
        blocks=(
            Block(form="list", heading="In figures", sentences=(0,)),
            Block(
                form="table",
                columns=("Paper", "Says"),
                rows=((Cell(text="Alpha", marker=2), Cell(sentences=(1,))),),
            ),
        ),
        papers=(BRAVO, ALPHA),
    )
    joining.add("Places", first)
    joining.add("Bills", second)
    joining.add("Limits", remarks=["Written from 2 papers.", "No more."])
    report = joining.report()
    assert (
        report_markdown(report)
        == """\
# Where Caches Lie

## Places

Alpha is on disk. [1] All is well. (uncited)

## Bills

### In figures

- By 60%. [2] (differs: “60%” is not)

| Paper | Says |
| --- | --- |
| Alpha [1] | On a\\|b. [1] |

## Limits

Written from 2 papers.

No more.

## Sources

[1] Alpha: A Cache

- “Alpha keeps a|b on disk.”

[2] Bravo: Routing

- “The bill falls by 40%.”
"""
    )


def test_what_it_costs_is_said_in_a_line():
    estimate = Estimate(
        model="big", calls=5, tokens_in=20_000, tokens_out=3_000, cost=0.125, kept=10
    )
    assert estimate_text(estimate) == (
        "10 steps are finished. big is asked up to 5 times: "
        "up to about 20,000 tokens in and 3,000 out, for about 0.12."
    )
    unpriced = estimate.model_copy(update={"cost": None, "kept": 0})
    assert estimate_text(unpriced).endswith("set llm.price_in and llm.price_out).")
