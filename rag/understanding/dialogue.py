"""Resolve what a line leans on: papers that were said, the question before, the n-th listed."""

from collections.abc import Callable, Sequence

from footnote.rag.core.records import Answer, Source
from footnote.rag.core.request import Act, Kind, Operation, Request
from footnote.rag.core.text import short_name, words
from footnote.rag.understanding.question import names_in

# The embedder reads a few hundred words, and the question stands last; no title is as long.
_LONGEST_TOPIC = 500

# Papers of a conversation that a summary of it has.
_SUMMED_UP = 6
# Words before the topic that ends a line with which it asks nothing of its own: `and for Medusa?`.
_SAYS_LITTLE = 2

Leans = Callable[[Request, Request], bool]
"""True where a line, read as it stands and with what was said put in front of it, means the second.
"""
_LEANING_OR_NOT = frozenset({Act.NEW, Act.FOLLOW_UP})
# No paper is searched for to answer these.
_OF_NO_PAPER = frozenset({Kind.CATALOGUE, Kind.CHAT})
_LISTS = frozenset({Kind.SURVEY, Kind.CATALOGUE})
# What may be asked anew of papers that were listed.
_OF_THOSE = frozenset(
    {
        Operation.COUNT,
        Operation.NEWEST,
        Operation.OLDEST,
        Operation.MOST_UPVOTED,
        Operation.MOST_AUTHORS,
        Operation.FIGURES,
    }
)
_TWO = 2


def refer(request: Request, turns: Sequence[Answer], *, leans: Leans) -> Request:
    """Return a line's request with what it leans on written out.

    Args:
        request: As it was read from the line alone, with its act.
        turns: The turns before it, oldest first; at least one.
        leans: Asked of a line that could be a follow-up and could be new.
    """
    said = last_said(turns)
    sources = said.sources if said else ()
    if request.act is Act.NTH:
        return _about(request, _nth(sources, request.nth), Kind.EXPLANATION) or request
    if request.act is Act.CORRECTION:
        return _corrected(request, turns[-1].request)
    if request.act is Act.FOLLOW_UP and (listed := _listed_anew(request, turns[-1].request)):
        return listed
    if request.act in _LEANING_OR_NOT:
        if completed := _with_what_was_said(request, sources):
            return completed
        return _leaning_or_new(request, sources, turns[-1], leans)
    if request.act is Act.SUMMARISE:
        sources = _of_the_conversation(turns)
    return request.model_copy(update={"refers_to": tuple(s.paper_id for s in sources)})


def last_said(turns: Sequence[Answer]) -> Answer | None:
    """Return the last turn that cited something; a refusal says nothing to lean on."""
    return next((t for t in reversed(turns) if t.sources and not t.refused), None)


def _leaning_or_new(
    request: Request, sources: Sequence[Source], last: Answer, leans: Leans
) -> Request:
    if request.act is Act.NEW and request.kind in _OF_NO_PAPER:
        return request
    follow_up = request.model_copy(update={"act": Act.FOLLOW_UP})
    follow_up = _of_its_papers(follow_up, last.request)
    leaning = _leaning(follow_up, sources, last.request)
    if leans(request, leaning):
        return leaning
    other = _of_another(request, last) if request.act is Act.FOLLOW_UP else request
    return other if other != request else request.model_copy(update={"act": Act.NEW})


def _with_what_was_said(request: Request, sources: Sequence[Source]) -> Request | None:
    """Complete a comparison that names one side or none by the papers that were said last.

    All such lines in conversations of the labelled ones lean on what was said, 28 of 28. One that
    is nothing but a name asks for that thing alone.
    """
    is_name = words(request.question) == words(" ".join(request.sides))
    if request.kind is not Kind.COMPARISON or len(request.sides) >= _TWO or is_name:
        return None
    said = [short_name(source.title) or source.title for source in sources]
    sides = (*said[:1], *request.sides) if request.sides else tuple(said[:_TWO])
    if len(sides) < _TWO:
        return None
    return request.model_copy(
        update={
            "act": Act.FOLLOW_UP,
            "sides": sides,
            "question": _topped(", ".join(sides), request.question),
            "own_words": request.question,
        }
    )


def _of_the_conversation(turns: Sequence[Answer]) -> Sequence[Source]:
    """Return the last few papers that were cited, oldest first, each once."""
    cited = [source for turn in turns if not turn.refused for source in turn.sources]
    return [*{source.paper_id: source for source in cited}.values()][-_SUMMED_UP:]


def _nth(sources: Sequence[Source], nth: int | None) -> Source | None:
    at = -1 if nth == -1 else (nth or 1) - 1
    return sources[at] if -len(sources) <= at < len(sources) else None


def _about(request: Request, source: Source | None, kind: Kind) -> Request | None:
    if source is None:
        return None
    return request.model_copy(
        update={
            "kind": kind,
            "question": _topped(source.title, request.question),
            "own_words": request.question,
            "refers_to": (source.paper_id,),
        }
    )


def _listed_anew(request: Request, before: Request | None) -> Request | None:
    """Return a list or a count again, of other papers: `only those from 2024`, `and on pruning?`.

    None for a line that asks anything else.
    """
    if not before or {before.kind, request.kind} - _LISTS or request.sides:
        return None
    kept = before.model_copy(update={"act": request.act, "by": request.by})
    if request.topic:
        if not _says_little_else(request):
            return None
        question = _corrected(request, before).question
        return kept.model_copy(
            update={
                "question": question,
                "topic": request.topic,
                "parts": request.parts,
                "sides": (),
            }
        )
    if not request.filters:
        return None
    found: dict[str, object] = {"filters": request.filters.within(before.filters)}
    if request.operation in _OF_THOSE:
        found |= {"kind": Kind.CATALOGUE, "operation": request.operation, "limit": request.limit}
    return kept.model_copy(update=found)


def _says_little_else(request: Request) -> bool:
    """Return True if a line ends with its topic and has next to nothing before it."""
    asked, topic = words(request.question), words(request.topic)
    is_last = bool(topic) and asked[-len(topic) :] == topic
    return is_last and len(asked) - len(topic) <= _SAYS_LITTLE


def _corrected(request: Request, before: Request | None) -> Request:
    """Put what was meant in the place of what the line before was about."""
    if not before or not request.topic or request.sides:
        return request
    question = (
        before.question.replace(before.topic, request.topic, 1)
        if before.topic and before.topic in before.question
        else request.topic
    )
    kept = {"question": question, "kind": before.kind, "operation": before.operation}
    return request.model_copy(update=kept)


def _of_its_papers(request: Request, before: Request | None) -> Request:
    """Ask a follow-up of the papers, unless the collection was what the line before was about."""
    if request.kind not in _OF_NO_PAPER or (before and before.kind is Kind.CATALOGUE):
        return request
    return request.model_copy(update={"kind": Kind.EXPLANATION, "operation": None})


def _of_another(request: Request, last: Answer) -> Request:
    """Ask what was asked before of what a line names, where it says little else."""
    if not _says_little_else(request):
        return request
    if last.request and last.request.question == last.question:
        asked_of = last.request.topic
        named = asked_of and asked_of in last.request.question
        return _corrected(request, last.request) if named else request
    # The line before it leant on a paper too.
    kind = last.request.kind if last.request else request.kind
    full = _topped(request.topic, last.question)
    return request.model_copy(update={"question": full, "kind": kind})


def _leaning(request: Request, sources: Sequence[Source], before: Request | None) -> Request:
    """Put what was said last in front of a follow-up: a paper, or the question before it."""
    if len(sources) == 1 or (sources and not before):
        return _about(request, sources[0], request.kind) or request
    if before:
        asked = _topped(before.question, request.question)
        said = tuple(source.paper_id for source in sources)
        return request.model_copy(update={"question": asked, "refers_to": said})
    return request


def _topped(topic: str, question: str) -> str:
    """Put a topic in front of a question; what begins that with a capital is no name for it."""
    first = question.split(maxsplit=1)[0]
    if first[1:].islower() and first not in names_in(question):
        question = first[0].lower() + question[1:]
    return f"{topic[:_LONGEST_TOPIC].rstrip()}: {question}"
