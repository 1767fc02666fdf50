"""Words of papers, kept by tantivy and searched by BM25."""

import errno
import json
import math
import re
import shutil
import unicodedata
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import tantivy
from tantivy import Filter, Occur, Query

from footnote.rag.core.errors import IndexDamagedError, is_fault, unusable
from footnote.rag.core.records import Paper
from footnote.rag.index.readonly import drop_with, is_writable, stand_in
from footnote.rag.index.sharding import Item, split

# Whole numbers keep their fraction: `1.91` is one word, and so is `W4A4KV4`.
_WORD_PATTERN = r"\d+(?:[.,]\d+)+|[\p{L}\p{N}]+"
_ANALYZER = "english"
# `LLMs`, `GPUs`: the stemmer takes their s for a part of the word, which has no other vowel.
_PLURAL = re.compile(r"\b([A-Z][A-Za-z0-9]*[A-Z0-9])s\b")
_VOWELS = frozenset("aeiouy")
_WRITER_BYTES = 50_000_000
# Shorter words are one edit away from too many others: `raft` from `draft`.
_MIN_FUZZY = 5
# Longer ones are no slip of another word, and what matches them takes a gigabyte to make.
_MAX_FUZZY = 40
# tantivy's BM25 multiplies a term's idf by at most k1 + 1, however often it is said.
_MOST_A_TERM = 1.2 + 1
# What a likely misspelling counts of what the word itself would; 0.5 lost on two data sets.
_MISSPELT = 0.2
_LOCK = ".tantivy-writer.lock"
_META = "meta.json"
_FOREIGN = 0.01
# Papers of one score that are looked at where a search ends among them, in times its depth.
_TIED = 10
# Papers that a search names; where more may be found, so many times as many as are asked for are
# looked at before, among all.
_MOST_NAMED = 5_000
_WIDER = 4, 16
# How often shards are opened that are written each time.
_TRIES = 5
# Words whose rarity is kept, some bytes each.
_KEPT = 10_000


class _Shard(NamedTuple):
    folder: Path
    opened: tantivy.Index


class BM25Index:
    """Titles and abstracts by their stemmed words. One writer at a time, any number of readers.

    Shards are read as one index, whose segments are those of all: a term is as rare, and a paper as
    long, as among all papers, and so a score does not depend on how many shards there are.
    """

    def __init__(self, *folders: Path):
        """Open the index in these folders, one a shard, or make it.

        Raises:
            IndexDamagedError: tantivy cannot use a folder.
        """
        self._folders = folders
        self._to_read: tantivy.Index | None = None
        self._idf: dict[str, float] = {}
        self._metas: list[dict[str, Any]] = []
        self._drop: Callable[[], object] | None = None
        with self._explained():
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            self._is_writable = all(map(is_writable, folders))
            if self._is_writable and not all((folder / _META).is_file() for folder in folders):
                _ = self._shards
            _ = self._index

    def __len__(self) -> int:
        """Count the papers."""
        with self._explained():
            return self._index.searcher().num_docs

    def replace(self, papers: Iterable[Paper]) -> None:
        """Add papers, each in place of any older version; all are searchable on return."""
        for shard, own in self._split(papers, lambda paper: paper.paper_id):
            with self._writing(shard) as writer:
                for paper in own:
                    writer.delete_documents_by_term("paper_id", paper.paper_id)
                    writer.add_document(
                        tantivy.Document(
                            paper_id=paper.paper_id,
                            text=_folded(f"{paper.title}\n{paper.abstract}"),
                        )
                    )

    def remove(self, paper_ids: Iterable[str]) -> None:
        """Delete papers; those that are not here are passed over."""
        for shard, own in self._split(paper_ids, str):
            with self._writing(shard) as writer:
                for paper_id in own:
                    writer.delete_documents_by_term("paper_id", paper_id)

    def paper_ids(self) -> set[str]:
        """Return the ids of all papers."""
        with self._explained():
            searcher = self._index.searcher()
            found = searcher.search(Query.all_query(), max(searcher.num_docs, 1))
            return {searcher.doc(at)["paper_id"][0] for _, at in found.hits}

    @cached_property
    def _shards(self) -> list[_Shard]:
        return [_Shard(folder, _opened(folder)) for folder in self._folders]

    @property
    def _index(self) -> tantivy.Index:
        """All shards as one index, as it is now."""
        if (to_read := self._to_read) is None:
            self._idf = {}
            to_read = self._to_read = self._opened_to_read()
        return to_read

    def _opened_to_read(self) -> tantivy.Index:
        if self._is_writable and len(self._folders) == 1:
            self._metas = _metas(self._folders)
            return self._shards[0].opened
        # tantivy takes a lock to read, which is a file it makes.
        metas, made, opened = _joined(self._folders)
        before, self._drop = self._drop, drop_with(self, made)
        self._metas = metas
        if before:  # what was opened before the last change
            before()
        return opened

    def _split(
        self, items: Iterable[Item], paper_of: Callable[[Item], str]
    ) -> Iterator[tuple[_Shard, list[Item]]]:
        if not self._is_writable:
            with self._explained("written"):
                raise OSError(errno.EROFS, "it may only be read")
        return split(items, paper_of, self._shards)

    @contextmanager
    def _writing(self, shard: _Shard) -> Generator[tantivy.IndexWriter]:
        """Collect changes; all are made at once when this ends, or none."""
        with self._explained("written"):
            writer = shard.opened.writer(_WRITER_BYTES, 1)
            yield writer
            writer.commit()
            writer.wait_merging_threads()
            # tantivy makes these for its own user alone, and all others for whoever may read.
            for name in (_META, ".managed.json"):
                shutil.copymode(shard.folder / _LOCK, shard.folder / name)
            shard.opened.reload()
            self._to_read = None

    def terms(self, text: str) -> list[str]:
        """Return the words of a text as searched: stemmed, without stop words, in order."""
        return list(_terms(text))

    def n_papers_with(self, term: str) -> int:
        """Count the papers that hold this term, with versions that were replaced of late."""
        with self._explained():
            return self._index.searcher().doc_freq("text", term)

    def _n_counted(self) -> int:
        """Count the papers as tantivy does for BM25: with those replaced and not merged away."""
        with self._explained():
            _ = self._index
            return sum(segment["max_doc"] for meta in self._metas for segment in meta["segments"])

    def idf(self, term: str) -> float:
        """Return how rare a term is, as BM25 counts it; above 0, largest where nothing holds it.

        A paper that was replaced or removed counts until tantivy merges its segment, among all and
        among those that hold a term, as it does in tantivy's own scores.

        One in a script that no paper uses tells nothing of what is asked, and counts for nothing.
        """
        with self._explained():
            _ = self._index  # forgets what was counted of another
        counted = self._idf
        if term not in counted:
            if len(counted) >= _KEPT:
                counted.clear()
            counted[term] = self._counted_idf(term)
        return counted[term]

    def _counted_idf(self, term: str) -> float:
        n_with = max(map(self.n_papers_with, _numbers(term)))
        if not n_with and not term.isascii():
            return _FOREIGN
        # What has been counted since by another process may be more than was when this was opened.
        n_without = max(self._n_counted() - n_with, 0)
        return math.log(1 + (n_without + 0.5) / (n_with + 0.5))

    @property
    def largest_idf(self) -> float:
        """The inverse document frequency of a term that one paper alone has."""
        return math.log(1 + (len(self) - 0.5) / 1.5) if len(self) else 0.0

    def knows(self, name: str, only: frozenset[str] | None = None) -> bool:
        """Return True if each word of a name, or a likely misspelling of it, is in some paper.

        Args:
            name: Any text.
            only: Ids of the papers that are looked in; None for all.
        """
        with self._explained():
            queries = [self._query(term) for term in self.terms(name)]
            return all(self._found(each, 1, only) for each in queries)

    def is_misspelt(self, word: str) -> bool:
        """Return True if no paper has a word, but one has a word that is spelled nearly so."""
        return not any(map(self._is_held, self.terms(word))) and self.knows(word)

    def _is_held(self, term: str) -> bool:
        """Return True if a paper holds a term in any number."""
        return any(map(self.n_papers_with, _numbers(term)))

    def finds(self, paper_id: str, text: str) -> bool:
        """Return True if a search for words of a text finds this paper, however many others."""
        own = Query.term_query(self._index.schema, "paper_id", paper_id)
        any_of = [(Occur.Should, self._query(term)) for term in self.terms(text)]
        with self._explained():
            both = [(Occur.Must, own), (Occur.Must, Query.boolean_query(any_of))]
            return bool(self._index.searcher().search(Query.boolean_query(both), 1).hits)

    def holding(self, text: str) -> list[str]:
        """Return the ids of the papers that hold every word of a text in some form, sorted.

        None hold a text without words that are searched for, such as `the of`.
        """
        terms = dict.fromkeys(self.terms(text))
        with self._explained():
            if not terms:
                return []
            all_of = [(Occur.Must, self._in_any_form(term)) for term in terms]
            searcher = self._index.searcher()
            found = searcher.search(Query.boolean_query(all_of), max(searcher.num_docs, 1))
            return sorted(searcher.doc(at)["paper_id"][0] for _, at in found.hits)

    def search(
        self, question: str, *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Return ids and scores of the papers that share words with the question, best first.

        Args:
            question: Any text.
            depth: Papers at most.
            only: Ids of the papers that may be found, which changes no score; None for all.

        Returns:
            BM25 as a share of the most that these words can give, in (0, 1]: so it says how much
            of the question a paper covers, and scores of two questions can be compared. Ties go to
            the smaller id.
        """
        with self._explained():
            terms = list(dict.fromkeys(self.terms(question)))
            most = sum(self.idf(term) for term in terms) * _MOST_A_TERM
            query = Query.boolean_query([(Occur.Should, self._query(term)) for term in terms])
            found = self._found(query, depth, only)
            return [(paper_id, min(score / most, 1.0)) for paper_id, score in found]

    def _found(
        self, query: Query, depth: int, only: frozenset[str] | None
    ) -> list[tuple[str, float]]:
        """Find as `_best` does, of these papers alone; None for all."""
        searcher = self._index.searcher()
        if only is None:
            return _best(searcher, query, depth)
        if len(only) > _MOST_NAMED:
            for times in _WIDER:
                found = _best(searcher, query, times * depth)
                among = [each for each in found if each[0] in only]
                if len(among) >= depth or len(found) < times * depth:
                    return among[:depth]
        named = [(Occur.Must, query), (Occur.Must, self._one_of(only))]
        return _best(searcher, Query.boolean_query(named), depth)

    @contextmanager
    def _explained(self, done: str = "used") -> Generator[None]:
        # tantivy raises plain ValueErrors for files that are damaged or gone, or panics.
        try:
            yield
        except IndexDamagedError:
            raise
        except BaseException as error:
            if not is_fault(error):
                raise
            raise unusable("word index", self._folders[0], error, done) from error

    def _one_of(self, paper_ids: frozenset[str]) -> Query:
        """Match these papers, with nothing added to what they score."""
        among = Query.term_set_query(self._index.schema, "paper_id", list(paper_ids))
        return Query.const_score_query(among, 0.0)

    def _query(self, term: str) -> Query:
        """Match a term, or, where no paper holds it, what it may be a misspelling of."""
        is_fuzzy = term.isalpha() and _MIN_FUZZY <= len(term) <= _MAX_FUZZY
        if is_fuzzy and not self._is_held(term):
            edits = 1 if len(term) < 2 * _MIN_FUZZY else 2
            schema = self._index.schema
            fuzzy = Query.fuzzy_term_query(schema, "text", term, distance=edits)
            return Query.boost_query(fuzzy, _MISSPELT * _MOST_A_TERM * self.idf(term))
        return self._in_any_form(term)

    def _in_any_form(self, term: str) -> Query:
        """Match a term, in both numbers where it is one such as `gpu`."""
        schema = self._index.schema
        forms = [form for form in _numbers(term) if form == term or self.n_papers_with(form)]
        each = [Query.term_query(schema, "text", form) for form in forms]
        return each[0] if len(each) == 1 else Query.disjunction_max_query(each)


def _opened(folder: Path) -> tantivy.Index:
    index = tantivy.Index(_schema(), str(folder))
    index.register_tokenizer(_ANALYZER, _analyzer())
    return index


def _metas(folders: Sequence[Path]) -> list[dict[str, Any]]:
    return [json.loads((folder / _META).read_bytes()) for folder in folders]


class _Joined(NamedTuple):
    metas: list[dict[str, Any]]
    folder: Path
    opened: tantivy.Index


def _joined(folders: Sequence[Path]) -> _Joined:
    """Open an index that has links to the files of several, and names the segments of them all.

    A commit meanwhile may delete what was to be opened; it is then done again.
    """
    for tries_left in reversed(range(_TRIES)):
        # Before the links are made: what is committed in between has only more files.
        metas = _metas(folders)
        made = stand_in(*folders, copied="*.json")
        try:
            _name_all(metas, made)
            return _Joined(metas, made, _opened(made))
        except BaseException:  # Rust panics are no Exceptions
            shutil.rmtree(made, ignore_errors=True)
            if not tries_left or metas == _metas(folders):
                raise
    raise AssertionError


def _name_all(metas: Sequence[dict[str, Any]], made: Path) -> None:
    segments = [segment for own in metas for segment in own["segments"]]
    newest = max(own["opstamp"] for own in metas)
    (made / _META).write_text(json.dumps(metas[0] | {"segments": segments, "opstamp": newest}))


def _best(searcher: tantivy.Searcher, query: Query, depth: int) -> list[tuple[str, float]]:
    """Find the papers that score most, ids with scores, best first; ties by id.

    tantivy orders ties by where they lie, which is by what was written when. Where the last one
    ties with the next, more of these are looked at.
    """
    hits = searcher.search(query, depth + 1).hits
    if len(hits) > depth and hits[-1][0] == hits[-2][0]:
        hits = searcher.search(query, _TIED * depth).hits
    least = hits[:depth][-1][0] if hits else 0.0
    found = [(searcher.doc(at)["paper_id"][0], score) for score, at in hits if score >= least]
    return sorted(found, key=lambda each: (-each[1], each[0]))[:depth]


@cache
def _analyzer() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(_WORD_PATTERN))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stopword("english"))
        .filter(Filter.stemmer("english"))
        .build()
    )


# An answer reads some 120 texts, most of them sentences that others have read.
@lru_cache(maxsize=4096)
def _terms(text: str) -> tuple[str, ...]:
    return tuple(_analyzer().analyze(_PLURAL.sub(r"\1", _folded(text))))


def _numbers(term: str) -> list[str]:
    """Return a term as stemmed, and its other number where the stemmer leaves that apart.

    The s of `llms` and `gpus` stays, since no vowel stands before it but right before it
    (M. F. Porter, The English (Porter2) stemming algorithm, step 1a).
    """
    base = term.removesuffix("s")
    is_left = len(base) > 1 and base.isalnum() and not _VOWELS.intersection(base[:-1])
    if not is_left or term.endswith("ss"):
        return [term]
    return [term, f"{term}s" if base == term else base]


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("paper_id", stored=True, tokenizer_name="raw")
    builder.add_text_field("text", tokenizer_name=_ANALYZER, index_option="freq")
    return builder.build()


def _folded(text: str) -> str:
    # NFKC: `M³ViT` and `M3ViT` are one word.
    return unicodedata.normalize("NFKC", text)
