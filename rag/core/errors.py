"""Every error that Footnote raises on purpose.

FootnoteError                     one line for a person: the thing, the value, the next step
├── ConfigError                   settings that cannot be used
├── PluginError                   a plugin that cannot be loaded, or not told from another
├── QuestionError                 a question that cannot be asked
├── SourceError                   something to ingest that cannot be read at all
│   └── FetchError                a service that does not answer, or not as it should
├── PaperError                    a paper that is not there, or cannot be changed as asked
├── BackupError                   a backup that cannot be read, or would overwrite something
├── DatasetError                  an evaluation set with faults; all of them are listed
├── EmbeddingError                the embedder cannot be loaded, or returned something unusable
├── VerifierError                 the model of `llm.judge` cannot be loaded, or judges nothing
├── ClusterError                  a Ray cluster that is not there, or loses its tasks
├── ServerError                   a server of Footnote that is asked over HTTP refuses
├── GenerationError               the language model did not answer; quotes take its place
└── IndexFolderError              the index folder cannot be used as it is
    ├── IndexMissingError         there is none here yet
    ├── IndexMismatchError        it was built with other settings
    ├── IndexDamagedError         a file of it cannot be read
    │   ├── PaperDamagedError     a paper of the catalogue is not as it was written
    │   ├── IndexAccessError      it may not be read or written here, or the disk is full
    │   ├── VectorServerError     the server that holds its vectors does not answer
    │   └── ShardLostError        no process that holds a shard of it answers
    └── IndexBusyError            another process is writing it

Fault                             one thing that `footnote doctor` finds wrong with an index
"""

import errno
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_NO_ROOM_BYTES = 1_000_000
_REBUILD = "run `footnote rebuild`"
# Papers that one line names.
_NAMED = 3


class FootnoteError(Exception):
    """Base of all; its text is one line that a user can act on."""

    def __init__(self, what: str, step: str = ""):
        """Say what went wrong, and, where that is told apart from it, what to do about it."""
        super().__init__(what, step)
        self.what = what
        self.step = step

    def __str__(self) -> str:
        return _line(self.what, self.step)


class ConfigError(FootnoteError):
    """A settings file is absent or wrong; every wrong key is listed."""


class PluginError(FootnoteError):
    """A plugin cannot be loaded, fails, or has the name of another one."""


class QuestionError(FootnoteError):
    """The question is empty, or longer than the settings allow."""


class SourceError(FootnoteError):
    """A source gave no usable record at all."""


class FetchError(SourceError):
    """A service could not be reached, or its answer cannot be used."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool,
        status: int | None = None,
        wait_s: float | None = None,
    ):
        super().__init__(message)
        self.retryable = retryable
        self.status = status
        """Of its answer; None when there was none, or it was none of an error."""
        self.wait_s = wait_s
        """How long the service asks to wait; None when it does not say."""


class PaperError(FootnoteError):
    """A name or id means no paper of the catalogue or several, or it cannot be changed as asked."""


class BackupError(FootnoteError):
    """A file is no backup of an index, or not as it was written; or something is in its way."""


class DatasetError(FootnoteError):
    """An evaluation set cannot be used; every fault is listed."""


class EmbeddingError(FootnoteError):
    """The embedder cannot be loaded, or returned a vector that is not finite."""


class VerifierError(FootnoteError):
    """The entailment model cannot be loaded, or does not say what it entails."""


class ClusterError(FootnoteError):
    """Ray is not installed, its cluster does not answer, or it lost a task too often."""


class ServerError(FootnoteError):
    """A server of Footnote's refuses what it is asked, or does not answer as it should."""

    def __init__(
        self,
        what: str,
        step: str = "",
        *,
        status: int | None = None,
        kind: str | None = None,
        retryable: bool = False,
        wait_s: float | None = None,
    ):
        super().__init__(what, step)
        self.status = status
        """Of HTTP; None when there was no answer."""
        self.kind = kind
        """What the server calls the error, such as `urn:footnote:error:question_error`."""
        self.retryable = retryable
        self.wait_s = wait_s
        """How long the server asks to wait; None when it does not say."""


class GenerationError(FootnoteError):
    """A language model gave no answer; the text goes on after its name: `was too slow`."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        wait_s: float | None = None,
    ):
        super().__init__(message)
        self.status = status
        """Of its server's answer; None when there was none."""
        self.retryable = retryable
        """True where the same call may succeed in a moment."""
        self.wait_s = wait_s
        """How long the server asks to wait; None when it does not say."""


class IndexFolderError(FootnoteError):
    """The index folder cannot be used as it is."""


class IndexMissingError(IndexFolderError):
    """There is no index at the place named."""


class IndexMismatchError(IndexFolderError):
    """The index was built with other settings than those in force."""


class IndexDamagedError(IndexFolderError):
    """A file of the index cannot be read or written."""


class PaperDamagedError(IndexDamagedError):
    """Papers of the catalogue, or records of them, are not as they were written."""

    def __init__(self, catalogue: Path, paper_ids: Sequence[str], *, restorable: bool):
        shown = ", ".join(paper_ids[:_NAMED]) + ", …" * (len(paper_ids) > _NAMED)
        which = f"paper {shown} of {catalogue} is"
        if len(paper_ids) > 1:
            which = f"{len(paper_ids):,} papers of {catalogue} ({shown}) are"
        step = "run `footnote rebuild`, which restores what the records taken in still tell"
        if not restorable:
            step = "take in its source again, or take it out with `footnote remove`"
        super().__init__(f"{which} not as written", step)
        self.paper_ids = tuple(paper_ids)
        self.restorable = restorable
        """True where every one of them can be made anew from its records."""


class IndexAccessError(IndexDamagedError):
    """The folder may not be read or written by this process, or its disk has no room."""


class VectorServerError(IndexDamagedError):
    """The server that holds the vectors does not answer; the index may well be whole."""


class ShardLostError(IndexDamagedError):
    """No process that holds a shard answers; the others can be asked again without it."""


class IndexBusyError(IndexFolderError):
    """Another process holds the index for writing."""


class FaultKind(StrEnum):
    """What a fault means for what is done next."""

    GONE = "gone"
    """A part is not there: nothing else need be asked of the index."""
    DAMAGED = "damaged"
    """A part is not as it was written, or lacks what it should hold."""
    SURPLUS = "surplus"
    """A part holds what no paper is: an interrupted writer leaves it, the next takes it away."""
    GRAPH = "graph"
    """A sound graph of neighbours loses as much, and another would."""


@dataclass(frozen=True)
class Fault:
    """One way in which an index does not agree with its catalogue."""

    what: str
    step: str = _REBUILD
    kind: FaultKind = FaultKind.DAMAGED

    def __str__(self) -> str:
        return _line(self.what, self.step)


def is_fault(error: BaseException) -> bool:
    """Return True if this is a failure of a library, Rust's panics included, not a wish to stop."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def unusable(
    place: str, folder: Path | None, error: BaseException, done: str = "used"
) -> IndexDamagedError:
    """Say of a part of the index that failed what it is, why, and what to do.

    Args:
        place: The part.
        folder: Where it is; None for one on a server.
        error: What its library raised, which need not say that the disk is full.
        done: What could not be done with it.
    """
    reason = " ".join(str(error).split()) or type(error).__name__
    where = f" {folder}" if folder else ""
    what = f"{place}{where} cannot be {done}: {reason}"
    if _is_of_no_room(error, reason, folder if done == "written" else None):
        return IndexAccessError(what, "free some space and run the command again")
    if getattr(error, "errno", None) in (errno.EROFS, errno.EACCES, errno.EPERM):
        return IndexAccessError(what, "check who may use it, or name another with --index")
    return IndexDamagedError(what, _REBUILD)


def _is_of_no_room(error: BaseException, reason: str, written: Path | None) -> bool:
    if (number := getattr(error, "errno", None)) is not None:
        return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # Chroma, tantivy and SQLite give no number of the system's, and may not say it at all.
    if any(sign in reason for sign in ("No space", "full", "File too large")):
        return True
    return bool(written and written.is_dir() and not has_room(written))


def has_room(folder: Path) -> bool:
    """Return True if the disk of a folder has room for the little that opening an index takes."""
    return shutil.disk_usage(folder).free >= _NO_ROOM_BYTES


def _line(what: str, step: str) -> str:
    return f"{what}; {step}" if step else what
