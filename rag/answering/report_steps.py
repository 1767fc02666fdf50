"""Keep the finished steps of a report in a folder, so that an interrupted one goes on there.

card.json       what the report is of: its settings, and the papers as they were
KIND-KEY.json   what a step gave; the key is a fingerprint of all that went into it
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.errors import IndexAccessError
from footnote.rag.core.records import fingerprint
from footnote.rag.index.durable import make_folder, write_durably

_CARD = "card.json"
Kept = TypeVar("Kept", bound=Record)


class Order(Record):
    """The papers of a section, as a model has ordered them."""

    paper_ids: tuple[str, ...]


class Steps:
    """The finished steps of one report. Nothing is written before the first one is finished."""

    def __init__(self, folder: Path, of: dict[str, str], papers: str):
        """Look what is there.

        Args:
            folder: Where they are, or shall be; made with the first one.
            of: The topic and the settings, for a person who looks into the folder.
            papers: Tells the papers as they are now from those before or after a change.
        """
        self.folder = folder
        self._card = json.dumps(of | {"papers": papers}, ensure_ascii=False, indent=1)
        found = self._card_found()
        self.began_anew = found is not None and found != self._card
        """True where what is there was made of other papers or settings, and counts no more."""
        self._is_begun = found == self._card

    def count(self, kind: str) -> int:
        """Count the finished steps of a kind."""
        return len(list(self.folder.glob(f"{kind}-*.json"))) if self._is_begun else 0

    def get(self, kind: str, of: Sequence[str], record: type[Kept]) -> Kept | None:
        """Return what a step gave; None where it is not finished, or what it gave is damaged."""
        try:
            text = self._file(kind, of).read_text(encoding="utf-8") if self._is_begun else None
            return None if text is None else record.model_validate_json(text)
        except (OSError, UnicodeDecodeError, ValidationError):
            return None

    def put(self, kind: str, of: Sequence[str], given: Record) -> None:
        """Keep what a step gave; it is there whole, or not at all.

        Raises:
            IndexAccessError: The folder cannot be written.
        """
        try:
            self._begin()
            write_durably(self._file(kind, of), given.model_dump_json(indent=1).encode())
        except OSError as error:
            raise IndexAccessError(
                f"folder {self.folder} cannot be written: {error}", "name another with --work"
            ) from error

    def _begin(self) -> None:
        if self._is_begun:
            return
        make_folder(self.folder)
        # The card goes first: steps without one are never taken for those of another.
        for file in (self.folder / _CARD, *self.folder.glob("*-*.json")):
            file.unlink(missing_ok=True)
        write_durably(self.folder / _CARD, self._card.encode())
        self._is_begun = True

    def _card_found(self) -> str | None:
        try:
            return (self.folder / _CARD).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    def _file(self, kind: str, of: Sequence[str]) -> Path:
        return self.folder / f"{kind}-{fingerprint(*of)}.json"
