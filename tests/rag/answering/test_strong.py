"""Whole answers of a strong model, through the writer: nothing of them is lost, little is doubted."""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from footnote.rag.answering.citations import cite
from footnote.rag.answering.generative import Writer
from footnote.rag.core.records import Answer, Citation, Sentence
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.llm.prompts import load_prompts
from footnote.rag.verification.binding import Cited
from footnote.rag.verification.checker import Checker
from tests.made import Says, drafted, evidence, request
from tests.rag.answering.strong import FOLDER, Json, cited, markdown, papers, rows, statements


@cache
def lexicon(folder: Path) -> BM25Index:
    words = BM25Index(folder)
    words.replace(papers().values())
    return words


def written(answer: Json, checker: Checker) -> Answer:
    """The answer that is made of what a model wrote, as it writes it."""
    sources = cited(answer)
    quotes = cite(request(answer["question"]), drafted(evidence(sources[0], 0)))
    text = markdown(answer, sources)
    pieces = [text[at : at + 9] for at in range(0, len(text), 9)]
    writer = Writer(
        Says(*pieces, window=100_000), checker, load_prompts({}, "strong"),
        papers=30, timeout_s=30, max_tokens=50_000,
    )  # fmt: skip
    *_, made = writer.write(quotes, sources)
    assert isinstance(made, Answer)
    return made


def whole(answer: Json, made: Answer) -> Iterator[bool]:
    """Yield of each statement if it is shown, in its place, with all its citations."""
    rest = list(made.sentences)
    for statement in statements(answer):
        at = next((n for n, s in enumerate(rest) if is_end_of(s, statement.text)), None)
        if at is None:
            yield False
            continue
        found = {(c.title, place(c)) for c in rest[at].citations}
        yield {*statement.on} == found
        del rest[: at + 1]


def place(citation: Citation) -> int:
    """The number of the sentence that is cited."""
    starts = [span.start for span in papers()[citation.title].sentences]
    return starts.index(citation.start)


def is_end_of(sentence: Sentence, text: str) -> bool:
    """A statement of several sentences is told one by one; the last has what it rests on."""
    plain = " ".join(text.replace("**", "").replace("`", "").split())
    return plain.rstrip(".").endswith(sentence.text.rstrip("."))


def test_nothing_is_lost_and_little_is_doubted(tmp_path: Path):
    checker = Checker(lexicon(tmp_path))
    shown: list[bool] = []
    verdicts: Counter[str] = Counter()
    for answer in rows(FOLDER / "answers.jsonl"):
        made = written(answer, checker)
        assert made.mode == "llm"
        shown += whole(answer, made)
        verdicts.update(s.verdict for s in made.sentences if s.citations)
        forms = [b["form"] for b in answer["blocks"] if b["form"] != "heading"]
        assert [b.form for b in made.blocks] == forms
        headings = [b["text"] for b in answer["blocks"] if b["form"] == "heading"]
        assert [b.heading for b in made.blocks if b.heading] == headings
    assert sum(shown) >= 0.98 * len(shown)
    assert verdicts["differs"] <= 0.03 * verdicts.total()


def test_some_of_what_is_false_is_found(tmp_path: Path):
    checker = Checker(lexicon(tmp_path))
    found: Counter[str] = Counter()
    for claim in rows(FOLDER / "false.jsonl"):
        on = [Cited(papers()[title], number) for title, number in claim["on"]]
        verdict = checker.check(claim["text"], on, [paper for paper, _ in on]).verdict
        found[claim["kind"]] += verdict == "differs"
    # Without a judge: an `up to` that was dropped, figures of two papers in one.
    assert found["peak"] >= 15
    assert found["merged"] >= 6
