"""Show records: JSON rows for programs, lines for a terminal."""

from calendar import month_name
from collections import Counter
from collections.abc import Iterator, Sequence

from footnote.ingest.identity.explain import Explanation, Joined
from footnote.rag.answering.citations import markers_of
from footnote.rag.core.records import (
    Answer,
    Claim,
    Hit,
    Paper,
    Receipt,
    Sentence,
    Source,
    Writing,
)
from footnote.rag.replay import Difference

_KEY_NAMES = {
    "same": "the same title and abstract",
    "arxiv": "the arXiv id",
    "doi": "the DOI",
    "abstract": "the same abstract",
    "title": "the same title",
    "start": "abstracts that begin alike",
}
_STATES = {
    "checked": "checked",
    "quoted": "quoted",
    "differs": "in which something differs",
    "unbound": "uncited",
}


def paper_row(paper: Paper) -> dict[str, object]:
    """Make a row of `footnote papers --json`; what is not known is null."""
    return {
        "paper_id": paper.paper_id,
        "title": paper.title,
        "date": paper.date and paper.date.isoformat(),
        "n_authors": paper.n_authors,
        "organisation": paper.organisation,
        "upvotes": paper.upvotes,
        "sources": list(dict.fromkeys(s.source for s in paper.sightings)),
    }


def hit_rows(hits: Sequence[Hit]) -> list[dict[str, object]]:
    """Make the rows of `footnote search --json`, best first; offsets count in the abstract."""
    return [
        {
            "rank": rank,
            "paper_id": hit.paper.paper_id,
            "title": hit.paper.title,
            "score": round(hit.score, 4),
            "passage": hit.paper.quote(hit.passage),
            "start": hit.passage.start,
            "end": hit.passage.end,
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def receipt_notes(receipt: Receipt | None) -> list[str]:
    """Say what a person should know of how papers were found, a line each."""
    notes = (not_asked_note, queries_note, order_note)
    return list(filter(None, (say(receipt) for say in notes)))


def queries_note(receipt: Receipt | None) -> str | None:
    """Say in a line what was searched for beside the question; None for nothing."""
    queries = receipt.queries if receipt else ()
    return f"Also searched for: {'; '.join(queries)}." if queries else None


def order_note(receipt: Receipt | None) -> str | None:
    """Say in a line why a model did not put papers in order; None where it did, or was not to."""
    if not receipt or not receipt.unordered:
        return None
    return _ended(f"Papers as they were found: the model {receipt.setup.model} {receipt.unordered}")


def not_asked_note(receipt: Receipt | None) -> str | None:
    """Say how many papers could not be asked; None where all were, or none had to be."""
    if not receipt or not receipt.n_not_asked:
        return None
    return (
        f"{receipt.n_not_asked:,} of {receipt.n_papers:,} papers could not be asked: "
        "the processes that hold them do not answer."
    )


def writing_note(answer: Answer) -> str | None:
    """Say in a line who wrote the answer and what was left out; None where no model was asked."""
    writing = answer.writing
    if writing is None:
        return None
    if answer.mode == "llm":
        parts = [f"Written by {writing.model}.", *_states(answer.sentences)]
        if writing.fault:
            parts.append(_ended(f"It ends early: the model {writing.fault}"))
    elif writing.fault:
        parts = [_ended(f"Quotes only: the model {writing.model} {writing.fault}")]
    else:
        parts = [f"{writing.model} read the question."]
    if n := writing.left_out:
        was = "statement of the draft was" if n == 1 else "statements of the draft were"
        parts.append(f"{n} {was} left out: no sentence here says so.")
    if n := writing.mended:
        were = "statement that differed was" if n == 1 else "statements that differed were"
        parts.append(f"{n} {were} rewritten by the model.")
    if n := writing.sources_left_out:
        papers = "paper that was found does" if n == 1 else "papers that were found do"
        parts.append(f"{n} {papers} not fit into what the model reads at once.")
    return " ".join([*parts, *_taken(writing)])


def _taken(writing: Writing) -> Iterator[str]:
    """Say what an answer took of the model, or that it was kept."""
    if writing.cached:
        yield "The reply was kept from before."
    if writing.tokens_in:
        about = "About " if writing.estimated else ""
        cost = "" if writing.cost is None else f", {_money(writing.cost)}"
        yield f"{about}{writing.tokens_in:,} tokens read, {writing.tokens_out:,} written{cost}."


def _money(cost: float) -> str:
    """Write a cost with two figures at least, and without a currency."""
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.6f}".rstrip("0").rstrip(".")


def _states(sentences: Sequence[Sentence]) -> Iterator[str]:
    """Say how many statements there are in each state, and what the states mean."""
    if not sentences:
        return
    counts = Counter(s.verdict for s in sentences)
    said = [f"{counts[verdict]} {name}" for verdict, name in _STATES.items() if counts[verdict]]
    is_unjudged = bool(counts["quoted"]) and not counts["checked"]
    yield f"Of its statements: {', '.join(said)}."
    if is_unjudged:
        yield "Quoted: bound to exact sentences, and nothing found that differs; not judged."


def _ended(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def sentence_text(sentence: Sentence) -> str:
    """Write a sentence and its markers for a terminal, with in what it differs from its quotes."""
    marked = f"{sentence.text} {markers_of(sentence)}".rstrip()
    if sentence.verdict == "unbound":
        return f"{marked} (uncited)"
    return f"{marked} (differs: {sentence.reason})" if sentence.verdict == "differs" else marked


def claim_lines(claim: Claim) -> list[str]:
    """Write a statement for a terminal: its state, and the sentences that speak to it."""
    why = f" ({claim.reason})" if claim.reason else ""
    cited = [f"    {c.title}: {c.quote}" for c in claim.citations]
    return [f"{claim.verdict}: {claim.text}{why}", *cited]


def difference_lines(difference: Difference) -> list[str]:
    """Write for a terminal in what an answer differs from the one before."""
    lines = [f"{'same' if difference.same else 'differs'}: {difference.question}"]
    if difference.refused_before is not difference.refused_now:
        lines.append(
            "  was answered, is refused now"
            if difference.refused_now
            else "  was refused, is answered now"
        )
    lines += [f"  + {text}" for text in difference.said_now]
    lines += [f"  - {text}" for text in difference.gone]
    lines += [f"  + cites {source.title}" for source in difference.papers_now]
    lines += [f"  - cited {source.title}" for source in difference.papers_gone]
    for changed in difference.quotes_changed:
        now = f"now says: {changed.now}" if changed.now else "is no paper here any more"
        lines.append(f"  {changed.quote.title} {now}; was quoted: {changed.quote.quote}")
    names = ", ".join(change.what for change in difference.changed)
    return [*lines, f"  changed since: {names}"] if names else lines


def source_text(source: Source) -> str:
    """Write a cited paper for a terminal, with its version and its withdrawal, if any."""
    remarks = [f"v{source.version}" if source.version else None, withdrawal(source.withdrawn)]
    return f"[{source.marker}] {', '.join([source.title, *filter(None, remarks)])}"


def explanation_lines(explanation: Explanation) -> list[str]:
    """Write for a terminal why the records of a paper are one."""
    lines = [f"{explanation.paper_id}  {explanation.title}"]
    if explanation.aliases:
        lines.append(f"also known as {', '.join(explanation.aliases)}")
    for record in explanation.records:
        ids = [
            f"arXiv:{record.arxiv_id}" if record.arxiv_id else None,
            f"v{record.version_number}" if record.version_number else None,
            f"doi:{record.doi}" if record.doi else None,
            f"key {record.cite_key}" if record.cite_key else None,
        ]
        seen = seen_in(record.source, record.day)
        lines.append(f"  {record.number}. {seen}: {record.title} {' '.join(filter(None, ids))}")
    return lines + [f"  {joined_text(join)}" for join in explanation.joins]


def joined_text(join: Joined) -> str:
    """Say what two records of a paper have in common."""
    kind, _, value = join.key.partition(":")
    named = f"{_KEY_NAMES[kind]} {value}" if kind in ("arxiv", "doi") else _KEY_NAMES[kind]
    alike = f"({join.likeness:.0%} of the words of their abstracts)"
    return f"{join.one} and {join.other} have {named} {alike}"


def seen_in(source: str, day: str | None) -> str:
    """Write where a paper was seen, and when: `page.txt (14 March, year not given)`."""
    if day and day.startswith("--"):
        _, _, month, day_of_month = day.split("-")
        day = f"{int(day_of_month)} {month_name[int(month)]}, year not given"
    return f"{source} ({day})" if day else source


def arxiv_name(paper: Paper) -> str | None:
    """Write the arXiv id of a paper with its version; None for a paper without."""
    version = f"v{paper.version_number}" if paper.version_number else ""
    return f"arXiv:{paper.arxiv_id}{version}" if paper.arxiv_id else None


def withdrawal(said: str | None) -> str | None:
    """Say that a paper was withdrawn, with the reason if one is known; None if it was not."""
    if said is None:
        return None
    return f"Withdrawn or retracted: {said}" if said else "Withdrawn or retracted"
