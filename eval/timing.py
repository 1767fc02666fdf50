"""Measure what questions and indexes take: memory, disk, and the time of each stage."""

import sys
from collections import defaultdict
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from footnote.rag.core.stages import listening
from footnote.rag.index.snapshot import PARTS

Result = TypeVar("Result")


@contextmanager
def stages() -> Generator[dict[str, list[float]]]:
    """Record the stages that end meanwhile, in any thread.

    Yields:
        Durations in milliseconds by stage.
    """
    found: defaultdict[str, list[float]] = defaultdict(list)
    with listening(lambda name, seconds: found[name].append(seconds * 1000)):
        yield found


def peak_memory_mb() -> float | None:
    """Return how much memory this process has held at most; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    # Counted in kilobytes, and on macOS in bytes.
    per_mb = 1024 * 1024 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / per_mb, 1)


def memory_mb() -> dict[str, float]:
    """Return the memory of this process now: held by it alone, and mapped from files.

    What is mapped is given back where another process needs the room. Empty where no file of the
    system tells it, which is everywhere but on Linux.
    """
    file = Path("/proc/self/status")
    if not file.is_file():
        return {}
    told = dict(line.split(":", 1) for line in file.read_text(encoding="utf-8").splitlines())
    return {
        name: round(int(told[field].split()[0]) / 1024, 1)
        for name, field in (("held", "RssAnon"), ("mapped", "RssFile"))
    }


def apart(measure: Callable[..., Result], *arguments: object) -> Result:
    """Run in a fresh process, whose memory is then its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments).result()


def bytes_by_part(folder: Path) -> dict[str, int]:
    """Return the size of an index folder, by the name of the part or of the file beside them."""
    parts: dict[str, int] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            below = file.relative_to(folder).parts
            of_part = next((each for each in below if each in PARTS), None)
            named = of_part or (below[2] if below[0] == "snapshots" else below[0])
            parts[named] = parts.get(named, 0) + file.stat().st_size
    return {part: size for part, size in parts.items() if size}
