"""Laying out: what is said by kind, in which order, over sentences made by hand."""

from footnote.rag.answering.plans import Side, comparison, prose, summary, survey
from footnote.rag.answering.roles import Role
from footnote.rag.answering.rows import idea_of
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.request import Kind
from tests.made import evidence, paper

ALPHA = paper(
    "Alpha: A Cache on Disk",
    "Caches grow. Alpha keeps blocks on disk. They are read in rows. Decoding is 2.5× faster.",
)
BRAVO = paper("Routing Questions", "Bravo routes questions to models. The bill falls by 40%.")


def places(said: tuple[Evidence, ...]) -> list[tuple[str, int]]:
    return [(e.paper.title[:5], e.number) for e in said]


def test_the_best_sentence_comes_first_and_the_others_in_the_order_of_the_abstract():
    ranked = [evidence(ALPHA, 1, 0.9), evidence(ALPHA, 3, 0.6), evidence(ALPHA, 2, 0.5)]
    said = prose(ranked, Kind.EXPLANATION, limit=5).said
    assert places(said) == [("Alpha", 1), ("Alpha", 2), ("Alpha", 3)]


def test_nothing_stands_before_the_best_sentence_but_what_it_leans_on():
    ranked = [evidence(ALPHA, 2, 0.9, leans=True), evidence(ALPHA, 0, 0.6), evidence(ALPHA, 1, 0.5)]
    assert places(prose(ranked, Kind.FACT, limit=5).said) == [("Alpha", 1), ("Alpha", 2)]


def test_a_sentence_that_hardly_belongs_is_not_said():
    ranked = [evidence(ALPHA, 1, 0.9), evidence(ALPHA, 3, 0.8, belongs=0.1)]
    assert places(prose(ranked, Kind.EXPLANATION, limit=5).said) == [("Alpha", 1)]


def test_a_second_paper_has_to_belong_more_surely():
    best, other = evidence(ALPHA, 1, 0.9), evidence(BRAVO, 0, 0.8, belongs=0.5)
    assert len(prose([best, other], Kind.EXPLANATION, limit=5).said) == 1
    sure = other._replace(belongs=0.7)
    assert len(prose([best, sure], Kind.EXPLANATION, limit=5).said) == 2


def test_what_was_said_is_not_said_again():
    ranked = [evidence(ALPHA, 1, 0.9), evidence(ALPHA, 3, 0.6)]
    said = prose(ranked, Kind.FACT, limit=5, said={ranked[0].key}).said
    assert places(said) == [("Alpha", 3)]


def test_a_survey_has_a_row_a_paper_with_what_it_proposes_and_reports():
    alpha = [evidence(ALPHA, 3, 0.9, role=Role.RESULT), evidence(ALPHA, 1, 0.5)]
    part = survey([alpha], n_more=1)
    [row] = part.rows
    assert [field.text for field in row] == [ALPHA.title, "", "", ""]
    assert [places(field.evidence) for field in row] == [[], [], [("Alpha", 1)], [("Alpha", 3)]]
    assert part.n_more == 1


def test_a_row_begins_with_the_likeliest_idea_though_no_sentence_is_mostly_that():
    background, idea = (
        evidence(ALPHA, number)._replace(roles=roles)
        for number, roles in (
            (0, (0.9, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0)),
            (1, (0.4, 0.0, 0.3, 0.3, 0.0, 0.0, 0.0)),
        )
    )
    [row] = survey([[background, idea]]).rows
    assert places(row[2].evidence) == [("Alpha", 1)]


def test_what_leads_up_to_an_idea_is_it_only_where_nothing_else_is_there():
    problem, mechanism = (
        evidence(ALPHA, number)._replace(roles=roles)
        for number, roles in (
            (0, (0.4, 0.3, 0.3, 0.0, 0.0, 0.0, 0.0)),
            (1, (0.2, 0.0, 0.1, 0.7, 0.0, 0.0, 0.0)),
        )
    )
    assert idea_of([problem, mechanism])[0] is mechanism
    assert idea_of([problem])[0] is problem


def test_a_row_says_the_result_with_a_figure():
    plain, figure = (
        evidence(ALPHA, number, role=Role.RESULT)._replace(features={"quantity": quantity})
        for number, quantity in ((2, 0.0), (3, 1.0))
    )
    [row] = survey([[evidence(ALPHA, 1), plain, figure]]).rows
    assert places(row[3].evidence) == [("Alpha", 3)]


def test_where_the_idea_hardly_shows_what_is_asked_what_does_is_said_beside_it():
    idea = evidence(ALPHA, 1)
    shows = evidence(ALPHA, 2, role=Role.MECHANISM)._replace(features={"coverage": 1.0})
    far = idea._replace(score=0.01)
    [row] = survey([[far, shows._replace(score=0.99)]]).rows
    assert places(row[2].evidence) == [("Alpha", 1), ("Alpha", 2)]
    [row] = survey([[idea, evidence(ALPHA, 2, 0.01, role=Role.ASIDE)]]).rows
    assert places(row[2].evidence) == [("Alpha", 1)]


def test_a_side_that_no_paper_is_about_is_named():
    sides = [Side("Alpha", (evidence(ALPHA, 1),)), Side("Medusa", ())]
    table, missing = comparison(sides, [])
    assert table.columns == ("", "Alpha")
    assert missing.text == "No paper here is about “Medusa”."


def test_two_sides_that_nothing_compares_are_said_to_be_uncompared():
    sides = [Side("Alpha", (evidence(ALPHA, 1),)), Side("Bravo", (evidence(BRAVO, 0),))]
    table, remark = comparison(sides, [])
    assert table.columns == ("", "Alpha", "Bravo")
    assert [row[0].text for row in table.rows] == ["Paper", "What it is"]
    assert remark.text == "No sentence here names both."


def test_what_sets_sides_against_each_other_comes_first_and_is_not_said_again():
    result = evidence(ALPHA, 3, role=Role.RESULT)
    sides = [
        Side("Alpha", (evidence(ALPHA, 1), result)),
        Side("Bravo", (evidence(BRAVO, 0), evidence(BRAVO, 1, role=Role.RESULT))),
    ]
    between, table = comparison(sides, [result])
    assert (between.heading, places(between.said)) == ("Against each other", [("Alpha", 3)])
    assert places(table.rows[-1][1].evidence) == []
    assert places(table.rows[-1][2].evidence) == [("Routi", 1)]


def columns(point: Kind | None) -> dict[str, list[list[tuple[str, int]]]]:
    """Two sides that have a sentence of each role, and the sentences of each row."""
    alpha = (
        evidence(ALPHA, 0, role=Role.BACKGROUND),
        evidence(ALPHA, 1),
        evidence(ALPHA, 2, role=Role.MECHANISM),
        evidence(ALPHA, 3, role=Role.RESULT),
    )
    bravo = (evidence(BRAVO, 0), evidence(BRAVO, 1, role=Role.RESULT))
    sides = [
        Side("Alpha", alpha, asked=(alpha[1], alpha[0])),
        Side("Bravo", bravo, asked=(bravo[1],)),
    ]
    table, _ = comparison(sides, [], point)
    return {row[0].text: [places(field.evidence) for field in row[1:]] for row in table.rows[1:]}


def test_a_comparison_says_what_each_side_is_before_the_point_and_nothing_twice():
    assert columns(Kind.NUMBER) == {
        "What it is": [[("Alpha", 1)], [("Routi", 0)]],
        "On the point asked": [[("Alpha", 0)], [("Routi", 1)]],
        "How it works": [[("Alpha", 2)], []],
        "What it reports": [[("Alpha", 3)], []],
    }


def test_how_it_works_is_not_said_beside_an_explanation_and_no_point_where_none_is_asked():
    assert "How it works" not in columns(Kind.EXPLANATION)
    assert "On the point asked" not in columns(None)


def test_a_summary_has_the_idea_of_each_paper_or_of_the_best_alone():
    ranked = [
        evidence(ALPHA, 3, 0.9, role=Role.RESULT), evidence(BRAVO, 0), evidence(ALPHA, 1, 0.2),
    ]  # fmt: skip
    assert places(summary(ranked, of_one=False).said) == [("Alpha", 1), ("Routi", 0)]
    assert places(summary(ranked, of_one=True).said) == [("Alpha", 1)]
