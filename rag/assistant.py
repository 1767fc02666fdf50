"""Ask a question of the index. Reads like the lower half of the architecture diagram."""

from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from copy import copy
from typing import TypeVar

from footnote.rag.answering.checking import ClaimChecker
from footnote.rag.answering.draft import Draft
from footnote.rag.answering.generative import Event, Status, Writer
from footnote.rag.answering.quoting import Quoter
from footnote.rag.answering.rearranged import REARRANGES
from footnote.rag.answering.sentences import Evidence
from footnote.rag.conversation import LineReader
from footnote.rag.core.records import Answer, Claim, Hit, Paper, SearchResult
from footnote.rag.core.request import Filters, Kind, Manner, Request
from footnote.rag.retrieval.finder import Finder, Searched
from footnote.rag.retrieval.listwise import Listwise
from footnote.rag.understanding.leaning import Leaning

Turn = str | Answer
"""A line of the conversation so far, or what was answered to it."""
Result = TypeVar("Result")

# Turns before the one asked that can matter to it.
_TURNS = 4
# What no model is asked to write.
_NOT_WRITTEN = frozenset({Kind.CHAT, Kind.CATALOGUE})


class Assistant:
    """Answers questions, the same behind every door: command line, page and evaluation."""

    def __init__(
        self,
        finder: Finder,
        reader: LineReader,
        quoter: Quoter,
        claims: ClaimChecker,
        *,
        writer: Writer | None = None,
        listwise: Listwise | None = None,
    ):
        """Answer with these parts, which read the same state of the index.

        Args:
            finder: Finds papers.
            reader: Understands what is asked.
            quoter: Answers by quotes.
            claims: Compares what others wrote with the papers.
            writer: Writes with a language model; None to quote.
            listwise: Has a strong model put the best papers in order; None to leave them.
        """
        self.catalogue = finder.catalogue
        self.writer = writer
        self._finder = finder
        self._reader = reader
        self._quoter = quoter
        self._claims = claims
        self._listwise = listwise

    def in_manner(self, manner: Manner) -> "Assistant":
        """Return one that answers in the manner that a reader wants, from the same papers."""
        other = copy(self)
        other._quoter = self._quoter.in_manner(manner)
        other._claims = self._claims.quoting_by(other._quoter)
        other.writer = self.writer.at_depth(manner.depth) if self.writer and manner.writes else None
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
        asked = self._reader.checked(question)
        turns = self._turns(history)
        writer, meter = self.writer.metered() if self.writer else (None, None)
        if writer and writer.is_strong and not request:
            yield Status(f"{writer.model.name} is reading the question")
        understood = request or self._reader.understand(asked, turns, writer)
        if within and not request:
            filters = filters or understood.filters.within(within)
        if filters:
            understood = understood.model_copy(update={"filters": filters})
        full = understood.question if understood.question != asked else None
        said = {"question": asked, "understood_as": full}
        for event in self._events(understood, turns, writer):
            if isinstance(event, Answer):
                noted = {
                    "request": _as_answered(understood, event),
                    "writing": meter.noted(event.writing) if meter else None,
                    "receipt": event.receipt or self._quoter.receipts.of(None),
                }
                yield event.model_copy(update=said | noted)
            else:
                yield event

    def by_quotes(self, request: Request) -> Answer:
        """Answer as `ask` does where no language model writes, whether or not there is one."""
        answer = self._quoter.answer(request)
        receipt = answer.receipt or self._quoter.receipts.of(None)
        asked = _as_answered(request, answer)
        return answer.model_copy(update={"request": asked, "receipt": receipt})

    def understand(self, question: str, turns: Sequence[Answer] = ()) -> Request:
        """Read what a line asks for, with the turns before it.

        A strong language model, where there is one, reads all of it; a small one writes a follow-up
        out in full. The trained network stands in for both.
        """
        return self._reader.understand(question, turns, self.writer)

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
        asked = self._reader.checked(question)
        request = self.understand(asked, self._turns(history))
        if filters:
            request = request.model_copy(update={"filters": filters})
        depth = self._listwise.depth if self._listwise else 0
        found = _result_of(self._searched(request, max(k, depth), self.writer))
        found = found._replace(hits=found.hits[:k])
        return SearchResult(hits=tuple(found.hits), receipt=self._quoter.receipts.of(found))

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
        query = self._finder.query(self._reader.checked(text), filters)
        return self._finder.find(query, k, queries)

    def evidence(self, text: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Rank all sentences of papers by how well they speak to a text, best first.

        Raises:
            QuestionError: The text is empty or too long.
        """
        return self._quoter.rank(self._reader.checked(text), hits)

    def current_writer(self) -> Writer | None:
        """Return what writes with a language model from the papers as they are now."""
        return self.writer

    @property
    def n_not_asked(self) -> int:
        """How many papers cannot be asked, since the shards that hold them do not answer."""
        return self._quoter.receipts.n_not_asked

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
        return self._finder.most_queries

    def glance(self, text: str, k: int) -> list[Paper]:
        """Find papers by their words alone, best first: for what is still being typed."""
        return self._finder.glance(text, k)

    def read(self, question: str, history: Sequence[Turn] = ()) -> Request:
        """Return how a question is understood, without answering it.

        Raises:
            QuestionError: The question is empty or too long.
        """
        return self.understand(self._reader.checked(question), self._turns(history))

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
        asked = self._reader.checked(question)
        understood = request or self.understand(asked, self._turns(history))
        return self._quoter.draft(self._quoter.search(understood, without))[1]

    def leaning(self, line: str, turns: Sequence[Answer]) -> Leaning | None:
        """Return what tells if a line leans on the turns before it; None where none could."""
        return self._reader.leaning(self._reader.checked(line), turns)

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
        return self._claims.check(text, filters or Filters())

    def asked(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the papers that may answer; all where nothing is filtered."""
        return self._finder.asked(filters)

    def paper(self, paper_id: str) -> Paper | None:
        """Return a paper by an id that it has or had, as it is answered from; None for none."""
        own_id = self.catalogue.resolve(paper_id)
        return self.catalogue.served([own_id]).get(own_id) if own_id else None

    def _events(
        self, request: Request, turns: Sequence[Answer], writer: Writer | None
    ) -> Generator[Event]:
        if not writer or request.kind in _NOT_WRITTEN or request.act in REARRANGES:
            yield self._quoter.answer(request, turns)
            return
        keep = max(self._quoter.keep, writer.papers if writer.is_strong else 0)
        found = yield from self._searched(request, keep, writer)
        found, draft = self._quoter.draft(found, turns)
        quotes = self._quoter.cite(found, draft)
        if quotes.refused and not (writer.is_strong and draft.comes_near):
            yield quotes
            return
        yield from writer.write(quotes, _sources(found, draft), turns)

    def _searched(
        self, request: Request, k: int, writer: Writer | None
    ) -> Generator[Status, None, Searched]:
        """Find papers; have a strong model put them in order, where the settings ask for that."""
        if queries := self._finder.beside(request):
            yield Status(f"Also searched for: {'; '.join(queries)}")
        found = self._finder.search(request, k)
        if not self._listwise or not writer or not writer.is_strong:
            return found
        model = writer.model
        ordering = self._listwise.order(model, request.question, found.hits)
        with closing(iter(ordering)) as waits:
            for _ in waits:
                yield Status(f"{model.name} is putting papers in order")
        if ordering.fault:
            yield Status(f"Papers stay as they were found: {model.name} {ordering.fault}")
        return found._replace(hits=ordering.hits, unordered=ordering.fault)

    def _turns(self, history: Sequence[Turn]) -> list[Answer]:
        """Return the turns before a line as answers; what was only asked is answered by quotes.

        Raises:
            QuestionError: One of them is empty or too long.
        """
        turns: list[Answer] = []
        for turn in history[-_TURNS:]:
            turns.append(turn if isinstance(turn, Answer) else self._quoted(turn, turns))
        return turns

    def _quoted(self, line: str, turns: Sequence[Answer]) -> Answer:
        """Answer an earlier line by quotes, as it was answered then."""
        asked = self._reader.checked(line)
        request = self._reader.read(asked, turns)
        answer = self._quoter.answer(request, turns)
        request = _as_answered(request, answer)
        return answer.model_copy(update={"question": asked, "request": request})


def _as_answered(request: Request, answer: Answer) -> Request:
    """Return what was asked: a list, where a survey that found nothing was answered as one."""
    own = answer.request
    is_list = own and request.kind is Kind.SURVEY and own.kind is Kind.CATALOGUE
    return own if own and is_list and own.act is request.act else request


def _result_of(steps: Generator[object, None, Result]) -> Result:
    """Go through steps to their end; return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _sources(found: Searched, draft: Draft) -> list[Paper]:
    """List the papers that the quotes are from, then the others found."""
    papers = [e.paper for e in draft.evidence] + [hit.paper for hit in found.hits]
    return list({paper.paper_id: paper for paper in papers}.values())
