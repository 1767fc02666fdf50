"""Understand a line in its conversation, with what was said before where it leans on that."""

from collections.abc import Mapping, Sequence
from math import fsum

from footnote.rag.answering.generative import Writer, rewrite_with_model
from footnote.rag.answering.model_reader import read_with_model
from footnote.rag.core.records import Answer, Hit
from footnote.rag.core.request import OF_A_NAME, Act, Filters, Kind, Operation, Request
from footnote.rag.llm.port import Model
from footnote.rag.retrieval.finder import Finder
from footnote.rag.understanding.dialogue import last_said, refer
from footnote.rag.understanding.leaning import Leaning, leans
from footnote.rag.understanding.question import check_question
from footnote.rag.understanding.request import ON_THE_LAST, odds_of_new, read_request

# Whether a line leans on what was said is told by so many papers that are found for it.
_COMPARED = 6
# Filters that name something which a record may or may not have.
_NAMES = ("organisation", "other_organisations", "source", "other_sources", "author")


class LineReader:
    """Reads lines of conversations, by the trained network or by a language model."""

    def __init__(self, finder: Finder, *, max_chars: int):
        """Read with these.

        Args:
            finder: The papers: what is found for a line tells if it leans on what was said.
            max_chars: A longer line is an error.
        """
        self._finder = finder
        self._max_chars = max_chars

    def checked(self, line: str) -> str:
        """Return a line as one, without what is no text.

        Raises:
            QuestionError: It is empty or too long.
        """
        return check_question(line, max_chars=self._max_chars)

    def understand(self, line: str, turns: Sequence[Answer], writer: Writer | None) -> Request:
        """Read what a line asks for, with the turns before it.

        A strong language model reads all of it; a small one writes a follow-up out in full. The
        trained network stands in for both.
        """
        if writer and writer.is_strong:
            # Where that fails it was asked to write the line out, and is not asked again.
            return self._read_by(writer.model, line, turns) or self.read(line, turns)
        request = self.read(line, turns)
        if not writer or not turns or request.act is not Act.FOLLOW_UP:
            return request
        full = rewrite_with_model(writer.model, line, [turn.question for turn in turns])
        if not full:
            return request
        return request.model_copy(update={"question": full, "own_words": "", "refers_to": ()})

    def read(self, line: str, turns: Sequence[Answer]) -> Request:
        """Read a line by the trained network alone."""
        before = _understood_last(turns)
        request = self._of_an_organisation(self._without_unknown_names(read_request(line, before)))
        also = tuple(map(self._of_an_organisation, request.also))
        request = request.model_copy(update={"also": also})
        if request.act in ON_THE_LAST and (said := last_said(turns)) and said.request:
            # What is to be said again is what was said, not what was refused since.
            request = said.request.model_copy(update={"act": request.act})
        if not turns:
            return request

        def leans_on_it(alone: Request, leaning: Request) -> bool:
            return leans(self._signs(before, alone, leaning))

        return refer(request, turns, leans=leans_on_it)

    def leaning(self, line: str, turns: Sequence[Answer]) -> Leaning | None:
        """Return what tells if a line leans on the turns before it; None where none could."""
        before, found = _understood_last(turns), list[Leaning]()

        def note(alone: Request, leaning: Request) -> bool:
            found.append(self._signs(before, alone, leaning))
            return False

        refer(read_request(line, before), turns, leans=note)
        return found[0] if found else None

    def _read_by(self, model: Model, line: str, turns: Sequence[Answer]) -> Request | None:
        """Have a strong model read a line; None where it fails, or writes too much."""
        most = self._finder.most_queries
        read = read_with_model(model, line, turns, most_queries=most)
        if not read or len(read.question) > self._max_chars:
            return None
        said = last_said(turns)
        if read.act in ON_THE_LAST and said and said.request:
            kept = said.request.model_copy(update={"act": read.act, "by": read.by})
            return refer(kept, turns, leans=_always)
        if read.act is Act.NTH and said:
            alone = read.model_copy(update={"question": line, "queries": ()})
            return refer(alone, turns, leans=_always)
        return self._without_unknown_names(read)

    def _without_unknown_names(self, request: Request) -> Request:
        """Take names that no record has from the filters of a survey: it is about them."""
        filters, matching = request.filters, self._finder.catalogue.matching
        unknown = {
            name: value
            for name in _NAMES
            if (value := getattr(filters, name))
            and not matching(Filters.model_validate({name: value}))
        }
        if request.kind is not Kind.SURVEY or not unknown:
            return request
        named = [
            name
            for value in unknown.values()
            for name in (value if isinstance(value, tuple) else [value])
        ]
        topic = " ".join([request.topic, *named]).strip()
        kept = filters.model_copy(update=dict.fromkeys(unknown))
        return request.model_copy(update={"filters": kept, "topic": topic})

    def _of_an_organisation(self, request: Request) -> Request:
        """Return a request for the papers of an organisation that was taken for something else.

        For a topic (`anything on zai-org`), or for an author (`by Gensyn`).
        """
        filters, is_one = request.filters, self._finder.catalogue.is_organisation
        of_it: dict[str, object]
        if (name := filters.author) and not filters.organisation and is_one(name):
            of_it = {"author": None, "organisation": name}
            is_theirs = request.operation is Operation.AUTHORS and not request.topic
            update: dict[str, object] = {"operation": Operation.LIST} if is_theirs else {}
        elif _asks_for_papers(request) and is_one(request.topic):
            of_it = {"organisation": request.topic}
            if filters.organisation:  # `zai-org against deepseek-ai`: of either
                others = filters.other_organisations or ()
                of_it = {"other_organisations": (*others, request.topic)}
            update = {"topic": "", "kind": Kind.CATALOGUE}
            update |= {"operation": request.operation or Operation.LIST}
        else:
            return request
        return request.model_copy(update={**update, "filters": filters.model_copy(update=of_it)})

    def _signs(self, before: Request | None, alone: Request, leaning: Request) -> Leaning:
        """Return what tells if a line leans on what was said before it.

        Args:
            before: How the line before it was understood.
            alone: The line as it stands.
            leaning: The same with what was said put in front of it.
        """
        own, other = self._nearest(alone), self._nearest(leaning)
        terms, rarity = self._finder.words.terms, self._rarity_of_new_words(before, alone, leaning)
        best = own[0].paper if own else None
        in_title, in_abstract = (
            [rarity[t] for t in rarity.keys() & terms(text)]
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

    def _nearest(self, request: Request) -> list[Hit]:
        query = self._finder.query(request.question, request.filters)
        return self._finder.find(query, _COMPARED)

    def _rarity_of_new_words(
        self, before: Request | None, alone: Request, leaning: Request
    ) -> Mapping[str, float]:
        """Return how rare each word of a line is that those said before lack, in [0, 1]."""
        words = self._finder.words
        cited = self._finder.catalogue.served(leaning.refers_to).values()
        earlier = [f"{p.title} {p.abstract}" for p in cited] + [before.question if before else ""]
        new = {*words.terms(alone.question)}.difference(*map(words.terms, earlier))
        largest = words.largest_idf or 1.0
        return {term: words.idf(term) / largest for term in new}


def _asks_for_papers(request: Request) -> bool:
    """Return True if papers on one topic are asked for, and not one of that name."""
    is_of_name = request.operation in (*OF_A_NAME, Operation.UNRECORDED)
    is_one = request.topic and not request.sides and not request.in_title
    return request.kind in (Kind.SURVEY, Kind.CATALOGUE) and bool(is_one) and not is_of_name


def _understood_last(turns: Sequence[Answer]) -> Request | None:
    """Return how the last turn was understood that was."""
    return next((turn.request for turn in reversed(turns) if turn.request), None)


def _always(_alone: Request, _leaning: Request) -> bool:
    return True
