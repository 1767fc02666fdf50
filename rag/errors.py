"""Every error that Footnote raises on purpose.

FootnoteError                     one line for a person: the thing, the value, the next step
├── ConfigError                   settings that cannot be used
├── QuestionError                 a question that cannot be asked
├── SourceError                   something to ingest that cannot be read at all
│   └── FetchError                a service that does not answer, or not as it should
├── PaperError                    a paper that is not there, or cannot be changed as asked
├── DatasetError                  an evaluation set with faults; all of them are listed
├── EmbeddingError                the embedder cannot be loaded, or returned something unusable
└── IndexFolderError                   the index folder cannot be used as it is
    ├── IndexMissingError         there is none here yet
    ├── IndexMismatchError        it was built with other settings
    ├── IndexDamagedError         a file of it cannot be read
    └── IndexBusyError            another process is writing it
"""


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
    """No paper has this id, or it cannot be changed as asked."""


class DatasetError(FootnoteError):
    """An evaluation set cannot be used; every fault is listed."""


class EmbeddingError(FootnoteError):
    """The embedder cannot be loaded, or returned a vector that is not finite."""


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
