"""Draw small charts as SVG and HTML, each with its figures as a table."""

from collections.abc import Sequence
from html import escape

from footnote.ui.wording import Wording

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 320, 130, 34, 18, 8
# Labels below more columns than this would overlap.
_LABELS = 6


def columns(title: str, counted: Sequence[tuple[str, int]], say: Wording) -> str:
    """Draw counts as columns from left to right, with a table of them; all text is escaped."""
    if not counted:
        return ""
    most = max(n for _, n in counted) or 1
    step = (_WIDTH - _LEFT) / len(counted)
    drawn = [
        f'<rect x="{_LEFT + at * step + step * 0.1:.1f}" y="{_y(n / most):.1f}" '
        f'width="{step * 0.8:.1f}" height="{_y(0) - _y(n / most):.1f}" rx="1.5">'
        f"<title>{escape(name)}: {n:,}</title></rect>"
        for at, (name, n) in enumerate(counted)
    ]
    every = -(-len(counted) // _LABELS)
    labels = [
        f'<text x="{_LEFT + (at + 0.5) * step:.1f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{escape(name)}</text>"
        for at, (name, _) in enumerate(counted)
        if at % every == 0
    ]
    axis = _axis([(0, "0"), (1, f"{most:,}")])
    return _figure(
        title, "".join([axis, *drawn, *labels]), ["", say("growth.papers")], _counts(counted), say
    )


def line(
    title: str, axes: tuple[str, str], points: Sequence[tuple[float, float]], say: Wording
) -> str:
    """Draw points, their numbers in [0, 1], joined from left to right, with a table of them."""
    if not points:
        return ""
    most = max(max(y for _, y in points), 0.1)
    path = " ".join(f"{_LEFT + x * (_WIDTH - _LEFT - 6):.1f},{_y(y / most):.1f}" for x, y in points)
    labels = (
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">0%</text>'
        f'<text x="{(_WIDTH + _LEFT) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">'
        f"{escape(axes[0])}</text>"
        f'<text x="{_WIDTH - 6}" y="{_HEIGHT - 4}" text-anchor="end">100%</text>'
    )
    axis = _axis([(0, "0%"), (1, f"{most:.0%}")])
    rows = [[f"{x:.0%}", f"{y:.1%}"] for x, y in points]
    return _figure(title, f'{axis}<polyline points="{path}"/>{labels}', list(axes), rows, say)


def bars(
    title: str, rows: Sequence[tuple[str, float, str]], say: Wording, heading: str = ""
) -> str:
    """Lay out values as a table with a bar in each row; all text is escaped.

    Args:
        title: What the table is of.
        rows: Name, value of at least 0, and the value as it is written.
        say: The page's words.
        heading: What the values are; papers where nothing is said.
    """
    most = max((value for _, value, _ in rows), default=0) or 1
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="fp-bar"><i aria-hidden="true" '
        f'style="width:{value / most:.1%}"></i><span>{escape(written)}</span></td></tr>'
        for name, value, written in rows
    )
    if not rows:
        return ""
    return (
        f'<table class="fp-bars"><caption>{escape(title)}</caption><thead class="fp-unseen"><tr>'
        f'<th scope="col">{escape(say("plot.name"))}</th>'
        f'<th scope="col">{escape(heading or say("growth.papers"))}</th></tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)


def _axis(marks: Sequence[tuple[float, str]]) -> str:
    return "".join(
        f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(at):.1f}" y2="{_y(at):.1f}"/>'
        f'<text x="{_LEFT - 4}" y="{_y(at) + 4:.1f}" text-anchor="end">{escape(text)}</text>'
        for at, text in marks
    )


def _counts(counted: Sequence[tuple[str, int]]) -> list[list[str]]:
    return [[name, f"{n:,}"] for name, n in counted]


def _figure(
    title: str,
    drawn: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    say: Wording,
) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    return (
        f'<figure class="fp-figure"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{drawn}'
        f"</svg><details><summary>{escape(say('plot.table'))}</summary><table><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></details></figure>"
    )
