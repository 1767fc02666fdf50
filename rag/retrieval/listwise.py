"""Have a language model put the best papers in order, by what they say (Sun et al., 2023)."""

import re
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing

from footnote.rag.core.errors import GenerationError
from footnote.rag.core.records import Hit
from footnote.rag.llm.listing import Choice, Shown, ask_to_order
from footnote.rag.llm.port import Model
from footnote.rag.llm.talk import THINKING, Reply

# Where not all papers fit into what a model reads at once, it orders so many, from the last to the
# first, in steps of half as many: the best of each move on to the next (as published).
_WINDOW, _FEWEST = 20, 2
# What the model's order counts, that in which papers were found being 1; and what the first of an
# order is divided by, the next by one more.
_SHARE, _FIRST = 3, 2
# Of an order of so many papers, and what a model thinks aloud before it.
_TOKENS_A_PAPER, _TOKENS = 8, 400
_IN_BRACKETS = re.compile(r"\[\s*(\d{1,3})\s*\]")
_NUMBERS_ALONE = re.compile(r"[\d\s,;>]+")
_NO_ORDER = "gave no order of them"
_NO_ROOM = "has no room for them; raise `llm.context_window`"


class Listwise:
    """Asks a model which of the best papers say most, and puts them in that order."""

    def __init__(self, text: Callable[[Hit], str], *, depth: int, timeout_s: float):
        """Prepare; nothing is asked yet.

        Args:
            text: What a model is shown of a paper, beside its title.
            depth: Papers that are put in order, the first so many.
            timeout_s: For the order of all.
        """
        self.depth = depth
        self._text = text
        self._timeout_s = timeout_s

    def order(self, model: Model, question: str, hits: Sequence[Hit]) -> "Ordering":
        """Return what puts these papers, best first, in a model's order for a question."""
        best = [(hit, Shown(hit.paper.title, self._text(hit))) for hit in hits[: self.depth]]
        return Ordering(model, question, best, hits[self.depth :], self._timeout_s)


class Ordering:
    """Papers that a model puts in order; iterate once, and close it to stop the model.

    Its order is fused by reciprocal rank with the one in which they were found, and counts more:
    one who knows loses hardly anything by that, and one who errs is borne (`docs/experiments.md`).
    The n-th then has the score that the n-th had before: what goes by scores (which papers are on
    topic, how sure an answer is) was fitted to these, and a model gives none.
    """

    def __init__(
        self,
        model: Model,
        question: str,
        best: Sequence[tuple[Hit, Shown]],
        others: Sequence[Hit],
        timeout_s: float,
    ):
        self._model = model
        self._question = question
        self._found = list(best)
        self._order = list(range(len(best)))
        """Places in `_found`, as the model puts them."""
        self._others = others
        self._timeout_s = timeout_s
        self.fault: str | None = None
        """Why they are not, or not all, in its order; goes on after the model's name."""

    @property
    def hits(self) -> list[Hit]:
        """All papers, as far as they are in order."""
        fused = {
            place: 1 / (_FIRST + place) + _SHARE / (_FIRST + rank)
            for rank, place in enumerate(self._order)
        }
        ordered = [
            self._found[place][0].model_copy(update={"score": was.score})
            for place, (was, _) in zip(
                sorted(fused, key=lambda place: (-fused[place], place)), self._found, strict=True
            )
        ]
        return [*ordered, *self._others]

    def __iter__(self) -> Generator[None]:
        """Order them; yield before each call, and each second in which nothing comes."""
        ends = time.monotonic() + self._timeout_s
        try:
            for start, end in self._windows():
                yield
                asked = self._asked(start, end)
                places = yield from _places(self._model, asked, ends - time.monotonic())
                left = (at for at in range(end - start) if at not in places)
                self._order[start:end] = [self._order[start + at] for at in (*places, *left)]
        except GenerationError as error:
            self.fault = str(error)

    def _windows(self) -> list[tuple[int, int]]:
        """Return where each list that is ordered begins and ends, in turn."""
        n = len(self._found)
        if n < _FEWEST:
            return []
        n_fit = self._asked(0, n).n_shown
        if n_fit == n:
            return [(0, n)]
        size = max(min(_WINDOW, n_fit), _FEWEST)
        return [(at, at + size) for at in (*range(n - size, 0, -(size // 2)), 0)]

    def _asked(self, start: int, end: int) -> Choice:
        shown = [self._found[place][1] for place in self._order[start:end]]
        room = self._model.context_window - _most_tokens(end - start)
        return ask_to_order(self._question, shown, room=room)


def _places(model: Model, asked: Choice, timeout_s: float) -> Generator[None, None, list[int]]:
    """Have a model order papers; return their places, from 0, without those that it leaves out.

    Raises:
        GenerationError: It fails, or gives no order.
    """
    if asked.n_shown < _FEWEST:
        raise GenerationError(_NO_ROOM)
    most, said = _most_tokens(asked.n_shown), ""
    reply = Reply(model, asked.messages, timeout_s=timeout_s, max_tokens=most)
    with closing(iter(reply)) as pieces:
        for piece in pieces:
            said += piece
            if not piece:
                yield
    places = read_order(said, asked.n_shown, is_whole=reply.complete)
    if not places:
        raise GenerationError(_NO_ORDER)
    return places


def read_order(text: str, n: int, *, is_whole: bool = True) -> list[int]:
    """Read the order that a model wrote, such as `[3] > [1]`.

    Args:
        text: What it wrote. Numbers count that stand in brackets, or where nothing else stands.
        n: Papers that there are; another number is none of them.
        is_whole: False where it may have been cut off, in the middle of a number.

    Returns:
        Places from 0, each once, those alone that it names; none where it names none.
    """
    said = THINKING.sub("", text).strip().rstrip(".")
    numbers = _IN_BRACKETS.findall(said)
    if not numbers and _NUMBERS_ALONE.fullmatch(said):
        numbers = re.findall(r"\d+", said)
        numbers = numbers if is_whole else numbers[:-1]
    known = (int(number) for number in numbers if len(number) <= 3)
    return [number - 1 for number in dict.fromkeys(known) if 1 <= number <= n]


def _most_tokens(n_papers: int) -> int:
    return _TOKENS + _TOKENS_A_PAPER * n_papers
