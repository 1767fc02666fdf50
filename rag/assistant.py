"""Ask a question of the index. Reads like the lower half of the architecture diagram."""

import datetime
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import closing
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from math import fsum

from footnote.rag.answering.citations import cite, hello, reason_for_refusal, refuse
from footnote.rag.answering.claims import Stated, evidence_of, statements_of
from footnote.rag.answering.collection import answer_from_catalogue
from footnote.rag.answering.draft import Draft, Drafter
from footnote.rag.answering.generative import Event, Status, Writer, rewrite_with_model
from footnote.rag.answering.model_reader import read_with_model
from footnote.rag.answering.rearranged import REARRANGES, rearrange
from footnote.rag.answering.sentences import Evidence, SentenceSignal
from footnote.rag.core.errors import QuestionError
from footnote.rag.core.records import (
    Answer,
    Citation,
    Claim,
    Considered,
    Hit,
    Paper,
    Receipt,
    SearchResult,
    Setup,
)
from footnote.rag.core.request import Act, Depth, Filters, Kind, Manner, Operation, Request
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import Found, Reranker, Retriever
from footnote.rag.retrieval.listwise import Listwise, Ordering
from footnote.rag.retrieval.queries import fuse_queries
from footnote.rag.understanding.dialogue import last_said, refer
from footnote.rag.understanding.leaning import Leaning, leans
from footnote.rag.understanding.question import check_question
from footnote.rag.understanding.request import ON_THE_LAST, odds_of_new, read_request
from footnote.rag.verification.checker import TOO_LONG, Checked, Checker

Turn = str | Answer
"""A line of the conversation so far, or what was answered to it."""

# Turns before the one asked that can matter to it.
_TURNS = 4
# A question with a name that no paper has is answered only when it is this sure, whatever the
# settings ask for: an abbreviation may be unknown, a thing may not.
_WITHOUT_THE_NAME = 0.25
# Whether a line leans on what was said is told by so many papers that are found for it.
_COMPARED = 6
# Papers that a receipt names: beyond those that an answer is made of, little is read of them.
_NOTED = 30
# What lists papers of the catalogue.
_LISTS = frozenset({Operation.LIST, Operation.NEWEST, Operation.OLDEST})
# What no model is asked to write.
_NOT_WRITTEN = frozenset({Kind.CHAT, Kind.CATALOGUE})
# Acts that ask something of a paper that was said.
_OF_ONE = frozenset({Act.FOLLOW_UP, Act.NTH})


class Assistant:
    """Answers questions, the same behind every door: command line, page and evaluation."""

    def __init__(
        self,
        catalogue: Catalogue,
        read_question: Callable[[str], Query],
        retriever: Retriever,
        rerankers: Sequence[Reranker],
        sentences: SentenceSignal,
        words: BM25Index,
        drafter: Drafter,
        checker: Checker,
        setup: Setup,
        *,
        keep: int,
        min_confidence: float,
        max_question_chars: int,
        writer: Writer | None = None,
        last: Reranker | None = None,
        listwise: Listwise | None = None,
        most_queries: int = 0,
        n_not_asked: int = 0,
    ):
        """Answer from these parts.

        Args:
            catalogue: The papers.
            read_question: Embeds a question.
            retriever: Finds papers.
            rerankers: Change the order of what a search finds, one after the other.
            sentences: Finds the passage of a paper that was found by its words alone.
            words: The words of the papers.
            drafter: Chooses what is said.
            checker: Compares statements with sentences.
            setup: What these parts were made with; goes into each answer's receipt.
            keep: Papers that are read of those found.
            min_confidence: A question that the papers answer less surely is refused.
            max_question_chars: Longer ones are an error.
            writer: Writes with a language model; None to quote.
            last: Changes the order of what all searches for a question found; None to leave it.
            listwise: Has a strong model put the best papers in order; None to leave them.
            most_queries: Searches that a strong model may add to those for a question.
            n_not_asked: Papers that cannot be asked, since the shards that hold them do not answer.
        """
        self.catalogue = catalogue
        self._read_question = read_question
        self._retriever = retriever
        self._rerankers = rerankers
        self._sentences = sentences
        self._words = words
        self._drafter = drafter
        self._checker = checker
        self._setup = setup
        self._keep = keep
        self._min_confidence = min_confidence
        self._max_question_chars = max_question_chars
        self.writer = writer
        self._last = last
        self._listwise = listwise
        self._most_queries = most_queries
        self._n_not_asked = n_not_asked

    def in_manner(self, manner: Manner) -> "Assistant":
        """Return one that answers in the manner that a reader wants, from the same papers."""
        _ = self._corpus  # counted once
        other = copy(self)
        other._drafter = self._drafter.at_depth(manner.depth)
        other.writer = self.writer.at_depth(manner.depth) if self.writer and manner.writes else None
        other._setup = _in_manner(self._setup, manner)
        return other

    def ask(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        request: Request | None = None,
    ) -> Answer:
        """Answer from the indexed abstracts, or refuse with a reason.

        Args:
            question: As a person typed it.
            history: The turns before it in the same conversation, oldest first: answers, or what
                was asked, which is then answered first. A line that leans on them (`and its memory
                use?`, `the second one`) is understood with them.
            filters: Which papers may answer, in place of what the question itself says.
            request: How it is to be understood, where the reader has changed that.

        Raises:
            QuestionError: The question is empty or too long.
        """
        events = self.ask_stream(question, history, filters, request)
        [answer] = [event for event in events if isinstance(event, Answer)]
        return answer

    def ask_stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
        request: Request | None = None,
        *,
        within: Filters | None = None,
    ) -> Generator[Event]:
        """Answer as `ask` does, with progress.

        Args:
            question: As a person typed it.
            history: The turns before it; see `ask`.
            filters: Which papers may answer, in place of what the question itself says.
            request: How it is to be understood, where the reader has changed that.
            within: Which papers may answer where the question itself says no more.

        Yields:
            Progress, each sentence of a model that passed the check, and at last the answer,
            which takes the place of all sentences before it. Close it to stop.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        turns = self._turns(history)
        writer, meter = self.writer.metered() if self.writer else (None, None)
        if writer and writer.is_strong and not request:
            yield Status(f"{writer.model.name} is reading the question")
        understood = request or self._understood(asked, turns, writer)
        if within and not request:
            filters = filters or understood.filters.within(within)
        if filters:
            understood = understood.model_copy(update={"filters": filters})
        full = understood.question if understood.question != asked else None
        said = {"question": asked, "understood_as": full, "request": understood}
        for event in self._events(understood, turns, writer):
            if isinstance(event, Answer):
                noted = {
                    "writing": meter.noted(event.writing) if meter else None,
                    "receipt": event.receipt or self._receipt(()),
                }
                yield event.model_copy(update=said | noted)
            else:
                yield event

    def by_quotes(self, request: Request) -> Answer:
        """Answer as `ask` does where no language model writes, whether or not there is one."""
        said = {"request": request}
        answer = self._by_quotes(request, ())
        return answer.model_copy(update=said | {"receipt": answer.receipt or self._receipt(())})

    def understand(self, question: str, turns: Sequence[Answer] = ()) -> Request:
        """Read what a line asks for, with the turns before it.

        A strong language model, where there is one, reads all of it; a small one writes a follow-up
        out in full. The trained network stands in for both.
        """
        return self._understood(question, turns, self.writer)

    def _understood(self, question: str, turns: Sequence[Answer], writer: Writer | None) -> Request:
        if writer and writer.is_strong:
            read = read_with_model(writer.model, question, turns, most_queries=self._most_queries)
            if read and len(read.question) <= self._max_question_chars:
                return self._resolved(read, question, turns)
            # It was asked to write the line out, and is not asked again.
            return self._read(question, turns)
        request = self._read(question, turns)
        if not writer or not turns or request.act is not Act.FOLLOW_UP:
            return request
        lines = [turn.question for turn in turns]
        full = rewrite_with_model(writer.model, question, lines)
        if not full:
            return request
        return request.model_copy(update={"question": full, "own_words": "", "refers_to": ()})

    def _resolved(self, read: Request, line: str, turns: Sequence[Answer]) -> Request:
        """Return what a model has read, with what was said before where it is about that."""
        said = last_said(turns)
        if read.act in ON_THE_LAST and said and said.request:
            kept = said.request.model_copy(update={"act": read.act, "by": read.by})
            return refer(kept, turns, leans=_always)
        if read.act is Act.NTH and said:
            alone = read.model_copy(update={"question": line, "queries": ()})
            return refer(alone, turns, leans=_always)
        return self._without_unknown_names(read)

    def _read(self, question: str, turns: Sequence[Answer]) -> Request:
        before = next((turn.request for turn in reversed(turns) if turn.request), None)
        request = self._without_unknown_names(read_request(question, before))
        if request.act in ON_THE_LAST and (said := last_said(turns)) and said.request:
            # What is to be said again is what was said, not what was refused since.
            request = said.request.model_copy(update={"act": request.act})
        if not turns:
            return request
        return refer(request, turns, leans=partial(self._leans, before))

    def search(
        self,
        question: str,
        k: int = 10,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
    ) -> list[Hit]:
        """Find the papers that fit the question, best first, at most `k`, within the filters.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return list(self.search_with_receipt(question, k, history, filters).hits)

    def search_with_receipt(
        self,
        question: str,
        k: int = 10,
        history: Sequence[Turn] = (),
        filters: Filters | None = None,
    ) -> SearchResult:
        """Find papers as `search` does, and say what that rests on.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        request = self.understand(asked, self._turns(history))
        query = self._query(request.question, filters or request.filters)
        depth = self._listwise.depth if self._listwise else 0
        queries = self._queries(request)
        hits, unordered = self._retrieve(query, max(k, depth), queries), None
        if ordering := self._ordering(request, hits, self.writer):
            for _ in ordering:
                pass
            hits, unordered = ordering.hits, ordering.fault
        found = hits[:k]
        receipt = self._receipt(found, queries, unordered, self._n_not_asked)
        return SearchResult(hits=tuple(found), receipt=receipt)

    def find(self, text: str, k: int, filters: Filters, queries: Sequence[str] = ()) -> list[Hit]:
        """Find papers for a text as it stands, best first, at most `k`; no model reads it.

        Args:
            text: What is searched for.
            k: Papers at most.
            filters: Which papers may be found.
            queries: What is searched for beside it.

        Raises:
            QuestionError: The text is empty or too long.
        """
        return self._retrieve(self._query(self._checked(text), filters), k, queries)

    def evidence(self, text: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Rank all sentences of papers by how well they speak to a text, best first.

        Raises:
            QuestionError: The text is empty or too long.
        """
        return self._drafter.rank(self._query(self._checked(text), Filters()), hits)

    def current_writer(self) -> Writer | None:
        """Return what writes with a language model from the papers as they are now."""
        return self.writer

    @property
    def n_not_asked(self) -> int:
        """How many papers cannot be asked, since the shards that hold them do not answer."""
        return self._n_not_asked

    @property
    def model_name(self) -> str | None:
        """The language model that writes; None where quotes are all that is said."""
        return self.writer.model.name if self.writer else None

    @property
    def awaits_papers(self) -> bool:
        """True until the first paper can be asked, where papers are just being taken in."""
        return False

    @property
    def most_queries(self) -> int:
        """How much a strong model may search for beside a question."""
        return self._most_queries

    def glance(self, text: str, k: int) -> list[Paper]:
        """Find papers by their words alone, best first: for what is still being typed."""
        ids = [paper_id for paper_id, _ in self._words.search(text, depth=k)]
        papers = self.catalogue.served(ids)
        return [papers[each] for each in ids if each in papers]

    def read(self, question: str, history: Sequence[Turn] = ()) -> Request:
        """Return how a question is understood, without answering it.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return self.understand(self._checked(question), self._turns(history))

    def draft(
        self,
        question: str,
        history: Sequence[Turn] = (),
        request: Request | None = None,
        *,
        without: Collection[str] = (),
    ) -> Draft:
        """Return what could be said, however unsure, and what that was chosen from.

        Args:
            question: As a person typed it.
            history: The turns before it, oldest first.
            request: How it is to be understood, where that is known.
            without: Papers, by their ids, that are held out as if they were not here.

        Raises:
            QuestionError: The question is empty or too long.
        """
        asked = self._checked(question)
        understood = request or self.understand(asked, self._turns(history))
        return self._draft(understood, without=without)[1]

    def leaning(self, line: str, turns: Sequence[Answer]) -> Leaning | None:
        """Return what tells if a line leans on the turns before it; None where none could."""
        found: list[Leaning] = []

        def note(before: Request | None, alone: Request, leaning: Request) -> bool:
            found.append(self._leaning(before, alone, leaning))
            return False

        before = next((turn.request for turn in reversed(turns) if turn.request), None)
        refer(read_request(self._checked(line), before), turns, leans=partial(note, before))
        return found[0] if found else None

    def check(self, text: str, filters: Filters | None = None) -> list[Claim]:
        """Compare each statement of a text with what the papers say.

        A statement that names BibTeX entries is compared with their papers alone, another with the
        paper that speaks to it most.

        Args:
            text: A sentence, or a draft in plain text, Markdown or LaTeX.
            filters: Which papers a statement that names no entry is compared with; None for all.

        Raises:
            QuestionError: It holds no statement.
        """
        stated = list(statements_of(text))
        if not stated:
            raise QuestionError("the text holds no statement; write a sentence")
        by_key: dict[str, Paper] = {}
        if any(each.keys for each in stated):
            # One by one: few of many papers have keys.
            each_paper = self.catalogue.each_paper()
            by_key = {key: paper for paper in each_paper for key in paper.cite_keys}
        within = filters or Filters()
        found = [self._compared(each, by_key, within) for each in stated]
        judged = self._checker.judged([(s.text, c) for s, c in zip(stated, found, strict=True)])
        return [_claim(s, checked) for s, checked in zip(stated, judged, strict=True)]

    def _compared(self, stated: Stated, by_key: Mapping[str, Paper], filters: Filters) -> Checked:
        text = stated.text
        if len(text) > self._max_question_chars:
            return Checked("unbound", reason=TOO_LONG)
        topic = read_request(text).topic
        request = Request(question=text, kind=Kind.CLAIM, topic=topic, filters=filters)
        if not stated.keys:
            hits, draft = self._draft(request)
            if draft.confidence < self._min_confidence:
                return Checked("unbound", reason="nothing here speaks of it")
        elif unknown := [key for key in stated.keys if key not in by_key]:
            return Checked("unbound", reason=f"no paper here has the key {', '.join(unknown)}")
        else:
            hits = self._cited_before([by_key[key].paper_id for key in stated.keys])
            query = self._query(text, Filters())
            draft = self._drafter.draft(request, query, hits, lambda _: (query, []))
        bound = self._checker.weighed(text, evidence_of(draft.ranked))
        if not bound:
            return Checked("unbound", reason="nothing here speaks of it")
        return self._checker.compared(text, bound, [hit.paper for hit in hits])

    def paper(self, paper_id: str) -> Paper | None:
        """Return a paper by an id that it has or had, as it is answered from; None for none."""
        own_id = self.catalogue.resolve(paper_id)
        return self.catalogue.served([own_id]).get(own_id) if own_id else None

    def _events(
        self, request: Request, turns: Sequence[Answer], writer: Writer | None
    ) -> Generator[Event]:
        if not writer or request.kind in _NOT_WRITTEN or request.act in REARRANGES:
            yield self._by_quotes(request, turns)
            return
        if queries := self._queries(request):
            yield Status(f"Also searched for: {'; '.join(queries)}")
        keep = max(self._keep, writer.papers if writer.is_strong else 0)
        query = self._query(request.question, request.filters)
        hits, unordered = self._retrieve(query, keep, queries), None
        if ordering := self._ordering(request, hits, writer):
            with closing(iter(ordering)) as waits:
                for _ in waits:
                    yield Status(f"{writer.model.name} is putting papers in order")
            hits, unordered = ordering.hits, ordering.fault
        if unordered:
            yield Status(f"Papers stay as they were found: {writer.model.name} {unordered}")
        hits, draft = self._drafted(request, query, hits, turns)
        quotes = self._cited(request, draft, hits, unordered)
        if quotes.refused and not (writer.is_strong and draft.comes_near):
            yield quotes
            return
        yield from writer.write(quotes, _sources(draft, hits), turns)

    def _ordering(
        self, request: Request, hits: Sequence[Hit], writer: Writer | None
    ) -> Ordering | None:
        """Return what has a strong model put papers in order, where the settings ask for that."""
        if not self._listwise or not writer or not writer.is_strong:
            return None
        return self._listwise.order(writer.model, request.question, hits)

    def _queries(self, request: Request) -> tuple[str, ...]:
        """Return what is searched for beside the question."""
        return request.queries[: self._most_queries]

    def _turns(self, history: Sequence[Turn]) -> list[Answer]:
        """Return the turns before a line as answers; what was only asked is answered by quotes.

        Raises:
            QuestionError: One of them is empty or too long.
        """
        turns: list[Answer] = []
        for turn in history[-_TURNS:]:
            turns.append(turn if isinstance(turn, Answer) else self._quoted(turn, turns))
        return turns

    def _quoted(self, question: str, turns: Sequence[Answer]) -> Answer:
        """Answer an earlier line by quotes, as it was answered then."""
        asked = self._checked(question)
        request = self._read(asked, turns)
        answer = self._by_quotes(request, turns)
        return answer.model_copy(update={"question": asked, "request": request})

    def _by_quotes(self, request: Request, turns: Sequence[Answer]) -> Answer:
        """Answer without a language model."""
        last = turns[-1] if turns else None
        if request.kind is Kind.CHAT:
            return hello(request, self._corpus[1])
        if last and request.act in REARRANGES:
            return rearrange(turns, request)
        if request.kind is Kind.CATALOGUE:
            skip = _rows_shown(turns) if request.act is Act.MORE else 0
            listed = answer_from_catalogue(request, self.catalogue, self._words, skip=skip)
            if not (listed.refused and request.topic and request.operation in _LISTS):
                return listed
            # No paper says the words of the topic; some may be about it in other words.
            hits, draft = self._draft(request.model_copy(update={"kind": Kind.SURVEY}), turns)
            return self._cited(request, draft, hits) if self._is_answer(draft) else listed
        hits, draft = self._draft(request, turns)
        return self._cited(request, draft, hits)

    def _cited(
        self,
        request: Request,
        draft: Draft,
        hits: Sequence[Hit],
        unordered: str | None = None,
    ) -> Answer:
        # What is read from the catalogue alone is asked of no shard.
        noted = self._receipt(hits, self._queries(request), unordered, self._n_not_asked)
        receipt = {"receipt": noted}
        if self._is_answer(draft):
            return cite(request, draft).model_copy(update=receipt)
        reason = reason_for_refusal(
            draft,
            len(self.catalogue.matching(request.filters))
            if request.filters
            else self._corpus[1] - self._n_not_asked,
            filtered=bool(request.filters),
            n_coming=self.catalogue.count_pending(),
        )
        return refuse(request, draft, reason).model_copy(update=receipt)

    def _receipt(
        self,
        hits: Sequence[Hit],
        queries: Sequence[str] = (),
        unordered: str | None = None,
        n_not_asked: int = 0,
    ) -> Receipt:
        """Note what an answer rests on."""
        corpus, n_papers = self._corpus
        papers = [
            Considered(paper_id=h.paper.paper_id, version=h.paper.version, score=round(h.score, 4))
            for h in hits[:_NOTED]
        ]
        return Receipt(
            asked_at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
            corpus=corpus,
            n_papers=n_papers,
            setup=self._setup,
            papers=tuple(papers),
            queries=tuple(queries),
            unordered=unordered,
            n_not_asked=n_not_asked,
        )

    @cached_property
    def _corpus(self) -> tuple[str, int]:
        """The fingerprint of all papers, and how many there are."""
        return self.catalogue.fingerprint(), self.catalogue.count_served()

    def _without_unknown_names(self, request: Request) -> Request:
        """Take names that no record has from the filters of a survey: it is about them."""
        filters = request.filters
        unknown = {
            name: value
            for name in ("organisation", "source", "author")
            if (value := getattr(filters, name))
            and not self.catalogue.matching(Filters.model_validate({name: value}))
        }
        if request.kind is not Kind.SURVEY or not unknown:
            return request
        topic = " ".join([request.topic, *unknown.values()]).strip()
        kept = filters.model_copy(update=dict.fromkeys(unknown))
        return request.model_copy(update={"filters": kept, "topic": topic})

    def _leans(self, before: Request | None, alone: Request, leaning: Request) -> bool:
        """Return True if a line means what was said before it, and not what it says by itself."""
        return leans(self._leaning(before, alone, leaning))

    def _leaning(self, before: Request | None, alone: Request, leaning: Request) -> Leaning:
        """Return what tells if a line leans on what was said before it.

        Args:
            before: How the line before it was understood.
            alone: The line as it stands.
            leaning: The same with what was said put in front of it.
        """
        own, other = (
            self._find(request.question, request.filters, _COMPARED)[1]
            for request in (alone, leaning)
        )
        cited = self.catalogue.served(leaning.refers_to).values()
        earlier = [f"{p.title} {p.abstract}" for p in cited] + [before.question if before else ""]
        terms = self._words.terms
        new = {*terms(alone.question)}.difference(*map(terms, earlier))
        largest = self._words.largest_idf or 1.0
        rarity = {term: self._words.idf(term) / largest for term in new}
        best = own[0].paper if own else None
        in_title, in_abstract = (
            [rarity[t] for t in new.intersection(terms(text))]
            for text in ((best.title, best.abstract) if best else ("", ""))
        )
        top = own[0].score if own else 0.0
        said = [hit.score for hit in own if hit.paper.paper_id in leaning.refers_to]
        return Leaning(
            odds=odds_of_new(alone.question, before),
            in_title=max(in_title, default=0.0),
            in_abstract=fsum(in_abstract),  # of a set, whose order is another in every process
            rarest=max(rarity.values(), default=0.0),
            is_said=float(best is not None and best.paper_id in leaning.refers_to),
            ahead=top - max(said, default=0.0),
            above=top - (other[0].score if other else 0.0),
        )

    def _draft(
        self, request: Request, turns: Sequence[Answer] = (), without: Collection[str] = ()
    ) -> tuple[list[Hit], Draft]:
        """Find papers for a request, and choose from them what could be said."""
        query = self._query(request.question, request.filters, without)
        hits = self._retrieve(query, self._keep, self._queries(request))
        return self._drafted(request, query, hits, turns)

    def _drafted(
        self, request: Request, query: Query, hits: list[Hit], turns: Sequence[Answer]
    ) -> tuple[list[Hit], Draft]:
        """Choose from the papers found what could be said; return those that it is about first."""
        if request.act is Act.SUMMARISE and request.refers_to:
            hits = self._cited_before(request.refers_to)
        elif request.act in _OF_ONE and request.refers_to:
            hits = sorted(hits, key=lambda hit: hit.paper.paper_id not in request.refers_to)
        before = turns if request.act is Act.MORE else ()
        said = {(c.paper_id, c.start) for t in before for s in t.sentences for c in s.citations}
        draft = self._drafter.draft(
            request,
            query,
            hits,
            lambda text: self._find(text, request.filters, self._keep),
            alone=self._read_question(request.own_words) if request.own_words else None,
            said=said,
            skip=_rows_shown(before),
        )
        return hits, draft

    def _cited_before(self, paper_ids: Sequence[str]) -> list[Hit]:
        """Return papers that were cited before, in the order in which they were."""
        papers = self.catalogue.served(paper_ids)
        return [
            Hit(paper=papers[each], score=1.0, passage=papers[each].sentences[0])
            for each in paper_ids
            if each in papers
        ]

    def _find(self, text: str, filters: Filters, k: int) -> tuple[Query, list[Hit]]:
        """Find papers for a text, rerank them, and read the best from the catalogue."""
        query = self._query(text, filters)
        return query, self._retrieve(query, k)

    def _query(self, text: str, filters: Filters, without: Collection[str] = ()) -> Query:
        """Embed a text, and note which papers may answer it."""
        query = self._read_question(text)
        if not filters and not without:
            return query
        return replace(query, only=self.catalogue.matching(filters).difference(without))

    def _retrieve(self, query: Query, k: int, queries: Sequence[str] = ()) -> list[Hit]:
        """Find papers for a question and for what is searched for beside it; best first."""
        found = self._found(query)
        if queries:
            found = fuse_queries(found, [self._found(self._beside(query, q)) for q in queries])
        if self._last:
            found = self._last.rerank(found, query)
        best = {each.paper_id: each for each in found[:k]}
        papers = self.catalogue.served(best)
        passages = self._passages(query, best, papers)
        return [
            Hit(
                paper=papers[paper_id],
                score=min(each.score, 1.0),
                passage=papers[paper_id].sentences[passages[paper_id]],
                signals=dict(each.signals),
            )
            for paper_id, each in best.items()
            if paper_id in papers
        ]

    def _found(self, query: Query) -> list[Found]:
        found = self._retriever.retrieve(query)
        for reranker in self._rerankers:
            found = reranker.rerank(found, query)
        return found

    def _beside(self, query: Query, text: str) -> Query:
        """Embed what is searched for beside a question, among the papers that may answer it."""
        beside = self._read_question(text)
        return beside if query.only is None else replace(beside, only=query.only)

    def _passages(
        self, query: Query, best: Mapping[str, Found], papers: Mapping[str, Paper]
    ) -> dict[str, int]:
        """Return the number of the best sentence of each paper, by paper id."""
        found = {paper_id: _passage(best[paper_id], paper) for paper_id, paper in papers.items()}
        # A paper found by its words alone has no passage yet.
        unread = [paper for paper_id, paper in papers.items() if found[paper_id] is None]
        for paper_id, scores in self._sentences.sentence_scores(query, unread).items():
            found[paper_id] = int(scores.argmax())
        return {paper_id: number or 0 for paper_id, number in found.items()}

    def _checked(self, question: str) -> str:
        return check_question(question, max_chars=self._max_question_chars)

    def _is_answer(self, draft: Draft) -> bool:
        unknown = draft.signals and draft.signals.unknown_names
        # A comparison names the side that is not there.
        named = unknown and draft.request.kind is not Kind.COMPARISON
        least = max(self._min_confidence, _WITHOUT_THE_NAME if named else 0.0)
        return bool(draft.evidence) and draft.confidence >= least


def _in_manner(setup: Setup, manner: Manner) -> Setup:
    """Note in what manner is answered, where it is not the usual one."""
    depth = {} if manner.depth is Depth.USUAL else {"depth": str(manner.depth)}
    return setup.model_copy(
        update={
            "settings": setup.settings | depth,
            "model": setup.model if manner.writes else None,
        }
    )


def _always(_alone: Request, _leaning: Request) -> bool:
    return True


def _claim(stated: Stated, checked: Checked) -> Claim:
    marker = {paper_id: n for n, paper_id in enumerate(_papers_of(checked), start=1)}
    return Claim(
        text=stated.text,
        verdict=checked.verdict,
        reason=checked.reason,
        citations=tuple(
            Citation.of(b.paper, b.span, marker=marker[b.paper.paper_id], score=b.share)
            for b in checked.bound
        ),
        keys=stated.keys,
        contradicted=checked.contradicted,
    )


def _papers_of(checked: Checked) -> list[str]:
    return [*dict.fromkeys(b.paper.paper_id for b in checked.bound)]


def _rows_shown(turns: Sequence[Answer]) -> int:
    """Count the rows of the tables that the turns on the same question have shown."""
    return sum(len(b.rows) for t in turns for b in t.blocks if b.form in ("table", "count"))


def _passage(found: Found, paper: Paper) -> int | None:
    # A passage may be of a version that is being replaced, or not in force yet.
    place = found.passage
    return place.sentence if place and place.version == paper.version else None


def _sources(draft: Draft, hits: Sequence[Hit]) -> list[Paper]:
    """List the papers that the quotes are from, then the others found."""
    papers = [e.paper for e in draft.evidence] + [hit.paper for hit in hits]
    return list({paper.paper_id: paper for paper in papers}.values())
