"""Steps of a question, timed while somebody listens."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")
Hear = Callable[[str, float], None]
"""Told the name of a stage and the seconds that it took, in whichever thread it ran."""

_listeners: list[Hear] = []


def stage(name: str) -> Callable[[Callable[Given, Result]], Callable[Given, Result]]:
    """Mark a function as a stage, known to who reads its times by this name."""

    def mark(function: Callable[Given, Result]) -> Callable[Given, Result]:
        @wraps(function)
        def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
            if not _listeners:
                return function(*args, **kwargs)
            started = time.perf_counter()
            result = function(*args, **kwargs)
            seconds = time.perf_counter() - started
            for hear in tuple(_listeners):
                hear(name, seconds)
            return result

        return run

    return mark


@contextmanager
def listening(hear: Hear) -> Generator[None]:
    """Have every stage told that comes to its end meanwhile, in any thread."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)
