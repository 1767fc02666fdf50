"""Answer by quotes alone: from the papers found, from the catalogue, or from what was said."""

from collections.abc import Collection, Iterable, Sequence
from copy import copy
from functools import cached_property
from itertools import takewhile

from footnote.rag.answering.asked_topic import TopicReader
from footnote.rag.answering.citations import cite, hello, reason_for_refusal, refuse
from footnote.rag.answering.collection import answer_from_catalogue
from footnote.rag.answering.draft import Draft, Drafter
from footnote.rag.answering.joined import with_others
from footnote.rag.answering.paper_rows import with_undated
from footnote.rag.answering.rearranged import REARRANGES, rearrange
from footnote.rag.answering.receipts import Receipts
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import Answer, Block, Hit
from footnote.rag.core.request import OF_A_NAME, Act, Kind, Manner, Operation, Request
from footnote.rag.index.query import Query
from footnote.rag.retrieval.finder import Finder, Searched

# A question with a name that no paper has is answered only when it is this sure, whatever the
# settings ask for: an abbreviation may be unknown, a thing may not.
_WITHOUT_THE_NAME = 0.25
# What is told of some papers in full is told of so many.
_MOST_MEANT = 3
# Of more papers most words are some paper's, and to look through their titles takes long.
_MOST_LOOKED_THROUGH = 20_000
# Acts that ask something of a paper that was said.
_OF_ONE = frozenset({Act.FOLLOW_UP, Act.NTH})


class Quoter:
    """Answers by sentences of the papers; what a language model writes begins with these too."""

    def __init__(
        self,
        finder: Finder,
        drafter: Drafter,
        receipts: Receipts,
        *,
        keep: int,
        min_confidence: float,
    ):
        """Answer from these.

        Args:
            finder: Finds papers.
            drafter: Chooses what is said.
            receipts: Notes what an answer rests on.
            keep: Papers that are read of those found.
            min_confidence: A question that the papers answer less surely is refused.
        """
        self.receipts = receipts
        self.keep = keep
        self.min_confidence = min_confidence
        self._finder = finder
        self._drafter = drafter

    def in_manner(self, manner: Manner) -> "Quoter":
        """Return one that answers in the manner that a reader wants."""
        other = copy(self)
        other.receipts = self.receipts.in_manner(manner)
        other._drafter = self._drafter.at_depth(manner.depth)
        return other

    def answer(self, request: Request, turns: Sequence[Answer] = ()) -> Answer:
        """Answer, or refuse with a reason; with a receipt where papers were searched for.

        Args:
            request: What is asked.
            turns: What was said before, oldest first.
        """
        if request.also and request.act is Act.NEW:
            return self._with_others(request, turns)
        if request.kind is Kind.CHAT:
            return hello(request, self.receipts.n_papers)
        if turns and request.act in REARRANGES:
            return rearrange(turns, request)
        if request.kind is Kind.CATALOGUE:
            return self._from_the_catalogue(request, turns)
        if request.kind is not Kind.SURVEY:
            return self.cite(*self.draft(self.search(request), turns))
        return self._survey(request, turns)

    def _survey(self, request: Request, turns: Sequence[Answer]) -> Answer:
        """List papers on a topic, its slips mended by the words of titles."""
        meant, said = self._meant(request)
        answer = self._listed(meant, turns)
        if not said or answer.refused or not answer.blocks:
            return answer
        first, *others = answer.blocks
        first = first.model_copy(update={"text": f"{said} {first.text or ''}".strip()})
        text = {"answer": f"{said} {answer.answer}", "blocks": (first, *others)}
        return answer.model_copy(update=text)

    def _meant(self, request: Request) -> tuple[Request, str]:
        """Return a survey with the words of titles for slips of its topics, and what is said of it.

        The survey itself, and nothing, where there are none, or too many titles to look through.
        """
        if self.receipts.n_papers > _MOST_LOOKED_THROUGH:
            return request, ""
        reader = TopicReader(self._finder.catalogue, self._finder.words)
        meant = {each: reader.meant(each) for each in (request.topic, *request.sides) if each}
        slips = {typed: other for typed, other in meant.items() if typed != other}
        question = request.question
        for typed, other in slips.items():
            question = question.replace(typed, other)
        update = {
            "question": question,
            "topic": meant.get(request.topic, ""),
            "sides": tuple(map(meant.__getitem__, request.sides)),
        }
        said = (f"No paper says “{t}”; “{other}” was looked for." for t, other in slips.items())
        return (request.model_copy(update=update) if slips else request), " ".join(said)

    def _listed(self, request: Request, turns: Sequence[Answer]) -> Answer:
        answer = self.cite(*self.draft(self.search(request), turns))
        if request.act is Act.MORE:
            return answer
        if answer.refused and (request.topic or request.sides):
            # What says the words of the topic is there, however unlike the topic it seems.
            of_words = {"kind": Kind.CATALOGUE, "operation": Operation.LIST}
            listed = self._from_the_catalogue(
                request.model_copy(update=of_words), turns, whole=True
            )
            answer = answer if listed.refused else listed
        return self._with_undated(answer, request)

    def _with_others(self, request: Request, turns: Sequence[Answer]) -> Answer:
        """Answer what a line asks first, and then what else it asks."""
        first = self.answer(request.model_copy(update={"also": ()}), turns)
        others: list[tuple[str, Answer]] = []
        for each in request.also:
            if each.operation in OF_A_NAME and not (each.topic or each.sides or each.refers_to):
                # `The most upvoted paper, and who wrote it?`
                said = tuple(source.paper_id for source in first.sources)
                if not 0 < len(said) <= _MOST_MEANT:
                    continue  # a table tells it already, or there is none
                each = each.model_copy(update={"refers_to": said})
            others.append((each.question, self.answer(each)))
        return with_others(first, others).model_copy(update={"request": request})

    def _with_undated(self, answer: Answer, request: Request) -> Answer:
        """Add to a survey of some days the papers on its topic that have no date."""
        filters = request.filters
        if filters.undated or not (filters.since or filters.until):
            return answer
        wider = {"filters": filters.model_copy(update={"undated": True}), "limit": None}
        found = self.search(request.model_copy(update=wider))
        known = {source.paper_id for source in answer.sources}
        near = [e for e in self.near(found) if not e.paper.date and e.paper.paper_id not in known]
        return with_undated(answer, near) if near else answer

    def search(self, request: Request, without: Collection[str] = ()) -> Searched:
        """Find the papers that are read for a request, but for some that are held out."""
        return self._finder.search(request, self.keep, without)

    def draft(self, found: Searched, turns: Sequence[Answer] = ()) -> tuple[Searched, Draft]:
        """Choose from the papers found what could be said; return those that it is about first."""
        request = found.request
        found = found._replace(hits=self._about(request, found.hits))
        before = turns if request.act is Act.MORE else ()
        said = {(c.paper_id, c.start) for t in before for s in t.sentences for c in s.citations}

        def find(text: str) -> tuple[Query, list[Hit]]:
            query = self._finder.query(text, request.filters)
            return query, self._finder.find(query, self.keep)

        draft = self._drafter.draft(
            request,
            found.query,
            found.hits,
            find,
            alone=self._finder.query(request.own_words) if request.own_words else None,
            said=said,
            skip=_rows_shown(before),
        )
        return found, draft

    def rank(self, text: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Rank all sentences of papers by how well they speak to a text, best first."""
        return self._drafter.rank(self._finder.query(text), hits)

    def cite(self, found: Searched, draft: Draft) -> Answer:
        """Bind what a draft says to its sources; refuse where that is not sure enough."""
        request, receipt = found.request, {"receipt": self.receipts.of(found)}
        if self._is_answer(draft):
            return cite(request, draft).model_copy(update=receipt)
        filters = request.filters
        reason = reason_for_refusal(
            draft,
            len(self._finder.asked(filters)) if filters else self.receipts.n_asked,
            filtered=bool(filters),
            n_coming=self._finder.catalogue.count_coming(),
            n_by_words=self._finder.catalogue.count_by_words(),
        )
        return refuse(request, draft, reason).model_copy(update=receipt)

    def _from_the_catalogue(
        self, request: Request, turns: Sequence[Answer], *, whole: bool = False
    ) -> Answer:
        skip = _rows_shown(turns) if request.act is Act.MORE else 0
        catalogue, words = self._finder.catalogue, self._finder.words

        near = _Near(self, request)
        return answer_from_catalogue(request, catalogue, words, near, skip=skip, whole=whole)

    def near(self, found: Searched) -> list[Evidence]:
        """Return of each paper found that comes near what tells of it best, nearest first."""
        _, draft = self.draft(found)
        best = {e.paper.paper_id: e for e in reversed(draft.evidence)}
        ids = dict.fromkeys(e.paper.paper_id for e in draft.evidence)
        return [best[each] for each in ids] if self._is_answer(draft) else []

    def _about(self, request: Request, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Put the papers first that a request refers to; a summary has these alone."""
        if request.act is Act.SUMMARISE and request.refers_to:
            return self._finder.named(request.refers_to)
        if request.act in _OF_ONE and request.refers_to:
            return sorted(hits, key=lambda hit: hit.paper.paper_id not in request.refers_to)
        return hits

    def _is_answer(self, draft: Draft) -> bool:
        unknown = draft.signals and draft.signals.unknown_names
        # A comparison names the side that is not there.
        named = unknown and draft.request.kind is not Kind.COMPARISON
        least = max(self.min_confidence, _WITHOUT_THE_NAME if named else 0.0)
        return bool(draft.evidence) and draft.confidence >= least


class _Near:
    """Papers that are about a topic in words that it may not have."""

    def __init__(self, quoter: Quoter, request: Request):
        self._quoter = quoter
        # Any number of them, for the order of all that say it.
        survey = {"kind": Kind.SURVEY, "act": Act.NEW, "limit": None}
        self._survey = request.model_copy(update=survey)

    @cached_property
    def _found(self) -> Searched:
        return self._quoter.search(self._survey)

    def order(self) -> Sequence[str]:
        return [hit.paper.paper_id for hit in self._found.hits]

    def evidence(self) -> Sequence[Evidence]:
        return self._quoter.near(self._found)


def _rows_shown(turns: Sequence[Answer]) -> int:
    """Count the rows of the tables that the turns on the same question have shown."""
    return sum(len(b.rows) for t in turns for b in _of_the_first(t) if b.form in ("table", "count"))


def _of_the_first(turn: Answer) -> Iterable[Block]:
    """Return the blocks of what a line asks first; what it asks beside it has a heading."""
    if not (turn.request and turn.request.also):
        return turn.blocks
    return takewhile(lambda block: block.heading is None, turn.blocks)
