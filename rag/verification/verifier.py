"""Check sentences that a model wrote against the abstracts they cite.

A claim is `supported` only when one sentence, or two neighbours, say every word, name and number
of it in the same sense; `unsupported` when they say otherwise or speak of something else; else
`partly`.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

from footnote.rag.core.quantity import Agreement, Quantity, agreement, quantities
from footnote.rag.core.records import Paper, Verdict
from footnote.rag.core.text import Span, fold
from footnote.rag.verification.instructions import asks, instructs, says_nothing
from footnote.rag.verification.mismatch import (
    Comparison,
    Match,
    Mismatch,
    direction_words,
    initials,
    is_turned,
    mismatches,
)
from footnote.rag.verification.reading import Reader, TermStatistics, Token, joined
from footnote.rag.verification.wording import SELF

Judge = Callable[[str, str], tuple[float, float, float]]
"""Chances that a premise entails a hypothesis, is neutral to it, and contradicts it."""

# Longer sentences are not read to their end, and never supported.
_MAX_CHARS = 2_000
# Passages looked at closely, of those that share most with the claim.
_CLOSELY = 4
# Below this share of the claim's words, and this likeness, a passage speaks of something else;
# chosen on SciFact's train claims (docs/evaluation.md).
_COVERED, _LIKE = 0.27, 0.55
# Two sentences must say this much more than the better one alone.
_TOGETHER = 0.08
# A subject stands among the first tokens.
_EARLY = 8
# Share of a question's words that the rest of its abstract uses, when the authors ask it.
_TOPICAL = 0.25
# How many tokens further away a place in another clause counts as.
_OTHER_CLAUSE = 6
_TAKEN = 100
_KEPT_PAPERS = 256
# What an entailment model must say to lift a doubt about words, or to raise one.
_ENTAILS, _CONTRADICTS = 0.9, 0.5
_CEILING: dict[Verdict, float] = {"supported": 1.0, "partly": 0.7, "unsupported": 0.3}
_RANK: dict[Verdict, int] = {"supported": 2, "partly": 1, "unsupported": 0}


class Support(NamedTuple):
    """What was found for one claim."""

    verdict: Verdict
    score: float
    """In [0, 1]; larger for better support, at most 0.7 for `partly`, 0.3 for `unsupported`."""
    reason: str | None
    """One line for a person when it is not fully supported."""
    paper: Paper | None
    """The paper that supports it best; None when there is nothing."""
    span: Span | None
    """The sentence, or two neighbours, of its abstract."""


class _Passage(NamedTuple):
    """A sentence that may serve as evidence, or two neighbours."""

    paper: Paper
    span: Span
    tokens: tuple[Token, ...]
    before: frozenset[str]
    """Keys of the sentence before it, which `it` may mean."""
    tainted: bool
    """True where it follows an instruction, and may belong to it."""


class _PaperReading(NamedTuple):
    paper: Paper
    single: tuple[_Passage, ...]
    pairs: tuple[_Passage, ...]
    title: frozenset[str]
    own_name: frozenset[str]
    """Keys of what the paper calls its system: the title up to the colon."""
    keys: frozenset[str]
    """What the title and the abstract say, instructions apart."""
    names: frozenset[str]
    """Names, folded, as the abstract writes them inside sentences, and the title's short name."""
    numbers: tuple[Quantity, ...]
    plain: tuple[str, ...]
    """Each sentence without case and punctuation."""


class Verifier:
    """Judges claims, one at a time; what it has read of a paper it keeps for the next claim."""

    def __init__(
        self,
        statistics: TermStatistics,
        embedder: BaseEmbedding | None = None,
        nli: Judge | None = None,
    ):
        """Judge with these.

        Args:
            statistics: Of the words of the corpus.
            embedder: Helps to tell which sentence speaks of the same thing.
            nli: Judges what differs in words alone; numbers, names and negations stay with rules.
        """
        self._reader = Reader(statistics)
        self._embedder = embedder
        self._nli = nli
        self._papers: OrderedDict[str, _PaperReading] = OrderedDict()
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()

    def check(self, claim: str, papers: Sequence[Paper], *, context: str = "") -> Support:
        """Find the best support for a claim.

        Args:
            claim: One sentence without markers.
            papers: Those that it cites, or all sources when it cites none.
            context: The sentence before, for what `it` stands for.

        Returns:
            The verdict, with the sentence that supports the claim best; never an error, whatever
            the claim holds.
        """
        readings = [self._read(paper) for paper in dict.fromkeys(papers)]
        verbatim = _verbatim(claim, readings)
        if verbatim is not None:
            return verbatim
        if instructs(claim):
            return _nothing("gives an instruction, states nothing")
        if asks(claim):
            return _nothing("asks, states nothing")
        tokens = _with_known_name(self._reader.read(claim[:_MAX_CHARS]), readings)
        if says_nothing(claim) or not any(t.tells for t in tokens):
            return _nothing("says nothing that a paper could support")
        whole = self._best(claim, tokens, readings, context)
        if len(claim) > _MAX_CHARS:
            return _lowered(whole, "partly", "too long to be checked to its end")
        if whole.verdict == "supported":
            return whole
        return self._in_parts(claim, readings, whole)

    def _read(self, paper: Paper) -> _PaperReading:
        version = paper.version
        if version in self._papers and self._papers[version].paper == paper:
            self._papers.move_to_end(version)
            return self._papers[version]
        reading = _read_paper(paper, self._reader)
        self._papers[version] = reading
        if len(self._papers) > _KEPT_PAPERS:
            self._papers.popitem(last=False)
        return reading

    def _best(
        self,
        claim: str,
        tokens: Sequence[Token],
        readings: Sequence[_PaperReading],
        context: str,
    ) -> Support:
        candidates = self._candidates(tokens, readings)
        if not candidates:
            return _nothing("no sentence of the papers cited says anything like it")
        likeness = self._likeness(claim, [passage for _, passage in candidates])
        judged = [
            self._judge(claim, comparison, passage, like, context)
            for (comparison, passage), like in zip(candidates, likeness, strict=True)
        ]
        # The first speaks most of the same thing: only full support elsewhere outweighs it.
        supported = [s for s in judged if s.verdict == "supported"]
        return max(supported, key=lambda s: s.score) if supported else judged[0]

    def _candidates(
        self, tokens: Sequence[Token], readings: Sequence[_PaperReading]
    ) -> list[tuple[Comparison, _Passage]]:
        """Choose the passages that share most with the claim, best first."""
        found: list[tuple[float, int, Comparison, _Passage]] = []
        for reading in readings:
            singles = [(p, _compare(tokens, p, reading)) for p in reading.single]
            best = max((c.coverage for _, c in singles), default=0.0)
            pairs = [(p, _compare(tokens, p, reading)) for p in reading.pairs]
            pairs = [(p, c) for p, c in pairs if c.coverage >= best + _TOGETHER]
            for passage, comparison in (*singles, *pairs):
                found.append((comparison.coverage, -len(found), comparison, passage))
        found.sort(key=lambda row: row[:2], reverse=True)
        return [(comparison, passage) for _, _, comparison, passage in found[:_CLOSELY]]

    def _judge(
        self, claim: str, comparison: Comparison, passage: _Passage, likeness: float, context: str
    ) -> Support:
        found = [*mismatches(comparison), *_unclear_subject(self._reader, comparison, context)]
        if passage.tainted:
            planted = "the quote follows an instruction planted in the abstract"
            found.append(Mismatch(False, planted))
        coverage = comparison.coverage
        score = coverage if self._embedder is None else (coverage + likeness) / 2
        verdict: Verdict = "partly" if found else "supported"
        reason = found[0].reason if found else None
        against = next((f for f in found if f.contradicts), None)
        if against is not None:
            verdict, reason = "unsupported", against.reason
        elif coverage < _COVERED and likeness < _LIKE:
            verdict, reason = "unsupported", "no sentence of the papers cited says this"
        support = Support(
            verdict,
            float(np.clip(min(score, _CEILING[verdict]), 0, 1)),
            reason,
            passage.paper,
            passage.span,
        )
        return self._second_opinion(claim, support, found) if self._nli else support

    def _second_opinion(self, claim: str, support: Support, found: Sequence[Mismatch]) -> Support:
        """Let the entailment model lift doubts about mere words, and raise its own."""
        if self._nli is None or support.paper is None or support.span is None:
            return support
        entails, _, contradicts = self._nli(support.paper.quote(support.span), claim)
        if support.verdict != "unsupported" and contradicts >= _CONTRADICTS:
            return _lowered(support, "partly", "the entailment model reads the quote otherwise")
        only_words = all(mismatch.of_words for mismatch in found)
        if support.verdict == "partly" and only_words and entails >= _ENTAILS:
            return support._replace(verdict="supported", reason=None, score=entails)
        return support

    def _likeness(self, claim: str, passages: Sequence[_Passage]) -> list[float]:
        """Return the cosine of the claim to each passage, in [0, 1]; 0 without an embedder."""
        if self._embedder is None:
            return [0.0] * len(passages)
        quotes = [p.paper.quote(p.span) for p in passages]
        new = [text for text in dict.fromkeys(quotes) if text not in self._vectors]
        rows = np.array(self._embedder.get_text_embedding_batch([claim[:_MAX_CHARS], *new]))
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        self._vectors.update(zip(new, rows[1:], strict=True))
        likeness = [float(np.clip(rows[0] @ self._vectors[quote], 0, 1)) for quote in quotes]
        while len(self._vectors) > 8 * _KEPT_PAPERS:
            self._vectors.popitem(last=False)
        return likeness

    def _in_parts(self, claim: str, readings: Sequence[_PaperReading], whole: Support) -> Support:
        """Judge `A, whereas B` by its halves where no passage says both."""
        parts = _halves(claim)
        if len(parts) < 2:
            return whole
        judged: list[Support] = []
        for part in parts:
            tokens = self._reader.read(part)
            if sum(t.tells for t in tokens) < 2:
                return whole
            judged.append(self._best(part, tokens, readings, ""))
        if _RANK[whole.verdict] or not all(_RANK[s.verdict] for s in judged):
            return whole
        best = max(judged, key=lambda s: s.score)
        return _lowered(best, "partly", "the quote supports one half; the other is said elsewhere")


def _with_known_name(tokens: Sequence[Token], readings: Sequence[_PaperReading]) -> Sequence[Token]:
    """Take the first word for a name where a paper writes it like one; it has a capital anyway."""
    first = next((i for i, t in enumerate(tokens) if t.kind != "mark"), None)
    if first is None or tokens[first].kind != "word" or not tokens[first].text[0].isupper():
        return tokens
    if not any(tokens[first].folded in reading.names for reading in readings):
        return tokens
    named = tokens[first]._replace(kind="name", weight=1.0)
    return (*tokens[:first], named, *tokens[first + 1 :])


def _nothing(reason: str) -> Support:
    return Support("unsupported", 0.0, reason, None, None)


def _lowered(support: Support, verdict: Verdict, reason: str) -> Support:
    if _RANK[support.verdict] < _RANK[verdict]:
        return support
    score = min(support.score, _CEILING[verdict])
    return support._replace(verdict=verdict, score=score, reason=support.reason or reason)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+|[^\s\w.,;:!?'\"“”‘’()\[\]]", fold(text)))


def _verbatim(claim: str, readings: Sequence[_PaperReading]) -> Support | None:
    """Return full support for a claim that is one of the sentences, unless that is an instruction.

    The sentence may have its paper's name or title in front, as in `NanoFlow: It is faster.`
    """
    wanted = _plain(claim)
    if not wanted:
        return None
    for reading in readings:
        named = _plain(_without_name(claim, reading.paper.title))
        for span, plain in zip(reading.paper.sentences, reading.plain, strict=True):
            if plain not in {wanted, named} or not plain:
                continue
            if any(p.span == span and not p.tainted for p in reading.single):
                return Support("supported", 1.0, None, reading.paper, span)
    return None


def _without_name(claim: str, title: str) -> str:
    for name in (title, title.partition(":")[0]):
        if claim.startswith(f"{name}: "):
            return claim[len(name) + 2 :]
    return claim


def _read_paper(paper: Paper, reader: Reader) -> _PaperReading:
    quotes = [paper.quote(span) for span in paper.sentences]
    title = reader.read(paper.title)
    tokens = [
        reader.read(quote, offset=span.start)
        for quote, span in zip(quotes, paper.sentences, strict=True)
    ]
    barred = [
        instructs(quote) or (asks(quote) and not _on_topic(tokens, n, title))
        for n, quote in enumerate(quotes)
    ]
    single: list[_Passage] = []
    pairs: list[_Passage] = []
    for n, span in enumerate(paper.sentences):
        if barred[n]:
            continue
        before = _keys(tokens[n - 1]) if n and not barred[n - 1] else frozenset[str]()
        tainted = n > 0 and barred[n - 1]
        single.append(_Passage(paper, span, tokens[n], before, tainted))
        if n and not barred[n - 1]:
            last = paper.sentences[n - 1]
            both = joined(tokens[n - 1], tokens[n])
            earlier = _keys(tokens[n - 2]) if n > 1 and not barred[n - 2] else frozenset[str]()
            tainted = n > 1 and barred[n - 2]
            pairs.append(_Passage(paper, Span(last.start, span.end), both, earlier, tainted))
    kept = [t for n, sentence in enumerate(tokens) if not barred[n] for t in sentence]
    return _PaperReading(
        paper,
        tuple(single),
        tuple(pairs),
        _keys(title),
        _keys(reader.read(paper.title.partition(":")[0])) if ":" in paper.title else frozenset(),
        _keys([*title, *kept]) | _run_together([*title, *kept]) | _initials([title, *tokens]),
        frozenset(t.folded for t in kept if t.kind == "name")
        | {fold(paper.title.partition(":")[0]) if ":" in paper.title else ""},
        tuple(t.quantity for t in kept if t.quantity) + tuple(quantities(paper.title)),
        tuple(_plain(quote) for quote in quotes),
    )


def _on_topic(tokens: Sequence[Sequence[Token]], n: int, title: Sequence[Token]) -> bool:
    """Return True if a question shares its words with the rest: a planted one does not."""
    rest = [*title, *(t for m, sentence in enumerate(tokens) if m != n for t in sentence)]
    known = frozenset(key for t in rest if t.tells for key in t.meaning.keys)
    asked = [t for t in tokens[n] if t.tells]
    shared = [t for t in asked if t.meaning.keys & known]
    return len(shared) > _TOPICAL * len(asked)


def _keys(tokens: Sequence[Token]) -> frozenset[str]:
    return frozenset(
        key for t in tokens if t.tells or t.kind == "grammar" for key in t.meaning.keys
    )


def _run_together(tokens: Sequence[Token]) -> frozenset[str]:
    """Spell names in one word: `rtx4090`, `wikitext2`; and add their pieces."""
    found: set[str] = set()
    for i, token in enumerate(tokens):
        pieces = re.findall(r"[^\W_]+", token.folded)
        found.update(p for p in pieces if len(p) > 1 and not p.isdigit())
        found.add("".join(pieces))
        if i + 1 < len(tokens) and tokens[i + 1].kind != "mark":
            found.add("".join(pieces + re.findall(r"[^\W_]+", tokens[i + 1].folded)))
    return frozenset(found)


def _initials(sentences: Iterable[Sequence[Token]]) -> frozenset[str]:
    """Collect the first letters of every run of three to five words."""
    found: set[str] = set()
    for sentence in sentences:
        first = "".join(t.folded[0] for t in sentence if _spells(t))
        found.update(
            initials(first[i : i + n]) for n in (3, 4, 5) for i in range(len(first) - n + 1)
        )
    return frozenset(found)


def _compare(claim: Sequence[Token], passage: _Passage, reading: _PaperReading) -> Comparison:
    source = passage.tokens
    by_key: dict[str, list[int]] = {}
    for j, token in enumerate(source):
        if token.tells or token.kind == "grammar":
            for key in token.meaning.keys | _pieces_of(token):
                by_key.setdefault(key, []).append(j)
    abbreviated = _abbreviations(claim, source)
    places: dict[int, list[int]] = {}
    matches: dict[int, Match] = {}
    for i, token in enumerate(claim):
        if token.quantity is not None:
            level, found = _same_numbers(token.quantity, source)
            if found:
                matches[i] = Match(found[0], level)
                places[i] = found
        elif i in abbreviated:
            places[i] = [abbreviated[i]]
        elif token.tells:
            found = _same_words(token, by_key, source)
            if found:
                places[i] = found
            else:
                surrounding = _from_surroundings(claim, i, passage, reading)
                if surrounding is not None:
                    matches[i] = surrounding
    nearest = _nearest(places, source)
    for i, place in nearest.items():
        twin = next((at for at in nearest if at < i and nearest[at] == place), None)
        once = claim[i].quantity is not None or claim[i].meaning.sign != 0
        if twin is not None and once and (claim[i].quantity or claim[twin].text != claim[i].text):
            # What the source says once cannot be both `larger` and `more` of the claim.
            matches.pop(i, None)
            continue
        matches[i] = Match(place, matches[i].agreement if i in matches else Agreement.SAME)
    matches.update(_equivalent_directions(claim, source, matches))
    return Comparison(claim, source, matches, reading.keys, reading.numbers)


def _nearest(places: dict[int, list[int]], source: Sequence[Token]) -> dict[int, int]:
    """Choose one place for each token of the claim: of several, the nearest to its neighbours'."""
    chosen = {i: found[0] for i, found in places.items() if len(found) == 1}
    for i in sorted(places):
        if i in chosen:
            continue
        near = sorted(chosen, key=lambda at: abs(at - i))[:3]
        clauses = {source[chosen[at]].clause for at in near}
        taken = set(chosen.values())
        chosen[i] = min(
            places[i],
            key=lambda j: (
                sum(abs((j - chosen[at]) - (i - at)) for at in near)
                + (0 if source[j].clause in clauses or not near else _OTHER_CLAUSE)
                + (_TAKEN if j in taken else 0)
            ),
        )
    return chosen


def _from_surroundings(
    claim: Sequence[Token], at: int, passage: _Passage, reading: _PaperReading
) -> Match | None:
    """Find where the passage says `we` or `it` for what the claim names, or else the title does."""
    token = claim[at]
    first = next(i for i, t in enumerate(claim) if t.tells)
    if token.kind == "name" or at == first:
        for j, stated in enumerate(passage.tokens[:_EARLY]):
            if stated.folded not in SELF:
                continue
            ours = stated.folded in {"we", "our", "here"}
            if token.meaning.keys & (reading.title if ours else reading.title | passage.before):
                return Match(j)
    nameless = not any(t.kind == "name" for t in passage.tokens)
    own = token.kind == "name" and nameless and token.meaning.keys & reading.own_name
    # A title names what the abstract is about; what it did must stand in the quote.
    turn = next((i for i, t in enumerate(claim) if t.meaning.sign or t.quantity), _EARLY)
    about = token.kind != "name" and first < at < turn and not token.negated
    if own or (about and token.meaning.keys & reading.title):
        return Match(None)
    return None


def _pieces_of(token: Token) -> frozenset[str]:
    """Split a name at its hyphens: `LLaMA-7B` is also LLaMA."""
    if token.kind != "name" or not re.search(r"[-–_ ]", token.text):
        return frozenset()
    pieces = re.findall(r"[^\W_]+", token.folded)
    return frozenset(p for p in pieces if len(p) > 1 and not p[0].isdigit())


def _same_numbers(claimed: Quantity, source: Sequence[Token]) -> tuple[Agreement, list[int]]:
    """Find where the passage states a number, by its best agreement."""
    levels = {j: agreement(claimed, t.quantity) for j, t in enumerate(source) if t.quantity}
    best = max(levels.values(), default=Agreement.NONE)
    if best < Agreement.DOUBTFUL:
        return best, []
    return best, [j for j, level in levels.items() if level is best]


def _same_words(token: Token, by_key: dict[str, list[int]], source: Sequence[Token]) -> list[int]:
    places = sorted({j for key in token.meaning.keys for j in by_key.get(key, ())})
    if token.negated and not any(source[j].negated for j in places):
        places += [j for j, t in enumerate(source) if t.negated and t.folded in {"it", "them"}]
    return [j for j in places if source[j].negated == token.negated] or places


def _abbreviations(claim: Sequence[Token], source: Sequence[Token]) -> dict[int, int]:
    """Find where one side spells out what the other abbreviates: `large language models`."""
    found: dict[int, int] = {}
    for j, run in _spelled_out(source, claim):
        found[j] = run[0]
    for j, run in _spelled_out(claim, source):
        found.update(dict.fromkeys(run, j))
    return found


def _spelled_out(
    spelling: Sequence[Token], short: Sequence[Token]
) -> Iterator[tuple[int, list[int]]]:
    """Find abbreviations in `short`, by index, each with its run of words in `spelling`."""
    words = [(i, t.folded[0]) for i, t in enumerate(spelling) if _spells(t)]
    for j, token in enumerate(short):
        if token.kind != "name" or not 2 <= len(token.text) <= 6 or not token.text.isalpha():
            continue
        letters = "".join(c for c in token.text if c.isupper()).lower()
        if not 2 <= len(letters) <= 5:
            continue
        for k in range(len(words) - len(letters) + 1):
            run = words[k : k + len(letters)]
            together = run[-1][0] - run[0][0] < 2 * len(run)
            if together and "".join(first for _, first in run) == letters:
                yield j, [i for i, _ in run]
                break


def _spells(token: Token) -> bool:
    return token.kind == "word" or (token.kind == "name" and token.text[1:].islower())


def _equivalent_directions(
    claim: Sequence[Token], source: Sequence[Token], matches: dict[int, Match]
) -> dict[int, Match]:
    """Match `is 2× faster` where the source says `halves latency`, and the reverse."""
    found: dict[int, Match] = {}
    stated = direction_words(source)
    turned = is_turned(claim, source)
    for one in direction_words(claim):
        if one.at in matches or not (one.goodness or turned):
            continue
        for other in stated:
            if turned and other.axis == one.axis and other.sign == -one.sign:
                found[one.at] = Match(None)
                break
            timed = (
                one.of_time or other.of_time or bool({"speed"} & (one.adjacent | other.adjacent))
            )
            if other.goodness == one.goodness and timed and "speed" in {one.axis, other.axis}:
                found[one.at] = Match(other.at)
                break
    return found


def _unclear_subject(reader: Reader, comparison: Comparison, context: str) -> Iterator[Mismatch]:
    """Doubt an `it` where the paper does not mention what the sentence before was about."""
    first = comparison.claim[0].folded if comparison.claim else ""
    if not context or first not in {"it", "its", "they", "their", "this", "these"}:
        return
    subject = next(
        (t for t in reader.read(context[:_MAX_CHARS]) if t.tells and not t.quantity), None
    )
    if subject is not None and not subject.meaning.keys & set(comparison.elsewhere):
        yield Mismatch(False, f"the paper does not mention {subject.text}")


_HALVES = re.compile(r"[,;]?\s+(?:while|whereas|but|although)\s+|;\s+|,\s+and\s+|\.\s+(?=[A-Z])")


def _halves(claim: str) -> list[str]:
    return [part.strip() for part in _HALVES.split(claim[:_MAX_CHARS]) if part.strip()]
