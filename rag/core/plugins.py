"""Plugins: what other installed distributions add, found by entry points, loaded when used.

Nothing is looked for in the working folder, which may be anybody's.
"""

import sys
from enum import StrEnum
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path
from typing import Any, NamedTuple

from footnote.rag.core.errors import PluginError, is_fault


class Group(StrEnum):
    """What a plugin can add, by the name of its group of entry points."""

    SOURCES = "footnote.sources"
    """An object with `detects` and `parse`, as the modules of `ingest/sources` have them."""
    EMBEDDERS = "footnote.embedders"
    """Called with `embedder.arguments`, it gives a LlamaIndex embedding."""
    RERANKERS = "footnote.rerankers"
    """Called, it gives a function from pairs of question and text to chances in [0, 1]."""
    JUDGES = "footnote.judges"
    """Called, it gives a function from pairs of quotes and claim to judgements."""
    EXPORTERS = "footnote.exporters"
    """An object with `ENDING`, `MEDIA_TYPE` and `entries`, which writes papers."""


_PARTS = {
    Group.SOURCES: ("detects", "parse"),
    Group.EXPORTERS: ("ENDING", "MEDIA_TYPE", "entries"),
}
_CALLED = ("__call__",)


class Plugin(NamedTuple):
    """One entry point of an installed distribution."""

    group: Group
    name: str
    distribution: str
    """Its name and version."""
    entry: EntryPoint

    def __str__(self) -> str:
        return f"plugin {self.name!r} of {self.distribution}"

    def load(self) -> Any:  # noqa: ANN401
        """Import what the entry point names.

        Raises:
            PluginError: It cannot be imported, or is not what its group asks for.
        """
        try:
            found = self.entry.load()
        except BaseException as error:
            if not is_fault(error) and not isinstance(error, SystemExit):
                raise
            raise PluginError(
                f"{self} cannot be loaded: {reason(error)}", "update or uninstall it"
            ) from error
        lacks = [part for part in _PARTS.get(self.group, _CALLED) if not hasattr(found, part)]
        if lacks:
            raise PluginError(
                f"{self} has no {', '.join(lacks)}, as {self.group} asks for",
                "update or uninstall it",
            )
        return found

    def problem(self) -> str | None:
        """Load it, and say in a line why it cannot be; None where it can."""
        try:
            self.load()
        except PluginError as error:
            return str(error)
        return None


def installed(*groups: Group) -> list[Plugin]:
    """List the plugins of these groups, or of all; by group, name and distribution."""
    found = [plugin for plugin in _scanned().plugins if plugin.group in (groups or [*Group])]
    order = [*Group]
    return sorted(found, key=lambda p: (order.index(p.group), p.name, p.distribution))


def find(group: Group, name: str) -> Plugin | None:
    """Return the plugin of a name, or None.

    Raises:
        PluginError: Several distributions have one of this name.
    """
    named = [plugin for plugin in installed(group) if plugin.name == name]
    if len(named) > 1:
        raise PluginError(
            f"{' and '.join(plugin.distribution for plugin in named)} both have a plugin {name!r}",
            "uninstall one of them",
        )
    return named[0] if named else None


def problems() -> list[str]:
    """Say in a line each what cannot be read or loaded; all plugins are imported for it."""
    unloaded = [problem for plugin in installed() if (problem := plugin.problem())]
    return [*_scanned().unread, *unloaded]


def reason(error: BaseException) -> str:
    """Say in a line what a plugin raised."""
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class _Scanned(NamedTuple):
    plugins: list[Plugin]
    unread: list[str]
    """In a line each, the distributions whose entry points cannot be read."""


def _scanned() -> _Scanned:
    """Read the entry points of all distributions; one of another make stops no other."""
    scanned, where = _Scanned([], []), _where()
    of_ours = filter(_may_have_plugins, distributions(path=where))
    for name in dict.fromkeys(each.metadata["Name"] for each in of_ours):
        # Of two with one name Python imports the first; one that was half removed has none.
        named = distributions(name=name, path=where) if name else ()
        first = next((each for each in named if each.metadata["Name"]), None)
        if first is None:
            continue
        shown = f"{name} {first.version}"
        try:
            entries = list(first.entry_points)
        except (TypeError, ValueError) as error:  # a line without `=` is a TypeError
            why = f"the entry points of {shown} cannot be read: {reason(error)}"
            scanned.unread.append(f"{why}; update or uninstall it")
            continue
        scanned.plugins.extend(
            Plugin(Group(entry.group), entry.name, shown, entry)
            for entry in entries
            if entry.group in [*Group]
        )
    return scanned


def _may_have_plugins(distribution: Distribution) -> bool:
    """Return True unless its entry points are read and none is of ours.

    Its name is not looked at: to read those of some 300 distributions takes half a second.
    """
    try:
        return any(entry.group in [*Group] for entry in distribution.entry_points)
    except (TypeError, ValueError):
        return True


def _where() -> list[str]:
    """Where Python imports from, without the working folder, which `python -m` puts there."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was deleted, and what is named from there with it
        return [place for place in sys.path if Path(place).is_absolute()]
    return [place for place in sys.path if place and Path(place).resolve() != here]
