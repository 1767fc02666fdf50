"""Formats that plugins read: whatever one of them does, the other files are taken in."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import NamedTuple, Protocol

from footnote.ingest.lines import Line
from footnote.ingest.record import Refusal, SourceRecord
from footnote.rag.core.errors import PluginError, SourceError
from footnote.rag.core.plugins import Group, Plugin, installed, reason


class Source(Protocol):
    """What reads a format."""

    def detects(self, head: Sequence[Line]) -> bool:
        """Return True if a file that begins so is of this format."""
        ...

    def parse(self, lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
        """Yield the records of a file in order, and a refusal for each that is none.

        Raises:
            SourceError: The file as a whole cannot be read.
        """
        ...


class Plugged(NamedTuple):
    """A plugin's format; what it raises refuses the file."""

    plugin: Plugin
    read_by: Source

    def detects(self, head: Sequence[Line]) -> bool:
        """Ask the plugin.

        Raises:
            PluginError: It failed.
        """
        try:
            return bool(self.read_by.detects(head))
        except Exception as error:
            raise PluginError(f"{self.plugin} failed: {reason(error)}") from error

    def parse(self, lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
        """Yield what the plugin reads.

        Raises:
            SourceError: It failed, or the file as a whole cannot be read.
        """
        try:
            for item in self.read_by.parse(lines, source):
                # A plugin's annotations bind nobody.
                if not isinstance(item, SourceRecord | Refusal):  # pyright: ignore[reportUnnecessaryIsInstance]
                    raise TypeError(f"it yields {type(item).__name__}, which is no record")
                yield item
        except SourceError:
            raise
        except Exception as error:
            raise SourceError(f"{self.plugin} failed: {reason(error)}") from error


class Found(NamedTuple):
    """The formats of plugins."""

    formats: tuple[Plugged, ...]
    problems: tuple[str, ...]
    """A line for each that cannot be loaded."""


@cache
def plugged() -> Found:
    """Load the formats that plugins read, once a process."""
    formats: list[Plugged] = []
    problems: list[str] = []
    for plugin in installed(Group.SOURCES):
        try:
            formats.append(Plugged(plugin, plugin.load()))
        except PluginError as error:
            problems.append(str(error))
    return Found(tuple(formats), tuple(problems))
