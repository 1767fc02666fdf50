"""Every error that Footnote raises on purpose.

FootnoteError                     one line for a person: the thing, the value, the next step
├── ConfigError                   settings that cannot be used
├── QuestionError                 a question that cannot be asked
├── SourceError                   something to ingest that cannot be read at all
│   └── FetchError                a service that does not answer, or not as it should
├── PaperError                    a paper that is not there, or cannot be changed as asked
├── DatasetError                  an evaluation set with faults; all of them are listed
├── EmbeddingError                the embedder cannot be loaded, or returned something unusable
├── VerifierError                 the model of `llm.nli` cannot be loaded, or does not judge support
├── GenerationError               the language model did not answer; quotes take its place
└── IndexFolderError              the index folder cannot be used as it is
    ├── IndexMissingError         there is none here yet
    ├── IndexMismatchError        it was built with other settings
    ├── IndexDamagedError         a file of it cannot be read
    └── IndexBusyError            another process is writing it
"""

import shutil
from pathlib import Path

_NO_ROOM_BYTES = 1_000_000


class FootnoteError(Exception):
    """Base of all; its text is one line that a user can act on."""


class ConfigError(FootnoteError):
    """A settings file is absent or wrong; every wrong key is listed."""


class QuestionError(FootnoteError):
    """The question is empty, or longer than the settings allow."""


class SourceError(FootnoteError):
    """A source gave no usable record at all."""


class FetchError(SourceError):
    """A service could not be reached, or its answer cannot be used."""

    def __init__(self, message: str, *, retryable: bool, wait_s: float | None = None):
        super().__init__(message)
        self.retryable = retryable
        self.wait_s = wait_s
        """How long the service asks to wait; None when it does not say."""


class PaperError(FootnoteError):
    """A name or id means no paper of the catalogue or several, or it cannot be changed as asked."""


class DatasetError(FootnoteError):
    """An evaluation set cannot be used; every fault is listed."""


class EmbeddingError(FootnoteError):
    """The embedder cannot be loaded, or returned a vector that is not finite."""


class VerifierError(FootnoteError):
    """The entailment model cannot be loaded, or does not say what it entails."""


class GenerationError(FootnoteError):
    """A language model gave no answer; the text goes on after its name: `was too slow`."""


class IndexFolderError(FootnoteError):
    """The index folder cannot be used as it is."""


class IndexMissingError(IndexFolderError):
    """There is no index at the place named."""


class IndexMismatchError(IndexFolderError):
    """The index was built with other settings than those in force."""


class IndexDamagedError(IndexFolderError):
    """A file of the index cannot be read or written."""


class IndexBusyError(IndexFolderError):
    """Another process holds the index for writing."""


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
    no_room = any(sign in reason for sign in ("No space", "full", "File too large"))
    if done == "written" and folder and folder.is_dir() and not no_room:
        no_room = shutil.disk_usage(folder).free < _NO_ROOM_BYTES
    step = "free some space and run the command again" if no_room else "run `footnote rebuild`"
    where = f" {folder}" if folder else ""
    return IndexDamagedError(f"{place}{where} cannot be {done}: {reason}; {step}")
