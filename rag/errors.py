"""Every error that Footnote raises on purpose.

FootnoteError                     one line for a person: the thing, the value, the next step
├── ConfigError                   settings that cannot be used
├── QuestionError                 a question that cannot be asked
├── SourceError                   something to ingest that cannot be read at all
├── DatasetError                  an evaluation set with faults; all of them are listed
├── EmbeddingError                the embedder cannot be loaded, or returned something unusable
├── GenerationError               the language model did not answer; quotes take its place
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


class DatasetError(FootnoteError):
    """An evaluation set cannot be used; every fault is listed."""


class EmbeddingError(FootnoteError):
    """The embedder cannot be loaded, or returned a vector that is not finite."""


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
