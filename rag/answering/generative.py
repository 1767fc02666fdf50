"""Answer with a language model: bind every statement that it writes to sentences, and check it."""

import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from footnote.rag.answering.citations import render_blocks
from footnote.rag.answering.markers import Ref
from footnote.rag.answering.second_pass import Faulty, judge_by, mend
from footnote.rag.answering.statements import Label, Statement, StatementStream, Written
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import (
    Answer,
    Block,
    Cell,
    Citation,
    Paper,
    Sentence,
    Source,
    Writing,
)
from footnote.rag.core.request import Depth
from footnote.rag.core.text import identity_key, words
from footnote.rag.llm.meter import UNKNOWN, Meter, Price
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import (
    NO_ANSWER,
    Prompts,
    ask_about,
    ask_to_rewrite,
    estimate_tokens,
    load_prompts,
)
from footnote.rag.llm.talk import THINKING, Reply, ask_once
from footnote.rag.verification.binding import Bound, Cited
from footnote.rag.verification.checker import Checked, Checker

# When less of a draft than this is bound and differs in nothing, the quotes say more.
_LEAST_SHARE = 0.5
# Fewer letters are a number of a list.
_LEAST_LETTERS = 4
# The same words so often in a row, and so many of them, are no sentence.
_LOOP_TIMES, _LOOP_WORDS = 3, 12
_MAX_LOOP = 40
# The second statement said again ends it.
_REPEATS = 2
_REFERENCES = re.compile(r"^\W*(?:sources?|references?|citations?|bibliography)\W*(?::|$)", re.I)
_LABEL = re.compile(r"^\W*(?:answer|response|summary)\s*:\s*", re.IGNORECASE)
_ENDS = re.compile(r"[.!?:][\"'”’)]*$")
# A question that is rewritten is not a new one of any length.
_MAX_REWRITE_TOKENS, _MAX_REWRITE_S = 80, 20.0
_MAX_HISTORY = 6
NOTHING_FOUND = "found no answer in the sources"
# Turns that a strong model is sent along with a question.
_TOLD = 2
_STANDS = frozenset({"checked", "quoted"})


class Status(NamedTuple):
    """Progress, as a line for whoever waits."""

    text: str


Event = Status | Sentence | Answer


class Writer:
    """Has a model write from the papers found, and says of each statement what it rests on."""

    def __init__(
        self,
        model: Model,
        checker: Checker,
        prompts: Prompts,
        *,
        papers: int,
        timeout_s: float,
        max_tokens: int | None = None,
        price: Price = UNKNOWN,
        judges_itself: bool = False,
    ):
        """Prepare; nothing is asked yet.

        Args:
            model: Who writes.
            checker: Binds and checks what it writes.
            prompts: What it is told.
            papers: How many it is sent at most.
            timeout_s: For the whole answer; then the quotes take its place.
            max_tokens: Of an answer at most; None for as many as the model may write.
            price: Of what it reads and writes.
            judges_itself: True where the model judges what it wrote, statement by statement.
        """
        self.model = model
        self._checker = checker
        self._prompts = prompts
        self._papers = papers
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        self._price = price
        self._judges_itself = judges_itself

    def metered(self, meter: Meter | None = None) -> tuple["Writer", Meter]:
        """Return one like it, and what counts the calls of its model: this meter, or a new one."""
        meter, writer = meter or Meter(self._price), copy(self)
        writer.model = meter.watch(self.model)
        if self._judges_itself:
            judge = judge_by(writer.model, timeout_s=self._timeout_s)
            writer._checker = self._checker.judging_by(judge)
        return writer, meter

    def at_depth(self, depth: Depth) -> "Writer":
        """Return one that is sent as many papers as a reader wants to be read."""
        other = copy(self)
        other._papers = depth.of(self._papers)
        return other

    @property
    def papers(self) -> int:
        """How many papers the model is sent at most."""
        return self._papers

    @property
    def is_strong(self) -> bool:
        """True where the model is asked also what the quotes alone do not answer."""
        return self._prompts.profile == "strong"

    def most_tokens(self, papers: Sequence[Paper]) -> tuple[int, int]:
        """Return how many tokens an answer from as many of these papers as fit takes, at most.

        Returns:
            What is read for it, without the question, and what is written.
        """
        written = self._max_tokens or self.model.max_tokens
        room = self.model.context_window - written
        asked = ask_about(self._prompts, "", papers[: self._papers], room=room)
        read = sum(estimate_tokens(message.content) for message in asked.messages)
        return read, written

    def write(
        self, quotes: Answer, papers: Sequence[Paper], turns: Sequence[Answer] = ()
    ) -> Generator[Event]:
        """Answer a question.

        Args:
            quotes: The answer made of quotes, or the refusal; it is given when the model fails.
            papers: The sources, best first.
            turns: What was said before in the same conversation, oldest first.

        Yields:
            What goes on, each statement as it is bound, and at last the answer. Closing the
            iterator stops the model.
        """
        begun = time.monotonic()
        max_tokens = self._max_tokens or self.model.max_tokens
        asked = ask_about(
            self._prompts,
            quotes.question,
            papers[: max(self._papers, len(quotes.sources))],
            room=self.model.context_window - max_tokens,
            turns=[(turn.question, turn.answer) for turn in turns[-_TOLD:]],
        )
        draft = _Draft(asked.papers, self._checker, keeps_unbound=self.is_strong)
        reply = Reply(self.model, asked.messages, timeout_s=self._timeout_s, max_tokens=max_tokens)
        fault = None if asked.papers else "has no room for a source; raise `llm.context_window`"
        if not fault:
            yield Status(f"{self.model.name} is writing")
            fault = yield from self._bound(reply, draft)
            yield from self._looked_over(draft)
        writing = Writing(
            model=self.model.name,
            mended=draft.n_mended,
            left_out=draft.n_left_out,
            sources_left_out=asked.n_dropped,
            fault=fault,
            first_token_s=_rounded(reply.first_token_s),
            tokens_per_s=_rounded(reply.tokens_per_s),
            seconds=round(time.monotonic() - begun, 3),
            cached=reply.cached,
        )
        yield draft.answer(quotes, writing)

    def _looked_over(self, draft: "_Draft") -> Generator[Event]:
        """Have the statements judged, and what differs rewritten once by a strong model."""
        if self._checker.has_judge and draft.n_standing:
            yield Status("what is written is judged")
            draft.judge()
        if self.is_strong and (faulty := draft.faulty()):
            yield Status(f"{self.model.name} is mending what differs")
            texts = mend(self.model, list(faulty.values()), timeout_s=self._timeout_s)
            draft.mend({at: texts[n] for n, at in enumerate(faulty) if n in texts})

    def _bound(self, reply: Reply, draft: "_Draft") -> Generator[Event, None, str | None]:
        """Yield the statements as they come; return why the draft ended early."""
        sizes = [len(paper.sentences) for paper in draft.papers]
        try:
            with closing(iter(reply)) as pieces:
                for written in _written(pieces, reply, sizes):
                    if written is None:
                        yield Status(f"{self.model.name} is writing")
                    elif written.text.strip(" .!") == NO_ANSWER:
                        return None if draft.n_standing else NOTHING_FOUND
                    elif isinstance(written, Label):
                        draft.label(written)
                    elif draft.repeats(written):
                        if draft.n_repeats >= _REPEATS:
                            break
                    elif sentence := draft.add(written):
                        yield sentence
        except GenerationError as error:
            return str(error)
        except _LoopError:
            return None if draft.n_standing else "repeated itself"
        if reply.is_full and draft.n_standing:
            return "came to the end of its `llm.max_tokens`"
        return None


@dataclass
class _Part:
    """A part of an answer while it is written."""

    form: Literal["prose", "list", "table"]
    heading: str | None = None
    said: list[int] = field(default_factory=list[int])
    columns: dict[int, str] = field(default_factory=dict[int, str])
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict[tuple[int, int], Cell])

    def block(self) -> Block:
        width = 1 + max([*self.columns, *(column for _, column in self.cells)], default=-1)
        rows = sorted({row for row, _ in self.cells})
        return Block(
            form=self.form,
            heading=self.heading,
            sentences=tuple(self.said),
            columns=tuple(self.columns.get(n, "") for n in range(width)),
            rows=tuple(
                tuple(self.cells.get((row, n), Cell()) for n in range(width)) for row in rows
            ),
        )


class _Draft:
    """The statements so far, and how they are laid out; sources are numbered as they are cited."""

    def __init__(self, papers: Sequence[Paper], checker: Checker, *, keeps_unbound: bool):
        """Begin an empty one.

        Args:
            papers: The sources; the n-th is number n.
            checker: Binds and checks statements.
            keeps_unbound: True where what no sentence says is shown, as that; else it is counted.
        """
        self.papers = papers
        self._keeps_unbound = keeps_unbound
        self.n_left_out = 0
        self.n_repeats = 0
        self.n_mended = 0
        self._checker = checker
        self._statements: list[tuple[str, Checked]] = []
        self._parts: dict[int, _Part] = {}
        self._heading: str | None = None
        self._sources: dict[str, Source] = {}
        self._seen: set[str] = set()
        self._titles = {identity_key(paper.title) for paper in papers}

    @property
    def n_standing(self) -> int:
        """Count the statements that are bound and differ in nothing."""
        return sum(checked.verdict in _STANDS for _, checked in self._statements)

    def repeats(self, statement: Statement) -> bool:
        """Return True if this was said before; how often is counted. A table may say it again."""
        key = identity_key(statement.text)
        if statement.form == "table" or not key:
            return False
        repeated = key in self._seen
        self._seen.add(key)
        self.n_repeats += repeated
        return repeated

    def label(self, label: Label) -> None:
        """Keep words that state nothing: a heading stands over what follows it."""
        if label.form == "heading":
            self._heading = label.text
        elif label.form == "column":
            self._part(label.block, "table").columns[label.column] = label.text
        else:
            self._part(label.block, "table").cells[label.row, label.column] = Cell(text=label.text)

    def add(self, statement: Statement) -> Sentence | None:
        """Bind a statement and keep it; None for what is no statement."""
        in_table = statement.form == "table"
        if not in_table and not self._says_something(statement.text):
            return None
        refs = statement.refs
        cited = None if refs is None else [self._cited(ref) for ref in refs]
        checked = self._checker.check(statement.text, cited, self.papers)
        is_instruction = checked.verdict == "differs" and not checked.bound
        if is_instruction or (checked.verdict == "unbound" and not self._keeps_unbound):
            self.n_left_out += 1
            return None
        self._statements.append((statement.text, checked))
        at = len(self._statements) - 1
        part = self._part(statement.block, statement.form)
        if in_table:
            part.cells[statement.row, statement.column] = Cell(sentences=(at,))
        else:
            part.said.append(at)
        return self._sentence(statement.text, checked)

    def judge(self) -> None:
        """Have the judge look at each statement that is bound and differs in nothing."""
        judged = self._checker.judged(self._statements)
        self._statements = [
            (text, checked) for (text, _), checked in zip(self._statements, judged, strict=True)
        ]

    def faulty(self) -> dict[int, Faulty]:
        """Return the statements that differ from the sentences they rest on, by their places."""
        return {
            at: Faulty(text, " ".join(b.quote for b in checked.bound), checked.reason)
            for at, (text, checked) in enumerate(self._statements)
            if checked.verdict == "differs" and checked.reason
        }

    def mend(self, texts: Mapping[int, str]) -> None:
        """Put other words in the place of statements, where nothing differs in those."""
        found = [
            (at, text, self._checker.compared(text, self._statements[at][1].bound, self.papers))
            for at, text in texts.items()
        ]
        judged = self._checker.judged([(text, checked) for _, text, checked in found])
        for (at, text, _), checked in zip(found, judged, strict=True):
            if checked.verdict in _STANDS:
                self._statements[at] = text, checked
                self.n_mended += 1

    def answer(self, quotes: Answer, writing: Writing) -> Answer:
        """Return the answer, or the quotes when too little of it stands."""
        n_written = len(self._statements) + self.n_left_out
        if self.n_standing < max(1, _LEAST_SHARE * n_written):
            fault = writing.fault or "wrote what the sources do not say"
            return quotes.model_copy(
                update={"writing": writing.model_copy(update={"fault": fault})}
            )
        sentences = tuple(self._sentence(text, checked) for text, checked in self._statements)
        blocks = tuple(self._parts[n].block() for n in sorted(self._parts))
        return Answer(
            question=quotes.question,
            answer=render_blocks(blocks, sentences),
            refused=False,
            reason=None,
            sentences=sentences,
            sources=tuple(self._sources.values()),
            mode="llm",
            writing=writing,
            blocks=blocks,
            receipt=quotes.receipt,
        )

    def _part(self, block: int, form: Literal["prose", "list", "table"]) -> _Part:
        if block not in self._parts:
            self._parts[block] = _Part(form, self._heading)
            self._heading = None
        return self._parts[block]

    def _says_something(self, text: str) -> bool:
        """Return True if a sentence claims anything: a title or a number alone does not."""
        n_letters = sum(character.isalpha() for character in text)
        return n_letters >= _LEAST_LETTERS and identity_key(text) not in self._titles

    def _cited(self, ref: Ref) -> Cited:
        number = ref.sentence - 1 if ref.sentence else None
        return Cited(self.papers[ref.source - 1], number)

    def _sentence(self, text: str, checked: Checked) -> Sentence:
        return Sentence(
            text=text,
            verdict=checked.verdict,
            citations=tuple(map(self._citation, checked.bound)),
            reason=checked.reason,
        )

    def _citation(self, bound: Bound) -> Citation:
        marker = len(self._sources) + 1
        source = self._sources.setdefault(bound.paper.paper_id, Source.of(bound.paper, marker))
        return Citation.of(bound.paper, bound.span, marker=source.marker, score=bound.share)


def problem_of(model: Model, *, timeout_s: float) -> str | None:
    """Ask a model for one word; return why it does not answer, None when it does."""
    messages = ask_to_rewrite(load_prompts({}), "Is it fast?", ["What is a cache?"])
    try:
        with closing(iter(Reply(model, messages, timeout_s=timeout_s, max_tokens=16))) as pieces:
            for _ in pieces:
                pass
    except GenerationError as error:
        return f"model {model.name} {error}"
    return None


def rewrite_with_model(model: Model, question: str, history: Sequence[str]) -> str | None:
    """Rewrite a question so that it can be understood without the earlier ones.

    Args:
        model: Who rewrites it; it is given little time.
        question: The question, such as "And how fast is it?".
        history: The earlier questions, oldest first.

    Returns:
        One question, or None when there is nothing to rewrite, the model fails, or what it gives
        is not one question that is about what was asked.
    """
    if not history:
        return None
    messages = ask_to_rewrite(load_prompts({}), question, history[-_MAX_HISTORY:])
    text = ask_once(model, messages, timeout_s=_MAX_REWRITE_S, max_tokens=_MAX_REWRITE_TOKENS)
    said = (text or "").strip("\"'“”*").strip()
    if said.count("?") != 1 or not said.endswith("?") or "\n" in said:
        return None
    # Names and figures come from the conversation, or they are the model's own.
    known = set(words(" ".join([question, *history])))
    named = re.findall(r"\b\w*(?:[A-Z0-9]\w*)\b", said[1:])
    return said if all(set(words(name)) <= known for name in named) else None


def _written(pieces: Iterable[str], reply: Reply, sizes: Sequence[int]) -> Iterator[Written | None]:
    """Read a draft, without its thinking and its list of references.

    Yields:
        A statement or a label, or None where a second passed without a word.

    Raises:
        _LoopError: The same words come again and again.
    """
    stream = StatementStream(sizes)
    for piece in spoken(pieces):
        if not piece:
            yield None
        for written in stream.feed(piece):
            if _REFERENCES.match(written.text):
                return
            yield _without_label(written)
        if _loops(stream.pending):
            raise _LoopError
    for written in stream.finish():
        # Cut off in the middle, it may say the opposite of what it was to say.
        whole = reply.complete or _ENDS.search(written.text)
        if whole and not _REFERENCES.match(written.text):
            yield _without_label(written)


def _without_label(written: Written) -> Written:
    return written._replace(text=_LABEL.sub("", written.text))


def spoken(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text of an answer as it arrives, without what a reasoning model thinks aloud."""
    text, said = "", 0
    for piece in pieces:
        text += piece
        # A tag may have arrived in part.
        settled = THINKING.sub("", re.sub(r"<[^<>\s]{0,10}$", "", text))
        if len(settled) > said or not piece:
            yield settled[said:]
        said = max(said, len(settled))
    yield THINKING.sub("", text)[said:]


def _loops(text: str) -> bool:
    """Return True if a text ends with the same words several times in a row."""
    said = words(text)
    for size in range(1, min(_MAX_LOOP, len(said) // _LOOP_TIMES) + 1):
        times = max(_LOOP_TIMES, -(-_LOOP_WORDS // size))
        tail = said[-size * times :]
        if len(tail) == size * times and tail == tail[-size:] * times:
            return True
    return False


class _LoopError(Exception):
    """The model says the same again and again."""


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
