"""Counts by what records tell, what they tell on average, and what papers are about."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, median

from footnote.rag.answering.asked_papers import (
    AUTHORS,
    DATE,
    NAMES,
    ORGANISATION,
    UPVOTES,
    AskedPapers,
    Lack,
)
from footnote.rag.answering.asked_topic import has_in_a_row
from footnote.rag.answering.paper_rows import (
    PAGE,
    ShownPapers,
    all_shown,
    answer,
    capital,
    counted,
    enumerated,
    page_of,
    refused,
    shares,
    shown,
    with_counts,
    with_papers,
)
from footnote.rag.answering.phrases import common_phrases, common_words
from footnote.rag.core.records import Answer, Block, Cell
from footnote.rag.core.request import Filters, Group
from footnote.rag.core.text import identity_key
from footnote.rag.index.facts import Facts

_NOT_TOLD = (
    "Not on record: full texts, venues, languages, licences, what a field means beyond its name,"
    " who put the papers together, and when."
)
# Phrases of more titles are counted in every second one, or third, and so on.
_MOST_TITLES = 20_000
# Of so many years each month is told, whether or not months are asked for.
_FEW_YEARS = 2
# What a line names of what titles speak of.
_FEW_PHRASES = 5
# More that are level are no peak.
_FEW_LEVEL = 3
# Of so many years the share of a topic is told, and what titles speak of.
_LAST_YEARS = 5
_JUNE = 6


def by_year(asked: AskedPapers) -> Answer:
    """Count the papers of each year, and of each month where few years are asked of; last first."""
    group = asked.request.each
    if group is Group.ORGANISATION or group is Group.SOURCE:
        return by_group(asked, group)
    years = Counter(p.year for p in asked.papers if p.year)
    months = Counter(p.month for p in asked.papers if p.month)
    tables = [("Year", sorted(years.items(), reverse=True))]
    is_short = len(years) <= _FEW_YEARS and len(months) > 1
    is_monthly = asked.request.each is Group.MONTH
    if is_monthly or is_short:
        by_month = ("Month", sorted(months.items(), reverse=True))
        tables = [by_month, *tables] if is_monthly else [*tables, by_month]
    said = [*_busiest(years, months), *([] if asked.has_topic else _years_without(years))]
    if asked.has_topic:
        said += _trend(asked, years)
    elif is_short:
        said += _half_years(months)
    if asked.has_topic and asked.papers and not years and not asked.skip:
        # Which they are is told, where nothing is known of when.
        text = " ".join([asked.all_counted(), nothing_known(asked, DATE)])
        return with_papers(asked, asked.nearest_first(asked.papers), text)
    page: ShownPapers | None = None
    if asked.has_topic and sum(years.values()) <= PAGE and not asked.skip:
        # How a topic went on is told by its papers, where these are not many.
        dated = (p for p in asked.papers if p.date)
        page = shown(asked, sorted(dated, key=lambda p: p.date or ""))
    return _tally(asked, tables, DATE, said, page)


def by_group(asked: AskedPapers, group: Group) -> Answer:
    """Count the papers of each year, month, organisation or source."""
    if group is Group.SOURCE:
        return by_source(asked)
    if group is Group.ORGANISATION:
        return by_organisation(asked)
    return by_year(asked)


def grouped(asked: AskedPapers, papers: Iterable[Facts], group: Group) -> dict[str, list[Facts]]:
    """Return papers by year or month, the last first, or by organisation or source, most first.

    Those of which it is not known are left out; one that was seen in several sources is in each.
    """
    papers = [*papers]
    names: Mapping[str, Sequence[str | None]]
    if group is Group.SOURCE:
        names = asked.catalogue.sources([p.paper_id for p in papers])
    elif group is Group.ORGANISATION:
        spelled = {name.casefold(): name for name, _ in _organisations(papers)}
        names = {p.paper_id: [spelled[p.organisation.casefold()]] for p in papers if p.organisation}
    else:
        names = {p.paper_id: [p.year if group is Group.YEAR else p.month] for p in papers}
    found: dict[str, list[Facts]] = {}
    for paper in papers:
        for name in filter(None, names.get(paper.paper_id, ())):
            found.setdefault(name, []).append(paper)
    if group in (Group.YEAR, Group.MONTH):
        return dict(sorted(found.items(), reverse=True))
    return dict(sorted(found.items(), key=lambda pair: most_first((pair[0], len(pair[1])))))


def _busiest(years: Mapping[str, int], months: Mapping[str, int]) -> list[str]:
    """Say which year and which month most papers are of, unless there are few, or many level."""
    said: list[str] = []
    for counts, what in ((years, "year"), (months, "month")):
        most = max(counts.values(), default=0)
        names = sorted(name for name, n in counts.items() if n == most)
        if sum(counts.values()) > PAGE and len(names) <= min(_FEW_LEVEL, len(counts) - 1):
            each = " each" * (len(names) > 1)
            said.append(f"the {what}{'s' * bool(each)} {enumerated(names)} ({most:,}{each})")
    return [f"Most are of {enumerated(said)}."] if said else []


def _trend(asked: AskedPapers, years: Mapping[str, int]) -> list[str]:
    """Say how a topic went on: of which year most are, and its share of each of the last years."""
    if len(years) <= 1:
        return []
    most = max(years.values())
    named = sorted(year for year, n in years.items() if n == most)
    said: list[str] = []
    if len(named) <= min(_FEW_LEVEL, len(years) - 1) and sum(years.values()) <= PAGE:
        said.append(f"Most are of {enumerated(named)} ({most:,}{' each' * (len(named) > 1)}).")
    every = Counter(p.year for p in asked.catalogue.facts(asked.catalogue.matching(Filters())))
    last = sorted(years)[-_LAST_YEARS:]
    told = [f"{100 * years[year] / every[year]:.0f}% of those of {year}" for year in last]
    return [*said, f"Of all papers with a date they are {enumerated(told)}."]


def _half_years(months: Mapping[str, int]) -> list[str]:
    """Say how many papers are of each half of a year, the first first; nothing where few are."""
    if sum(months.values()) <= PAGE:
        return []
    halves = Counter[str]()
    for month, n in months.items():
        year, _, of_year = month.partition("-")
        halves[f"the {'first' if int(of_year) <= _JUNE else 'second'} half of {year}"] += n
    in_order = sorted(halves.items(), key=lambda pair: (pair[0][-4:], pair[0]))
    return [f"By half-year: {', '.join(f'{n:,} in {name}' for name, n in in_order)}."]


def _years_without(years: Mapping[str, int]) -> list[str]:
    """Say which years between the first and the last have no paper, where these are not many."""
    known = sorted(map(int, years))
    missing = [str(y) for y in range(known[0], known[-1]) if y not in known] if known else []
    if not 0 < len(missing) <= PAGE:
        return []
    return [f"None {'is' if len(missing) == 1 else 'are'} of {enumerated(missing, 'or')}."]


def by_source(asked: AskedPapers) -> Answer:
    """Count the papers that were seen in each source, most first."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    sources = asked.catalogue.names("source", [p.paper_id for p in asked.papers])
    if asked.skip >= len(sources):
        return refused(asked, all_shown(len(sources)))
    said = [asked.all_counted()]
    n_seen = sum(sources.values())
    if n_seen > len(asked.papers):
        said.append(f"Some were seen in several: {n_seen:,} sightings.")
    elif len(sources) > 1:
        said.append("Each was seen in one alone.")
    return with_counts(asked, " ".join(said), ("Seen in", [*sources.items()]))


def by_organisation(asked: AskedPapers) -> Answer:
    """Count the papers of each organisation, most first."""
    said = of_organisations(asked)
    return _tally(asked, [("Organisation", _organisations(asked.papers))], ORGANISATION, said)


def of_organisations(asked: AskedPapers) -> list[str]:
    """Say how many papers are of each of several organisations that are named, most first.

    Those of filters are counted among the papers asked about; alternatives, which are words that
    papers say, among all.
    """
    names = asked.organisations or [side.text for side in asked.sides]
    if len(names) <= 1:
        return []
    own = {p.paper_id for p in asked.papers} if asked.organisations else None
    counts = Counter[str]()
    for name in names:
        of_it = asked.catalogue.matching(Filters(organisation=name))
        counts[name] = len(of_it if own is None else of_it & own)
    if not all(counts.values()):
        return []
    said = shares(sorted(counts.items(), key=most_first))
    return [f"By organisation: {said}." if own is None else f"{said}."]


def _organisations(papers: Iterable[Facts]) -> list[tuple[str, int]]:
    """Count papers by organisation, in any case, shown as most write it; most papers first."""
    written = Counter(p.organisation for p in papers if p.organisation)
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for name, n in sorted(written.items(), key=most_first):
        counts[name.casefold()] += n
        spelled.setdefault(name.casefold(), name)
    return sorted(((spelled[key], n) for key, n in counts.items()), key=most_first)


def most_first(pair: tuple[str, int]) -> tuple[int, str, str]:
    """Return what sorts names with counts, most first."""
    name, n = pair
    return -n, name.casefold(), name


def _tally(
    asked: AskedPapers,
    tables: Sequence[tuple[str, Sequence[tuple[str, int]]]],
    lack: Lack,
    said: Sequence[str] = (),
    page: ShownPapers | None = None,
) -> Answer:
    """Answer with how many papers have each of some names, how many none, and a page of papers."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    longest = max(len(counts) for _, counts in tables)
    if not longest:
        return refused(asked, nothing_known(asked, lack))
    if asked.skip >= longest:
        return refused(asked, all_shown(longest))
    unknown = sum(map(lack.of, asked.papers))
    also = [("not known", unknown)] if unknown else []
    text = " ".join([asked.all_counted(lack), *said])
    return with_counts(asked, text, *tables, also=also, page=page)


def about(asked: AskedPapers) -> Answer:
    """Say how many papers there are, of which days, and what their records tell."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    papers = asked.papers
    dates = sorted(p.date for p in papers if p.date)
    found = _phrases(asked, PAGE)
    said = [asked.all_counted(), *_spoken_of(found), *_namesakes(papers)]
    if dates:
        days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        said.append(f"The dates on record are {days}." if len(dates) > 1 else f"Dated {days}.")
    if not asked.conditions:
        said.append(_NOT_TOLD)
    sources = asked.catalogue.names("source", [p.paper_id for p in papers])
    organisations = _organisations(papers)
    # Those of a few papers tell nothing of all.
    tells = 2 * sum(n for _, n in organisations) >= len(papers)
    tables = [
        ("In the title", found),
        ("The record tells", known(papers)),
        ("Seen in", [*sources.items()]),
        ("Organisation", organisations if tells else []),
    ]
    return with_counts(asked, " ".join(said), *(table for table in tables if table[1]))


def _spoken_of(phrases: Sequence[tuple[str, int]]) -> list[str]:
    """Say what most titles speak of; nothing where no two share a phrase."""
    named = [f"{phrase} ({n:,})" for phrase, n in phrases[:_FEW_PHRASES]]
    return [f"Titles speak most of {enumerated(named)}."] if named else []


def _namesakes(papers: Sequence[Facts]) -> list[str]:
    """Say how many papers share a title with another, of so many as are soon looked through."""
    if not 1 < len(papers) <= _MOST_TITLES:
        return []
    named = Counter(identity_key(p.title) for p in papers)
    n = sum(n for n in named.values() if n > 1)
    return [f"{n:,} share a title with another." if n else "No two have the same title."]


def known(papers: Sequence[Facts]) -> list[tuple[str, int]]:
    """Count the papers whose records tell each of what a record may tell."""
    named = {
        "a date": DATE,
        "an organisation": ORGANISATION,
        "upvotes": UPVOTES,
        "a number of authors": AUTHORS,
        "the names of authors": NAMES,
    }
    return [(what, sum(not lack.of(p) for p in papers)) for what, lack in named.items()]


def _phrases(asked: AskedPapers, most: int) -> list[tuple[str, int]]:
    return common_phrases(_titles(asked), asked.words.terms, most)


def _words(asked: AskedPapers, most: int) -> list[tuple[str, int]]:
    return common_words(_titles(asked), asked.words.terms, most)


def _titles(asked: AskedPapers) -> Sequence[str]:
    """Return the titles of the papers asked about, or of each second one, or third, and so on."""
    step = -(-len(asked.papers) // _MOST_TITLES)
    return [p.title for p in asked.papers[::step]]


def topics(asked: AskedPapers) -> Answer:
    """Say which phrases stand in most titles."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    if asked.request.each in (Group.YEAR, Group.MONTH) and (told := _topics_by_year(asked)):
        return told
    found = _phrases(asked, asked.skip + 2 * page_of(asked))
    if asked.skip >= len(found):
        shared = all_shown(len(found)) if found else "No two titles of these share a phrase."
        return refused(asked, shared)
    n = len(asked.papers)
    sampled = f" (of {_MOST_TITLES:,} or fewer that were looked at)" * (n > _MOST_TITLES)
    text = f"{asked.all_counted()} Phrases that stand in the most titles{sampled}, with how many:"
    alone = [] if asked.skip else _words(asked, PAGE)
    tables = [("In the title", found), ("Words in the title", alone)]
    return with_counts(asked, text, *(table for table in tables if table[1]))


def _topics_by_year(asked: AskedPapers) -> Answer | None:
    """Say how many titles of each of the last years have the phrases that most titles have.

    Returns:
        None where papers of one year alone, or of none, have a date.
    """
    by_year = grouped(asked, asked.papers, Group.YEAR)
    years = sorted(by_year)[-_LAST_YEARS:]
    if len(years) <= 1:
        return None
    dated = [p for year in years for p in by_year[year]]
    terms = asked.words.terms
    found = common_phrases([p.title for p in dated], terms, 2 * PAGE)
    titles = {year: [terms(p.title) for p in by_year[year]] for year in years}
    counts = {
        phrase: [sum(has_in_a_row(title, searched) for title in titles[year]) for year in years]
        for phrase, _ in found
        for searched in [tuple(terms(phrase))]
    }
    shares = {
        phrase: [n / len(by_year[y]) for n, y in zip(of_it, years, strict=True)]
        for phrase, of_it in counts.items()
    }
    ordered = sorted(counts, key=lambda phrase: fmean(shares[phrase][:-1]) - shares[phrase][-1])
    n = counted(len(dated), "paper")
    text = (
        f"{asked.all_counted(DATE)} Of the {n} of {years[0]} to {years[-1]}, how many titles have"
        f" each phrase, those first whose share of {years[-1]} is most above that of the years"
        " before:"
    )
    rows = [("all papers", [len(by_year[y]) for y in years])]
    rows += [(phrase, counts[phrase]) for phrase in ordered]
    table = Block(
        form="table",
        columns=("In the title", *years),
        rows=tuple(
            tuple(Cell(text=each) for each in (name, *(f"{n:,}" for n in of_it)))
            for name, of_it in rows
        ),
    )
    lines = [text, *(f"- {name}: {_by_years(years, of_it)}" for name, of_it in rows)]
    return answer(asked, lines, [Block(form="count", text=text, n=len(asked.papers)), table])


def _by_years(years: Sequence[str], counts: Sequence[int]) -> str:
    return ", ".join(f"{year} {n:,}" for year, n in zip(years, counts, strict=True))


def figures(asked: AskedPapers) -> Answer:
    """Say what upvotes and numbers of authors are on average, at least, at most and together."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    columns = {what: _values(what, asked.papers) for what in ("upvotes", "authors")}
    told = {what: values for what, values in columns.items() if values}
    if not told:
        return refused(asked, f"No record of {asked.those} tells upvotes or a number of authors.")
    said = [*asked.respelled, asked.counted()]
    said += [_summed_up(what, values) for what, values in told.items()]
    text = " ".join([*said, *asked.left_out()])
    names = ("Records", "Average", "Median", "Least", "Most", "Total")
    rows = [*told.items()]
    if group := asked.request.each or (Group.YEAR if _asks_of_years(asked) else None):
        groups = [*grouped(asked, asked.papers, group).items()][:PAGE]
        rows += [
            (f"{what}, {name}", values)
            for what in told
            for name, own in groups
            if (values := _values(what, own))
        ]
    table = Block(
        form="table",
        columns=("Of", *names),
        rows=tuple(
            tuple(Cell(text=each) for each in (what, *_summed_up_in_cells(values)))
            for what, values in rows
        ),
    )
    return answer(asked, [text], [Block(form="count", text=text, n=len(asked.papers)), table])


def _values(what: str, papers: Iterable[Facts]) -> list[int]:
    """Return the upvotes, or the numbers of authors, that records of papers tell."""
    found = (p.upvotes if what == "upvotes" else p.n_authors for p in papers)
    return [n for n in found if n is not None]


def _asks_of_years(asked: AskedPapers) -> bool:
    """Return True where the papers asked about are of several years that are named."""
    since, until = asked.filters.since, asked.filters.until
    return bool(since and until and since.year < until.year)


def _summed_up_in_cells(values: Sequence[int]) -> tuple[str, ...]:
    return (
        f"{len(values):,}",
        f"{fmean(values):,.1f}",
        f"{median(values):,g}",
        f"{min(values):,}",
        f"{max(values):,}",
        f"{sum(values):,}",
    )


def _summed_up(what: str, values: Sequence[int]) -> str:
    n = counted(len(values), "record")
    return (
        f"{n} {'tells' if len(values) == 1 else 'tell'} a number of {what}: {fmean(values):,.1f} on"
        f" average, median {median(values):,g}, from {min(values):,} to {max(values):,},"
        f" {sum(values):,} in all."
    )


def nothing_known(asked: AskedPapers, lack: Lack) -> str:
    """Say that no record of the papers asked about tells something."""
    if len(asked.papers) == 1:
        return f"{capital(asked.those)} has no {lack.no}."
    return f"None of {asked.those} has {lack.has}."
