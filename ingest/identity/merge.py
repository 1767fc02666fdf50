"""Group records into papers, and say what each paper then looks like.

Records are the nodes of a graph, and papers its connected parts. Two records are joined when they
share an arXiv id, a DOI, the whole abstract, or, weaker, the title or the beginning of the abstract
and nothing speaks against it. Likeness never brings two arXiv ids together. Whatever the order in
which records come, and whatever the batches, the same records give the same papers.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import inf
from typing import NamedTuple

from footnote.ingest.clean import clean_text
from footnote.ingest.identity.keys import (
    CROWD,
    AbstractWords,
    agree,
    content_fingerprint,
    identity_keys,
    is_weak,
    record_fingerprint,
)
from footnote.ingest.record import N_RANKS, SourceRecord, paper_url, source_rank
from footnote.rag.core.records import Paper, Sighting, paper_id
from footnote.rag.core.text import sentence_spans
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.stored import Part, Regrouping

# Raised when the same record would become another paper: cleaning or splitting changed. Parts that
# are marked otherwise are made anew when their record is taken in again.
CLEANING = "5"


class Join(NamedTuple):
    """Two records that are one paper, and what says so."""

    one: Part
    other: Part
    key: str
    """Such as `doi:10.1000/1`."""
    likeness: float
    """Share of the words of the shorter abstract that the other has too."""


def to_paper(record: SourceRecord) -> Paper:
    """Clean one record; its id follows from its title.

    Raises:
        ValueError: Nothing is left of its title or abstract.
    """
    title, abstract = clean_text(record.title), clean_text(record.abstract)
    authors = tuple(filter(None, map(clean_text, record.authors)))
    groups = set(map(clean_text, record.group_authors))
    return Paper(
        paper_id=paper_id(title),
        title=title,
        abstract=abstract,
        sentences=sentence_spans(abstract),
        titles=(record.title.strip(),),
        original_title=record.title.strip(),
        original_abstract=record.abstract.strip(),
        date=record.date,
        date_inferred=record.date_inferred,
        n_authors=record.n_authors or len(authors) or None,
        organisation=record.organisation,
        upvotes=record.upvotes,
        sightings=(record.sighting,),
        authors=authors,
        group_authors=tuple(name for name in authors if name in groups and " " in name),
        arxiv_id=record.arxiv_id,
        version_number=record.version_number,
        doi=record.doi,
        url=record.url,
        withdrawn=record.withdrawn,
        notice=record.notice and clean_text(record.notice),
        cite_keys=(record.cite_key,) if record.cite_key else (),
        tags=_cleaned_names(record.tags),
        collections=_cleaned_names(record.collections),
    )


def _cleaned_names(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(filter(None, map(clean_text, names)))))


def to_part(record: SourceRecord) -> Part:
    """Clean one record, and mark by which cleaning.

    Raises:
        ValueError: Nothing is left of its title or abstract.
    """
    return Part(record_fingerprint(record), to_paper(record), cleaning=CLEANING)


def merge_all(papers: Sequence[Paper], own_id: str) -> Paper:
    """Make one paper from all records of one work, a paper each; at least one.

    Of each field the best value stays, whichever came first. Title, abstract and authors are of the
    source that is believed most (`source_rank`); there, of the newest version that was not
    withdrawn, of several the longest. Then a date that spells out its year, of several one that
    tells a day, and the largest count. All sightings, titles, keys, tags and collections are kept.
    """
    newest = max(papers, key=_abstract_rank)
    title = max(papers, key=_title_rank)
    dated = min(papers, key=_date_rank)
    authors = max(papers, key=_authors_rank).authors
    # What one source writes as a plain name another may know for a group's.
    groups = {name for p in papers for name in p.group_authors}
    arxiv_id, doi = _first(p.arxiv_id for p in papers), _first(p.doi for p in papers)
    return Paper(
        paper_id=own_id,
        title=title.title,
        abstract=newest.abstract,
        sentences=newest.sentences,
        titles=tuple(sorted({name for p in papers for name in p.titles})),
        original_title=title.original_title,
        original_abstract=newest.original_abstract,
        date=dated.date,
        date_inferred=dated.date_inferred,
        n_authors=_largest(p.n_authors for p in papers),
        organisation=_first(p.organisation for p in papers),
        upvotes=_largest(p.upvotes for p in papers),
        sightings=_union(p.sightings for p in papers),
        authors=authors,
        group_authors=tuple(name for name in authors if name in groups),
        arxiv_id=arxiv_id,
        version_number=newest.version_number,
        doi=doi,
        url=paper_url(arxiv_id, doi) or _first(p.url for p in papers),
        withdrawn=_is_withdrawn(papers),
        notice=_first(p.notice for p in papers),
        cite_keys=tuple(sorted({key for p in papers for key in p.cite_keys})),
        tags=tuple(sorted({tag for p in papers for tag in p.tags})),
        collections=tuple(sorted({name for p in papers for name in p.collections})),
    )


def papers_of(parts: Iterable[Part]) -> list[list[Part]]:
    """Return the parts of each paper; the same for any order of `parts`, sorted by their ids."""
    return _Grouping(parts).groups()


def joins_of(parts: Iterable[Part]) -> list[Join]:
    """Say why the parts of one paper are one: each further part with what joined it."""
    return _Grouping(parts).joins


def regroup(new: Iterable[Part], catalogue: Catalogue) -> Regrouping:
    """Work out how a catalogue changes that takes in these parts, or these in place of its own.

    A part that takes the place of one which was told apart from others stays so.
    """
    parts = {part.part_id: part for part in new}
    known = _connected(parts.values(), catalogue)
    held = catalogue.parts_of(known.values())
    owner = {part.part_id: i for i, kept in held.items() for part in kept}
    old = {part.part_id: part for kept in held.values() for part in kept}
    parts = old | {i: _as_told_apart(part, old.get(i)) for i, part in parts.items()}
    keys = {key for part in parts.values() for key in identity_keys(part.paper)}
    crowded = catalogue.crowded(filter(is_weak, keys), shared_by=CROWD)
    groups = _Grouping(parts.values(), crowded).groups()
    ids = _ids(groups, owner, catalogue)
    changed = {i: group for i, group in zip(ids, groups, strict=True) if group != held.get(i)}
    return Regrouping(
        papers=[
            (
                merge_all([part.paper for part in group], i),
                frozenset().union(*(identity_keys(part.paper) for part in group)),
            )
            for i, group in changed.items()
        ],
        parts=changed,
        aliases=_aliases(changed, owner, catalogue),
        gone=sorted(known.keys() - set(ids)),
    )


def split(parts: Sequence[Part]) -> list[Part]:
    """Tell the parts of one paper apart for good; records with the same text stay together."""
    return [part._replace(apart=content_fingerprint(part.paper)) for part in parts]


def _as_told_apart(part: Part, before: Part | None) -> Part:
    return part._replace(apart=before.apart) if before and part.apart is None else part


class _Grouping:
    """Joins parts, strongest evidence first, each pair by the first key that allows it."""

    def __init__(self, parts: Iterable[Part], crowded: frozenset[str] | set[str] = frozenset()):
        self.parts = {p.part_id: p for p in sorted(parts, key=lambda p: p.part_id)}
        self.joins: list[Join] = []
        self._root = {part_id: part_id for part_id in self.parts}
        self._apart = {i: {p.apart} - {None} for i, p in self.parts.items()}
        self._arxiv = {i: {p.paper.arxiv_id} - {None} for i, p in self.parts.items()}
        self._texts = {i: AbstractWords(p.paper) for i, p in self.parts.items()}
        by_key: defaultdict[str, list[str]] = defaultdict(list)
        for part_id, part in self.parts.items():
            for key in (*identity_keys(part.paper), f"same:{content_fingerprint(part.paper)}"):
                if key not in crowded:
                    by_key[key].append(part_id)
        shared = {key: ids for key, ids in sorted(by_key.items()) if len(ids) > 1}
        for kind in ("same", "arxiv", "doi", "abstract"):
            self._join_strongly({k: i for k, i in shared.items() if k.startswith(f"{kind}:")})
        self._join_weakly({k: i for k, i in shared.items() if is_weak(k)})

    def groups(self) -> list[list[Part]]:
        groups: defaultdict[str, list[Part]] = defaultdict(list)
        for part_id, part in self.parts.items():
            groups[self._find(part_id)].append(part)
        return list(groups.values())

    def _join_strongly(self, shared: Mapping[str, list[str]]) -> None:
        for key, ids in shared.items():
            # Beside the first, those that may not join it may join each other.
            leaders = [ids[0]]
            for part_id in ids[1:]:
                if not any(self._join(leader, part_id, key) for leader in leaders):
                    leaders.append(part_id)

    def _join_weakly(self, shared: Mapping[str, list[str]]) -> None:
        pairs: list[tuple[float, str, str, str]] = []
        for key, ids in shared.items():
            if len(ids) > CROWD:
                ids = self._one_a_group(ids)
            if len(ids) > CROWD:
                continue
            for one, other in combinations(ids, 2):
                if self._find(one) == self._find(other):
                    continue
                likeness = self._texts[one].likeness(self._texts[other])
                if agree(key, self.parts[one].paper, self.parts[other].paper, likeness):
                    pairs.append((-likeness, one, other, key))
        for _, one, other, key in sorted(pairs):
            self._join(one, other, key)

    def _one_a_group(self, ids: list[str]) -> list[str]:
        return list({self._find(i): i for i in reversed(ids)}.values())

    def _join(self, one: str, other: str, key: str) -> bool:
        """Join two parts, and return True if both are one paper now."""
        root, leaf = self._find(one), self._find(other)
        if root == leaf:
            return True
        if len(self._apart[root] | self._apart[leaf]) > 1:
            return False
        ours, theirs = self._arxiv[root], self._arxiv[leaf]
        if not key.startswith(("arxiv:", "doi:")) and not (ours <= theirs or theirs <= ours):
            return False
        self._root[leaf] = root
        self._apart[root] |= self._apart[leaf]
        self._arxiv[root] |= self._arxiv[leaf]
        likeness = self._texts[one].likeness(self._texts[other])
        self.joins.append(Join(self.parts[one], self.parts[other], key, likeness))
        return True

    def _find(self, part_id: str) -> str:
        while (root := self._root[part_id]) != part_id:
            self._root[part_id] = self._root[root]
            part_id = root
        return part_id


def _connected(parts: Iterable[Part], catalogue: Catalogue) -> dict[str, Paper]:
    """Find papers that share a key with the parts, or with such a paper, and so on."""
    found: dict[str, Paper] = {}
    keys = {key for part in parts for key in identity_keys(part.paper)}
    # Parts that are taken in again may be of papers that share no key with them any more.
    owners = catalogue.papers_of_records(part.part_id for part in parts).values()
    fresh = catalogue.get(owners)
    keys -= catalogue.crowded((k for k in keys if is_weak(k)), shared_by=CROWD)
    while True:
        fresh |= {p.paper_id: p for p in catalogue.find(keys) if p.paper_id not in found}
        if not fresh:
            return found
        found |= fresh
        keys = catalogue.keys_of(fresh, shared_by=CROWD)
        fresh = {}


def _ids(groups: list[list[Part]], owner: Mapping[str, str], catalogue: Catalogue) -> list[str]:
    """Give an id to each group: the oldest that its parts had, or one that follows from them.

    An id that several groups lay claim to stays with the one that it follows from, if any.
    """
    ids: dict[int, str] = {}
    natural = [_natural_ids(group) for group in groups]
    claims: defaultdict[str, list[int]] = defaultdict(list)
    for at, group in enumerate(groups):
        for paper in {owner[p.part_id] for p in group if p.part_id in owner}:
            claims[paper].append(at)
    for paper in catalogue.oldest_first(claims):
        free = [at for at in claims[paper] if at not in ids]
        if free:
            ids[min(free, key=lambda at: (paper not in natural[at], at))] = paper
    new = [at for at in range(len(groups)) if at not in ids]
    wanted = {i for at in new for i in natural[at]}
    taken = {*ids.values(), *catalogue.known(wanted)}
    for at in new:
        ids[at] = next(i for i in natural[at] if i not in taken)
        taken.add(ids[at])
    return [ids[at] for at in range(len(groups))]


def _natural_ids(group: Sequence[Part]) -> list[str]:
    """Return ids that follow from the parts, best first; the last one is nobody else's."""
    papers = [part.paper for part in group]
    ids = [f"arxiv:{i}" for i in sorted({p.arxiv_id for p in papers if p.arxiv_id})]
    ids += [f"doi:{i}" for i in sorted({p.doi for p in papers if p.doi})]
    whole = merge_all(papers, "-")
    ids += dict.fromkeys([paper_id(whole.title), *sorted(p.paper_id for p in papers)])
    own = f"title:{content_fingerprint(whole)}"
    return [*ids, own, f"{own}-{min(part.part_id for part in group)}"]


def _aliases(
    groups: Mapping[str, list[Part]], owner: Mapping[str, str], catalogue: Catalogue
) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for own, group in groups.items():
        former = {owner[p.part_id] for p in group if p.part_id in owner}
        names = {*former, *_natural_ids(group)[:-2]}
        for i in former:
            names.update(catalogue.aliases_of(i))
        for name in names - groups.keys():
            aliases.setdefault(name, own)
    return aliases


def _abstract_rank(paper: Paper) -> tuple[object, ...]:
    return (*_text_rank(paper), len(paper.abstract), paper.abstract)


def _title_rank(paper: Paper) -> tuple[object, ...]:
    return (*_text_rank(paper), len(paper.title), paper.title)


def _text_rank(paper: Paper) -> tuple[int, bool, int]:
    # The source first: a version is what a record says of itself. Of one source's versions a
    # withdrawn one may have a note for its abstract; the text that was cited is the one before.
    return _source_rank(paper), not paper.withdrawn, paper.version_number or 0


def _authors_rank(paper: Paper) -> tuple[object, ...]:
    names = paper.authors
    return (bool(names), _source_rank(paper), len(names), names)


def _date_rank(paper: Paper) -> tuple[object, ...]:
    written = str(paper.date)  # the longer the more it tells
    return paper.date is None, paper.date_inferred, -len(written), written


def _source_rank(paper: Paper) -> int:
    return max(map(source_rank, paper.sightings), default=0)


def _is_withdrawn(papers: Sequence[Paper]) -> bool:
    """Return True unless a source that is believed as much has a version after each withdrawal."""
    last = [0] * N_RANKS
    for paper in papers:
        for rank in range(_source_rank(paper) + 1):
            last[rank] = max(last[rank], paper.version_number or 0)
    withdrawn = (paper for paper in papers if paper.withdrawn)
    return any((p.version_number or inf) >= last[_source_rank(p)] for p in withdrawn)


def _union(several: Iterable[tuple[Sighting, ...]]) -> tuple[Sighting, ...]:
    seen = sorted((s for sightings in several for s in sightings), key=source_rank)
    by_place = {(s.source, s.day or ""): s for s in seen}
    return tuple(by_place[place] for place in sorted(by_place))


def _largest(values: Iterable[int | None]) -> int | None:
    return max((v for v in values if v is not None), default=None)


def _first(values: Iterable[str | None]) -> str | None:
    return min(filter(None, values), default=None)
