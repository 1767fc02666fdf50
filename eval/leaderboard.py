"""The leaderboard of a set of questions, written from the reports of the systems on it."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from footnote.eval.report import EvalReport, load_report
from footnote.rag.core.errors import DatasetError

# By measure, what it is called there.
_COLUMNS = {
    "nDCG@10": "nDCG@10",
    "R@10": "Recall@10",
    "fact recall": "key facts",
    "answered": "answered",
    "refused": "refused",
}


def leaderboard(reports: Sequence[EvalReport]) -> Iterator[str]:
    """Write a row of Markdown a system, means with 95% intervals.

    The system with the highest nDCG@10 comes first; ties stand as given.

    Args:
        reports: One a system, at least one.

    Raises:
        DatasetError: They are not all of the same questions over the same papers.
    """
    first = reports[0]
    for report in reports[1:]:
        if _questions(report) != _questions(first) or report.corpus != first.corpus:
            raise DatasetError(
                f"{report.system} was measured on other questions or papers than {first.system}; "
                "measure both on the same"
            )
    yield f"{first.n_questions} questions of `{first.dataset}`, papers `{first.corpus}`."
    yield ""
    yield "| system | " + " | ".join(_COLUMNS.values()) + " | measured | by Footnote |"
    yield "|---" * (len(_COLUMNS) + 3) + "|"
    for report in sorted(reports, key=_ndcg, reverse=True):
        cells = [_cell(report, measure) for measure in _COLUMNS]
        about = (report.day or "–", report.version or "–")
        yield "| " + " | ".join(map(str, (report.system, *cells, *about))) + " |"


def _questions(report: EvalReport) -> set[str]:
    """Return the ids of all questions: each is one that should be answered, or be refused."""
    return {q for measure in ("answered", "refused") for q in report.values.get(measure, ())}


def _ndcg(report: EvalReport) -> float:
    mean = report.means["all"].get("nDCG@10")
    return mean.mean if mean else 0.0


def _cell(report: EvalReport, measure: str) -> str:
    mean = report.means["all"].get(measure)
    return f"{mean.mean:.3f} ({mean.low:.3f}–{mean.high:.3f})" if mean else "–"


def main() -> None:
    """Print the leaderboard of the reports that are named."""
    parser = argparse.ArgumentParser(
        prog="python -m footnote.eval.leaderboard",
        description="Write reports of systems on one set of questions as a table in Markdown.",
    )
    parser.add_argument("reports", nargs="+", type=Path, metavar="report.json")
    asked = parser.parse_args()
    try:
        lines = [*leaderboard([load_report(file) for file in asked.reports])]
    except DatasetError as error:
        sys.exit(f"leaderboard: {error}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
