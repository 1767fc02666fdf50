"""Answer with a language model: bind every sentence that it writes to its source, and check it."""

import re
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Literal, NamedTuple

from footnote.rag.answering.citations import render_text, short_name
from footnote.rag.answering.markers import SentenceStream, take_markers
from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Answer, Citation, Paper, Sentence, Source, Writing
from footnote.rag.core.text import identity_key, words
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import NO_ANSWER, Prompts, ask_about, ask_to_rewrite, load_prompts
from footnote.rag.llm.talk import Reply
from footnote.rag.verification.verifier import Support, Verifier

# When less of a draft than this stands the check, the quotes say more.
_LEAST_SHARE = 0.5
# Fewer letters are a number of a list.
_LEAST_LETTERS = 4
# The same words so often in a row, and so many of them, are no sentence.
_LOOP_TIMES, _LOOP_WORDS = 3, 12
_MAX_LOOP = 40
# The second sentence said again ends it.
_REPEATS = 2
_REFERENCES = re.compile(r"^\W*(?:sources?|references?|citations?|bibliography)\W*(?::|$)", re.I)
_LABEL = re.compile(r"^\W*(?:answer|response|summary)\s*:\s*", re.IGNORECASE)
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_POINTS_BACK = re.compile(r"(?:it|its|they|their|this|these|that|those|he|she)\b", re.IGNORECASE)
# A question that is rewritten is not a new one of any length.
_MAX_REWRITE_TOKENS, _MAX_REWRITE_S = 80, 20.0
_MAX_HISTORY = 6


class Status(NamedTuple):
    """Progress, as a line for whoever waits."""

    text: str


Event = Status | Sentence | Answer


class _Claim(NamedTuple):
    text: str
    markers: tuple[int, ...]


class Writer:
    """Has a model write from the papers found, and shows only what the papers say."""

    def __init__(
        self,
        model: Model,
        verifier: Verifier,
        prompts: Prompts,
        *,
        papers: int,
        timeout_s: float,
        max_tokens: int,
        unsupported: Literal["drop", "strike"],
    ):
        self.model = model
        self._verifier = verifier
        self._prompts = prompts
        self._papers = papers
        self._timeout_s = timeout_s
        self._max_tokens = max_tokens
        self._strike = unsupported == "strike"

    def write(self, quotes: Answer, papers: Sequence[Paper]) -> Generator[Event]:
        """Answer a question that has an answer.

        Args:
            quotes: The answer made of quotes; it is given when the model fails.
            papers: The sources, best first.

        Yields:
            What goes on, each sentence when it has stood the check, and at last the answer.
            Closing the iterator stops the model.
        """
        begun = time.monotonic()
        asked = ask_about(
            self._prompts,
            quotes.question,
            papers[: max(self._papers, len(quotes.sources))],
            room=self.model.context_window - self._max_tokens,
        )
        draft = _CheckedText(asked.papers)
        reply = Reply(
            self.model, asked.messages, timeout_s=self._timeout_s, max_tokens=self._max_tokens
        )
        fault = None if asked.papers else "has no room for a source; raise `llm.context_window`"
        if not fault:
            yield Status(f"{self.model.name} is writing")
            fault = yield from self._checked(reply, draft)
        writing = Writing(
            model=self.model.name,
            left_out=draft.n_left_out,
            sources_left_out=asked.n_dropped,
            fault=fault,
            first_token_s=_rounded(reply.first_token_s),
            tokens_per_s=_rounded(reply.tokens_per_s),
            seconds=round(time.monotonic() - begun, 3),
        )
        yield draft.answer(quotes, writing, strike=self._strike)

    def _checked(self, reply: Reply, draft: "_CheckedText") -> Generator[Event, None, str | None]:
        """Yield the sentences that pass the check, as they come; return why it ended early."""
        n_sources = len(draft.papers)
        try:
            with closing(iter(reply)) as pieces:
                for text in _sentences(pieces, reply, n_sources):
                    if text is None:
                        yield Status(f"{self.model.name} is writing")
                        continue
                    if text.strip(" .!") == NO_ANSWER:
                        return None if draft.n_kept else "found no answer in the sources"
                    claim = _Claim(*take_markers(text, n_sources))
                    if draft.repeats(claim.text):
                        if draft.n_repeats >= _REPEATS:
                            break
                    elif draft.says_something(claim.text):
                        sentence = draft.add(claim.text, self._support(claim, draft))
                        if sentence.verdict != "unsupported" or self._strike:
                            yield sentence
        except GenerationError as error:
            return str(error)
        except _LoopError:
            return None if draft.n_kept else "repeated itself"
        if reply.n_tokens >= self._max_tokens and draft.n_kept:
            return "came to the end of its `llm.max_tokens`"
        return None

    def _support(self, claim: _Claim, draft: "_CheckedText") -> list[Support]:
        """Judge how the papers that a claim cites support it, best first; or any paper."""
        cited = [draft.papers[number - 1] for number in claim.markers] or draft.papers
        context = draft.last
        best = self._verifier.check(claim.text, cited, context=context)
        if best.verdict == "unsupported" or not claim.markers:
            return [best]
        others = [
            self._verifier.check(claim.text, [paper], context=context)
            for paper in cited
            if best.paper is None or paper.paper_id != best.paper.paper_id
        ]
        return [best, *(other for other in others if other.verdict == "supported")]


class _CheckedText:
    """The sentences checked so far; their sources are numbered as they are first cited."""

    def __init__(self, papers: Sequence[Paper]):
        self.papers = papers
        self.sentences: list[Sentence] = []
        self.last = ""
        """The sentence before, kept or not: what `it` stands for."""
        self.n_left_out = 0
        self.n_repeats = 0
        self._last_was_kept = True
        self._sources: dict[str, Source] = {}
        self._seen: set[str] = set()
        self._titles = {identity_key(paper.title) for paper in papers}

    @property
    def n_kept(self) -> int:
        """Count the sentences that a source supports, at least in part."""
        return len(self.sentences) - sum(s.verdict == "unsupported" for s in self.sentences)

    def says_something(self, text: str) -> bool:
        """Return True if a sentence claims anything: a title or a number alone does not."""
        n_letters = sum(character.isalpha() for character in text)
        return n_letters >= _LEAST_LETTERS and identity_key(text) not in self._titles

    def repeats(self, text: str) -> bool:
        """Return True if this was said before; how often is counted."""
        key = identity_key(text)
        repeated = key in self._seen
        self._seen.add(key)
        self.n_repeats += repeated
        return repeated

    def add(self, text: str, supports: Sequence[Support]) -> Sentence:
        """Keep a sentence with its citations, or count it as left out."""
        best = supports[0]
        citations = tuple(c for s in supports if (c := self._citation(s)))
        kept = best.verdict != "unsupported" and bool(citations)
        if kept and not self._last_was_kept and _POINTS_BACK.match(text):
            # What it pointed to is not shown.
            text = f"{short_name(citations[0].title) or citations[0].title}: {text}"
        sentence = Sentence(
            text=text,
            verdict=best.verdict if kept else "unsupported",
            citations=citations if kept else (),
            reason=best.reason,
        )
        self.n_left_out += not kept
        self.sentences.append(sentence)
        self.last, self._last_was_kept = text, kept
        return sentence

    def answer(self, quotes: Answer, writing: Writing, *, strike: bool) -> Answer:
        """Return the answer with what is kept, or the quotes when that is too little."""
        if self.n_kept < max(1, _LEAST_SHARE * (self.n_kept + self.n_left_out)):
            fault = writing.fault or "wrote what the sources do not say"
            return quotes.model_copy(
                update={"writing": writing.model_copy(update={"fault": fault})}
            )
        kept = [s for s in self.sentences if s.verdict != "unsupported"]
        return Answer(
            question=quotes.question,
            answer=render_text(kept, as_list=False),
            refused=False,
            reason=None,
            sentences=tuple(self.sentences if strike else kept),
            sources=tuple(self._sources.values()),
            mode="llm",
            writing=writing,
        )

    def _citation(self, support: Support) -> Citation | None:
        paper, span = support.paper, support.span
        if support.verdict == "unsupported" or not paper or not span:
            return None
        marker = len(self._sources) + 1
        source = self._sources.setdefault(paper.paper_id, Source.of(paper, marker))
        return Citation.of(paper, span, marker=source.marker, score=support.score)


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
    reply = Reply(model, messages, timeout_s=_MAX_REWRITE_S, max_tokens=_MAX_REWRITE_TOKENS)
    try:
        text = "".join(reply)
    except GenerationError:
        return None
    said = _THINKING.sub("", text).strip().strip("\"'“”*").strip()
    if said.count("?") != 1 or not said.endswith("?") or "\n" in said:
        return None
    # Names and figures come from the conversation, or they are the model's own.
    known = set(words(" ".join([question, *history])))
    named = re.findall(r"\b\w*(?:[A-Z0-9]\w*)\b", said[1:])
    return said if all(set(words(name)) <= known for name in named) else None


def _sentences(pieces: Iterable[str], reply: Reply, n_sources: int) -> Iterator[str | None]:
    """Cut a draft into sentences, without its thinking and its list of references.

    Yields:
        A sentence, or None where a second passed without a word.

    Raises:
        _LoopError: The same words come again and again.
    """
    stream = SentenceStream(n_sources)
    for piece in _spoken(pieces):
        if not piece:
            yield None
        for sentence in stream.feed(piece):
            if _REFERENCES.match(sentence):
                return
            yield _LABEL.sub("", sentence)
        if _loops(stream.pending):
            raise _LoopError
    for sentence in stream.finish():
        # Cut off in the middle, it may say the opposite of what it was to say.
        whole = reply.complete or re.search(r"[.!?][\"'”’)]*$", sentence)
        if whole and not _REFERENCES.match(sentence):
            yield _LABEL.sub("", sentence)


def _spoken(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the text of an answer as it arrives, without what a reasoning model thinks aloud."""
    text, said = "", 0
    for piece in pieces:
        text += piece
        # A tag may have arrived in part.
        settled = _THINKING.sub("", re.sub(r"<[^<>\s]{0,10}$", "", text))
        if len(settled) > said or not piece:
            yield settled[said:]
        said = max(said, len(settled))
    yield _THINKING.sub("", text)[said:]


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
