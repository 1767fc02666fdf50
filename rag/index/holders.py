"""Shards held by other processes: who holds them, who asks them, and which of them answer.

A question names the state of the index that it was begun in, and each holder answers from that one;
so no answer is made of two snapshots, whenever which holder hears of a new one.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from footnote.rag.core.errors import IndexDamagedError, ShardLostError
from footnote.rag.core.processor import tune_process
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.shard import Found, LocalShard, Placement, Shard, Shards
from footnote.rag.index.snapshot import SNAPSHOTS, Snapshot
from footnote.rag.index.stored import State
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.index.token_scores import Matches

# States of the index that a holder has open: while papers are taken in there is a new one every few
# seconds, and a question is over in less than the time of a few.
_OPEN = 4
# How often holders are asked if they are there.
_WATCH_S = 2.0
_AGAIN_S = 0.2
# Threads that wait for holders: questions at once, times shards.
_THREADS = 128


class Holder:
    """Holds some shards of an index: of whichever state of it is asked for. Safe in threads."""

    def __init__(self, index: Path, number: int, n_holders: int):
        """Open the index as it is now.

        Args:
            index: Its folder.
            number: Of this holder, from 0.
            n_holders: How many share the shards; whoever has the same number has the same shards.

        Raises:
            IndexFolderError: It cannot be used.
        """
        self._index = index
        self._number = number
        self._n_holders = n_holders
        self._lock = threading.Lock()
        self._opened: OrderedDict[State, LocalShard] = OrderedDict()
        state = Catalogue(index / "catalogue.sqlite").state()
        if self._own_of(state)[1]:
            self._at(state)

    def check(self) -> None:
        """Do nothing: who hears of it is there."""

    def ask(self, state: State, what: str, *arguments: object, **named: object) -> object:
        """Ask the shards in a state of the index: a method of `Shard`, with its arguments.

        Raises:
            IndexDamagedError: The index has moved on, and this state of it was never opened here.
        """
        asked: Any = getattr(self._at(state), what)
        return asked(*arguments, **named)

    def _at(self, state: State) -> LocalShard:
        with self._lock:
            if state not in self._opened:
                self._opened[state] = self._open(state)
            self._opened.move_to_end(state)
            while len(self._opened) > _OPEN:
                self._opened.popitem(last=False)
            return self._opened[state]

    def _open(self, state: State) -> LocalShard:
        self._check_in_force(state)
        snapshot, numbers = self._own_of(state)
        own = snapshot.shard(*numbers)
        # What is not there would be opened empty; what is replaced is deleted.
        if faults := own.missing():
            raise IndexDamagedError(faults[0].what, faults[0].step)
        shard = LocalShard(own)
        self._check_in_force(state)
        return shard

    def _own_of(self, state: State) -> tuple[Snapshot, list[int]]:
        """Return the snapshot of a state, and the numbers of the shards of it that are held."""
        snapshot = Snapshot.load(self._index / SNAPSHOTS / str(state.snapshot))
        placement = Placement(snapshot.card.shards, self._n_holders)
        return snapshot, placement.shards_of(self._number)

    def _check_in_force(self, state: State) -> None:
        now = Catalogue(self._index / "catalogue.sqlite").state()
        if now.snapshot != state.snapshot:
            raise IndexDamagedError(
                f"snapshot {state.snapshot} of index {self._index} was replaced", "ask again"
            )


class HolderProcess(Holder):
    """A holder that has a process to itself."""

    def __init__(self, index: Path, number: int, n_holders: int):
        """Open the index; see `Holder`."""
        super().__init__(index, number, n_holders)
        tune_process()


class Line(Protocol):
    """What a holder is asked by, or any of several that hold the same."""

    def ask(self, state: State, what: str, *arguments: object, **named: object) -> Any:  # noqa: ANN401
        """Ask as `Holder.ask` does.

        Raises:
            ShardLostError: None of them answers.
        """
        ...

    def check(self) -> None:
        """Make sure that one of them is there.

        Raises:
            ShardLostError: None is.
        """
        ...


class Lines:
    """All holders of an index: asks those that answer, and notices which do."""

    def __init__(self, lines: Sequence[Line], *, watch_s: float = _WATCH_S):
        """Ask holders by these, in the order of their numbers.

        Args:
            lines: One a holder.
            watch_s: How often each is asked if it is there.
        """
        self._lines = lines
        self._lost: frozenset[int] = frozenset()
        self._lock = threading.Lock()
        self._at_once = ThreadPoolExecutor(_THREADS, thread_name_prefix="footnote shards")
        self._is_over = threading.Event()
        self._watch_s = watch_s
        for number in range(len(lines)):
            threading.Thread(target=self._watch, args=[number], daemon=True).start()

    @property
    def lost(self) -> frozenset[int]:
        """The numbers of holders that do not answer."""
        return self._lost

    def shards(self, state: State, n_shards: int) -> Shards:
        """Return the shards of those that answer, in a state of the index.

        Raises:
            ShardLostError: None does.
        """
        placement = Placement(n_shards, len(self._lines))
        asked: dict[int, Shard] = {
            number: _HeldShard(partial(self._ask, number, state))
            for number in range(len(self._lines))
            if number not in self._lost and placement.shards_of(number)
        }
        return Shards(asked, placement, self._at_once)

    def wait(self, timeout_s: float) -> None:
        """Wait until all are there, and no longer than this."""
        until = time.monotonic() + timeout_s
        for number in range(len(self._lines)):
            while not self._is_there(number) and time.monotonic() < until:
                time.sleep(_AGAIN_S)

    def close(self) -> None:
        """Ask nobody any more."""
        self._is_over.set()
        self._at_once.shutdown(wait=False, cancel_futures=True)

    def _ask(
        self, number: int, state: State, what: str, *arguments: object, **named: object
    ) -> Any:  # noqa: ANN401
        with self._noted(number):
            return self._lines[number].ask(state, what, *arguments, **named)

    def _is_there(self, number: int) -> bool:
        with suppress(ShardLostError), self._noted(number):
            self._lines[number].check()
            return True
        return False

    @contextmanager
    def _noted(self, number: int) -> Generator[None]:
        """Note that a holder is lost, or that it is there."""
        is_lost = False
        try:
            yield
        except ShardLostError:
            is_lost = True
            raise
        finally:
            with self._lock:
                self._lost = self._lost | {number} if is_lost else self._lost - {number}

    def _watch(self, number: int) -> None:
        """Look after a holder, so that it is known when it is lost and when it is back."""
        while not self._is_over.wait(self._watch_s):
            self._is_there(number)


class _HeldShard:
    """A shard that a holder is asked for."""

    def __init__(self, ask: Callable[..., Any]):
        self._ask = ask

    def count_sentences(self) -> int:
        return self._ask("count_sentences")

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        return self._ask("nearest", vector, depth=depth, only=only)

    def nearest_papers(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> Found:
        return self._ask("nearest_papers", vector, depth=depth, only=only)

    def cosines(self, vector: Sequence[float], versions: Iterable[str]) -> dict[str, np.ndarray]:
        return self._ask("cosines", vector, versions)

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        return self._ask("matches", question, paper_ids)

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        return self._ask("means", paper_ids)
